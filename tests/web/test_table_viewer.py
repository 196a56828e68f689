"""Tables and figures that clients log: read from their files, paged, sorted, with pictures."""

import base64
import json
import re
import struct
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.artifacts.models import ArtifactVersion
from apps.artifacts.services import FileSpec, begin_artifact, seal_artifact
from apps.content.services import store
from apps.web import grid_file
from apps.web.figure_file import MAX_VALUES, figure_in
from apps.web.present.grid import MAX_COLUMNS, PAGE_SIZE, ShownGrid
from apps.web.references import files_meant
from tests import build
from tests.web.test_files import PAGE, holding, png
from tests.web.test_version_page import words
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def table() -> build.Table:
    return build.table(())


def logged(columns: list[Any], data: list[Any]) -> bytes:
    return json.dumps({"columns": columns, "data": data}).encode()


def shown(
    table: build.Table, files: dict[str, bytes], path: str = "t.table.json", query: str = ""
) -> tuple[str, ShownGrid]:
    """The page of a file, and the table on it."""
    holding(table, files)
    answer = browser(table.viewer).get(f"{PAGE}/view/{path}{query}")
    assert answer.status_code == 200, answer.status_code
    return text_of(answer), answer.context["grid"]


def column(page: str, place: int) -> list[str]:
    """The cells of one column of the table."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [row for row in body.split("<tr>") if row]
    cells = [re.findall(r"<td.*?</td>", row, re.DOTALL) for row in rows]
    return [words(row[place]).strip() for row in cells]


class TestReading:
    def test_values_of_every_kind(self, table: build.Table) -> None:
        row = [1, 0.25, "text <b>", None, True, {"a": [1]}, [1, 2], float("nan"), 10**30]
        page, grid = shown(table, {"t.table.json": logged(list("abcdefghi"), [row])})
        assert [head.name for head in grid.heads] == list("abcdefghi")
        assert '<td class="is-number"><span title="0.25">0.25</span></td>' in page
        assert "<td><bdi>text &lt;b&gt;</bdi></td>" in page
        assert '<td class="is-missing">–</td>' in page
        assert "<code>{&quot;a&quot;: [1]}</code>" in page
        assert "≈1e30" in page

    def test_rows_of_other_lengths(self, table: build.Table) -> None:
        page, _grid = shown(
            table, {"t.table.json": logged(["a", "b"], [[1], [2, 3, 4], "alone", []])}
        )
        assert column(page, 1) == ["–", "3", "–", "–"]

    @pytest.mark.parametrize("data", [b"a,b\n1,<i>\n", b"a;b\r\n1;<i>\r\n", b"a\tb\n1\t<i>"])
    def test_csv(self, table: build.Table, data: bytes) -> None:
        page, grid = shown(table, {"a.csv": data}, "a.csv")
        assert [head.name for head in grid.heads] == ["a", "b"]
        assert '<td class="is-number">1</td>' in page
        assert "<td><bdi>&lt;i&gt;</bdi></td>" in page

    @pytest.mark.parametrize(
        "data",
        [
            b'{"columns": [], "data": []}',
            b'{"columns": ["a"], "data": 3}',
            b'{"columns": "a", "data": []}',
            b'{"columns": ["a"], "data": [[1]]',
            b'{"columns": ["a"], "data": ' + b"[" * 40 + b"]" * 40 + b"}",
            b'{"columns": ["\\ud800"], "data": []}',
        ],
    )
    def test_what_is_no_table_is_text(self, table: build.Table, data: bytes) -> None:
        holding(table, {"t.table.json": data})
        answer = browser(table.viewer).get(f"{PAGE}/view/t.table.json")
        assert answer.status_code == 200
        assert '<pre class="text"' in text_of(answer)

    def test_one_without_rows_says_so(self, table: build.Table) -> None:
        page, _grid = shown(table, {"t.table.json": logged(["a"], [])})
        assert "The table has no rows" in page

    def test_one_that_is_too_large_is_only_handed_out(
        self, table: build.Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = logged(["text"], [["x" * 1000]] * (grid_file.MAX_BYTES // 1000))
        assert len(data) > grid_file.MAX_BYTES
        holding(table, {"t.table.json": data})
        page = text_of(browser(table.viewer).get(f"{PAGE}/view/t.table.json"))
        assert "Tables and figures of up to 8.4 MB are shown as such; download this one." in page
        assert f'href="{PAGE}/files/t.table.json"' in page
        assert "<table" not in page

    def test_a_million_empty_lists_are_not_read(self, table: build.Table) -> None:
        data = b'{"columns": ["a"], "data": [' + b",".join([b"[]"] * 1_000_001) + b"]}"
        holding(table, {"t.table.json": data})
        assert "<table" not in text_of(browser(table.viewer).get(f"{PAGE}/view/t.table.json"))

    def test_the_beginning_of_a_long_csv(
        self, table: build.Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(grid_file, "MAX_BYTES", 100)
        monkeypatch.setattr(grid_file, "HEAD_BYTES", 50)
        page, _grid = shown(table, {"a.csv": b"a,b\n" + b"1,22\n" * 40}, "a.csv")
        assert column(page, 1) == ["22"] * 9
        assert "The first 50 B of 204 B." in page

    def test_columns_without_end_are_cut(self, table: build.Table) -> None:
        names = [f"c{n}" for n in range(200)]
        page, grid = shown(table, {"t.table.json": logged(names, [list(range(200))])})
        assert len(grid.heads) == MAX_COLUMNS
        assert "The first 60 of 200 columns" in page


class TestOrderAndPages:
    def test_pages(self, table: build.Table) -> None:
        files = {"t.table.json": logged(["n"], [[n] for n in range(2 * PAGE_SIZE + 5)])}
        page, grid = shown(table, files)
        assert column(page, 0)[-1] == str(PAGE_SIZE - 1)
        assert grid.text == "Rows 1–50 of 105"
        last = text_of(browser(table.viewer).get(f"{PAGE}/view/t.table.json?page=9"))
        assert column(last, 0) == ["100", "101", "102", "103", "104"]
        assert "Rows 101–105 of 105" in last

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", ["10", "–", "9", "b", "NaN", "A"]),
            ("?sort=1", ["9", "10", "A", "b", "–", "NaN"]),
            ("?sort=-1", ["b", "A", "10", "9", "–", "NaN"]),
        ],
    )
    def test_numbers_then_texts_and_what_is_missing_last(
        self, table: build.Table, query: str, found: list[str]
    ) -> None:
        data = [[10], [None], [9], ["b"], [float("nan")], ["A"]]
        page, _grid = shown(table, {"t.table.json": logged(["v"], data)}, query=query)
        assert column(page, 0) == [*found]

    def test_numbers_in_csv_are_sorted_as_numbers(self, table: build.Table) -> None:
        page, grid = shown(table, {"a.csv": b"v\n10\n9\n1e1\n-3.5\n"}, "a.csv", "?sort=1")
        assert column(page, 0) == ["-3.5", "9", "10", "1e1"]
        assert grid.heads[0].url.endswith("?sort=-1")
        assert grid.heads[0].order == "ascending"

    @pytest.mark.parametrize("query", ["sort=x", "sort=99", "sort=-99", "page=x", "page=²"])
    def test_an_order_that_makes_no_sense(self, table: build.Table, query: str) -> None:
        holding(table, {"t.table.json": logged(["a"], [[1]])})
        assert browser(table.viewer).get(f"{PAGE}/view/t.table.json?{query}").status_code == 400

    def test_htmx_gets_the_table_alone(self, table: build.Table) -> None:
        holding(table, {"t.table.json": logged(["a"], [[1]])})
        headers = {"HX-Request": "true", "HX-Target": "grid"}
        page = browser(table.viewer).get(f"{PAGE}/view/t.table.json?sort=1", headers=headers)
        assert text_of(page).strip().startswith('<section class="panel grid-file')


class TestPictures:
    def test_pictures_of_the_same_artifact_are_small_links(self, table: build.Table) -> None:
        wandb = {"_type": "image-file", "path": "media/images/a.png", "caption": '"cat"'}
        mlflow = {"type": "image", "filepath": "b.png", "compressed_filepath": "b.webp"}
        gone = {"_type": "image-file", "path": "media/images/gone.png"}
        files = {
            "t.table.json": logged(["image"], [[wandb], [mlflow], [gone]]),
            "media/images/a.png": png(),
            "b.png": png(),
        }
        page, _grid = shown(table, files)
        assert (
            f'<a class="thumb" href="{PAGE}/view/media/images/a.png">'
            f'<img src="{PAGE}/image/media/images/a.png" alt="&quot;cat&quot;" loading="lazy"></a>'
        ) in page
        assert f'src="{PAGE}/image/b.png"' in page
        assert page.count("<img") == 2
        assert "gone.png" in page

    def test_a_small_copy_is_preferred(self, table: build.Table) -> None:
        picture = {"type": "image", "filepath": "b.png", "compressed_filepath": "b.webp"}
        files = {"t.json": logged(["i"], [[picture]]), "b.png": png(), "b.webp": png()}
        page, _grid = shown(table, files, "t.json")
        assert f'src="{PAGE}/image/b.webp"' in page

    def test_another_medium_is_a_link(self, table: build.Table) -> None:
        cell = {"_type": "html-file", "path": "a.html"}
        files = {"t.table.json": logged(["m"], [[cell]]), "a.html": b"<script>"}
        page, _grid = shown(table, files)
        assert f'<a href="{PAGE}/view/a.html"><bdi>a.html</bdi></a>' in page

    def reference(self, artifact: ArtifactVersion, path: str) -> str:
        """As W&B's client writes a reference to a file of another artifact."""
        return f"wandb-artifact://{f'Artifact:{artifact.pk}'.encode().hex()}/{path}"

    def test_pictures_and_tables_of_another_artifact(self, table: build.Table) -> None:
        kept = holding(table, {"a.png": png()}, name="kept").artifact
        access = build.access(table.editor, project=table.project)
        cell = {"_type": "image-file", "path": "media/a.png"}
        blob = store(
            owner_id=table.project.pk, stream=BytesIO(logged(["i"], [[cell]])), max_bytes=10**6
        )
        artifact = begin_artifact(
            type="dataset",
            files=[
                FileSpec("t.table.json", digest=blob.digest),
                FileSpec("media/a.png", reference=self.reference(kept, "a.png")),
            ],
            access=access,
        )
        shelf = build.collection(table.editor, table.project, "set", type="dataset")
        seal_artifact(artifact=artifact, collection=shelf, access=access)
        client = browser(table.viewer)
        other = "/main/digits/artifacts/dataset/kept/v1"
        page = text_of(client.get(f"{PAGE}/view/t.table.json"))
        assert f'<a class="thumb" href="{other}/view/a.png"><img src="{other}/image/a.png"' in page
        page = text_of(client.get(f"{PAGE}/view/media/a.png"))
        assert f'<a href="{other}/view/a.png"><bdi>kept:v1/a.png</bdi></a>' in page

    def test_a_reference_to_what_is_hidden_says_nothing(self, table: build.Table) -> None:
        secret = build.project(table.curator, "secret", private=True)
        hidden = build.version(
            table.curator, build.collection(table.curator, secret, "hidden", type="dataset")
        ).artifact
        for reference in (
            self.reference(hidden, "data.bin"),
            *("wandb-artifact://zz/x", "wandb-artifact://00/x", "wandb-artifact://"),
            "wandb-artifact://" + b"Artifact:99999999999999999999".hex() + "/x",
        ):
            assert files_meant([reference], table.viewer) == {}

    def test_many_pictures_cost_the_queries_of_one(self, table: build.Table) -> None:
        client = browser(table.viewer)

        def queries(name: str) -> int:
            with CaptureQueriesContext(connection) as found:
                client.get(f"/main/digits/artifacts/dataset/{name}/v1/view/t.table.json")
            return len(found)

        for name, count in (("one", 1), ("many", 40)):
            cells = [[{"_type": "image-file", "path": f"{n}.png"}] for n in range(count)]
            pictures = {f"{n}.png": png() for n in range(count)}
            holding(table, {"t.table.json": logged(["i"], cells), **pictures}, name=name)
        assert queries("many") == queries("one")


HOSTILE = (
    '"><script>alert(1)</script>',
    "javascript:alert(1)",
    "<img src=x onerror=alert(1)>",
    "https://evil.example/a.png",
    "../../../../etc/passwd",
    "\u202egnp.exe",
    "x" * 300_000,
    "a\n" * 50_000,
)


class TestHostileContent:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_in_every_slot_it_stays_text(self, table: build.Table, text: str) -> None:
        cells = [
            text,
            {text: text},
            [text],
            {"_type": "image-file", "path": text, "caption": text},
            {"_type": text, "path": "a.png"},
            {"type": "image", "filepath": text},
            {"_type": "image-file", "path": "a.png", "caption": text},
        ]
        files = {
            "t.table.json": logged([text, text, {"a": text}, *"defg"], [cells, cells[::-1]]),
            "a.png": png(),
        }
        page, _grid = shown(table, files, query="?sort=4")
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert 'href="javascript' not in page
        assert 'src="https' not in page
        assert "\u202e" not in page
        assert len(page) < 200_000

    def test_deep_cells(self, table: build.Table) -> None:
        deep: Any = 1
        for _ in range(25):
            deep = {"a": [deep, "<b>"]} if isinstance(deep, int) else [deep]
        page, _grid = shown(table, {"t.table.json": logged(["d"], [[deep]])})
        assert "<b>" not in page.partition("<tbody>")[2].partition("</tbody>")[0]

    def test_csv_with_a_formula_and_markup(self, table: build.Table) -> None:
        page, _grid = shown(
            table, {"a.csv": b'<script>x</script>,b\n=cmd(),"<img src=x>"\n'}, "a.csv"
        )
        assert "<script>x" not in page
        assert "<img src=x" not in page


class TestFigures:
    def figure(self, *traces: Any, **layout: Any) -> dict[str, Any]:
        found = figure_in({"data": list(traces), "layout": layout}, key="figure", title="file")
        assert found is not None
        return found.chart.figure

    def test_lines_with_their_axes(self) -> None:
        figure = self.figure(
            {"type": "scatter", "mode": "lines", "x": [1, 2], "y": [3, None], "name": "a"},
            xaxis={"title": {"text": "epoch"}, "type": "log"},
        )
        assert figure["data"] == [
            {"x": [1, 2], "y": [3, None], "name": "a", "mode": "lines", "type": "scatter"}
        ]
        assert figure["layout"]["xaxis"]["title"]["text"] == "epoch"
        assert figure["layout"]["xaxis"]["type"] == "log"

    def test_arrays_as_bytes(self) -> None:
        packed = base64.b64encode(struct.pack("<3d", 1, 2.5, float("nan"))).decode()
        y = {"dtype": "f8", "bdata": packed}
        z = {"dtype": "i1", "bdata": base64.b64encode(b"\1\2\3\4").decode(), "shape": "2, 2"}
        figure = self.figure({"y": y}, {"type": "heatmap", "z": z})
        assert figure["data"][0]["y"] == [1, 2.5, None]
        assert figure["data"][1]["z"] == [[1, 2], [3, 4]]

    @pytest.mark.parametrize(
        "trace",
        [
            {"type": "image", "source": "https://evil.example/a.png"},
            {"type": "scattergeo", "lat": [1]},
            {"type": "scattermapbox"},
            {"type": 3},
            {"type": ["scatter"]},
        ],
    )
    def test_kinds_that_could_load_something_are_left_out(self, trace: Any) -> None:
        assert figure_in({"data": [trace], "layout": {}}, key="figure", title="x") is None
        found = figure_in({"data": [trace, {"y": [1]}]}, key="figure", title="x")
        assert found is not None
        assert found.note == "Parts of the figure that are of other kinds are left out: 1."
        assert len(found.chart.figure["data"]) == 1

    def test_nothing_that_loads_links_or_programs_gets_through(self) -> None:
        evil = "https://evil.example/x"
        figure = self.figure(
            {
                "type": "scatter",
                "x": [1],
                "y": ['<a href="https://evil.example">y</a>'],
                "name": f'<a href="{evil}">name</a>',
                "text": [f"<a href='{evil}'>t</a>"],
                "hovertemplate": f"<a href='{evil}'>",
                "meta": evil,
                "customdata": [evil],
                "transforms": [{}],
                "marker": {"color": f"url({evil})", "symbol": evil, "line": {"color": evil}},
                "line": {"color": "expression(alert(1))", "dash": "</script>"},
                "visible": evil,
            },
            title={"text": f'<a href="{evil}">title</a>'},
            images=[{"source": evil}],
            mapbox={"style": evil},
            updatemenus=[{"buttons": []}],
            sliders=[{}],
            template={"layout": {"images": [{"source": evil}]}},
            annotations=[{"text": f'<a href="{evil}">x</a>'}],
            shapes=[{"path": evil}],
            xaxis={"title": evil + "<img src=x>", "ticktext": ["<img src=x>"], "rangeslider": {}},
            font={"family": evil},
            meta=evil,
        )
        text = json.dumps(figure)
        assert "<" not in text
        for word in ("images", "template", "updatemenus", "customdata", "url(", "hovertemplate"):
            assert word not in text
        assert figure["layout"]["meta"] == "logged"
        # As words, which is all that they can be here.
        assert figure["layout"]["xaxis"]["title"]["text"] == f"{evil} "

    @pytest.mark.parametrize(
        "value",
        [
            None,
            [],
            {"data": []},
            {"data": 3, "layout": {}},
            {"data": [3], "layout": {}},
            {"data": [{"y": [1]}], "layout": 3},
            {"data": [{"y": [0] * (MAX_VALUES + 1)}, {"y": [0] * MAX_VALUES}, {"x": [1]}]},
        ],
    )
    def test_what_is_no_figure(self, value: object) -> None:
        assert figure_in(value, key="figure", title="x") is None

    @pytest.mark.parametrize(
        "y",
        [
            {"dtype": "f8", "bdata": "!"},
            {"dtype": "f8", "bdata": "AAAA"},
            {"dtype": "object", "bdata": "AAAA"},
            {"dtype": "i1", "bdata": "AAAA", "shape": "9,9"},
            {"dtype": "i1", "bdata": "AAAA", "shape": "x"},
            {"dtype": ["i1"], "bdata": 3},
            "text",
            {"a": 1},
        ],
    )
    def test_data_that_cannot_be_read_is_left_out(self, y: object) -> None:
        assert "y" not in self.figure({"x": [1], "y": y})["data"][0]

    def test_on_its_page_with_its_values_and_as_json(self, table: build.Table) -> None:
        data = {"data": [{"type": "bar", "x": ["a"], "y": [3]}], "layout": {"title": "<i>T</i> 1"}}
        holding(table, {"p.plotly.json": json.dumps(data).encode()})
        page = text_of(browser(table.viewer).get(f"{PAGE}/view/p.plotly.json"))
        assert '<figure class="panel chart" id="figure"' in page
        assert "<h2> T  1</h2>" in page
        assert '<th scope="row">bar 1</th><td class="is-number">a</td>' in page
        assert "The figure as JSON" in page
