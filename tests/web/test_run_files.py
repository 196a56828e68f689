"""The files that a run keeps: found on its page, shown inert, handed out; media and code too."""

from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.artifacts.services import FileSpec, begin_artifact, seal_artifact
from apps.content.services import store
from apps.projects.access import Access
from apps.runs.files import NewFile, put_files
from apps.runs.models import Run
from apps.runs.services import log_points
from apps.series.services import ObjectValue
from tests import build
from tests.web.test_files import png
from tests.web.test_version_page import section, words
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> User:
    return build.user()


@pytest.fixture
def allowed(editor: User) -> Access:
    return build.access(editor, project=build.project(editor))


@pytest.fixture
def run(editor: User, allowed: Access) -> Run:
    assert allowed.project is not None
    return build.run(editor, allowed.project, name="try <1>")


def keep(run: Run, allowed: Access, files: dict[str, bytes]) -> None:
    """Store these files with the run."""
    put_files(
        run=run,
        files=[
            NewFile(path, store(owner_id=run.project_id, stream=BytesIO(data), max_bytes=10**8))
            for path, data in files.items()
        ],
        access=allowed,
    )


def address(run: Run, rest: str = "") -> str:
    return f"/main/digits/runs/{run.key}{rest}"


class TestTheListOfFiles:
    def test_folders_files_and_what_is_found(self, run: Run, allowed: Access, editor: User) -> None:
        keep(run, allowed, {f"media/images/{n:02}.png": png() for n in range(12)})
        keep(run, allowed, {"config.yaml": b"lr: 1"})
        client = browser(editor)

        top = text_of(client.get(address(run, "?show=files")))
        inside = text_of(client.get(address(run, "?show=files&folder=media/images")))
        found = text_of(client.get(address(run, "?show=files&find=11.P")))

        assert "media/ 12 files" in section(top, "files-head")
        assert f'href="{address(run)}?show=files&amp;folder=media#files"' in top
        assert f'href="{address(run)}/files/config.yaml"' in top
        assert "All files / media / images 00.png" in section(inside, "files-head")
        assert f'href="{address(run)}/view/media/images/11.png"' in found
        assert "media/images/10.png" not in found
        # A search without scripts stays among the files.
        assert '<input type="hidden" name="show" value="files">' in found

    def test_a_run_without_files_says_what_would_be_here(self, run: Run, editor: User) -> None:
        page = text_of(browser(editor).get(address(run, "?show=files")))
        assert "Files that the run saves appear here" in page

    @pytest.mark.parametrize("query", ["folder=nothing", "folder=media/im"])
    def test_a_folder_that_is_not_there(
        self, run: Run, allowed: Access, editor: User, query: str
    ) -> None:
        keep(run, allowed, {"media/images/a.png": png()})
        assert browser(editor).get(address(run, f"?show=files&{query}")).status_code == 404

    def test_htmx_gets_the_files_alone(self, run: Run, allowed: Access, editor: User) -> None:
        keep(run, allowed, {"media/a.png": png()})
        headers = {"HX-Request": "true", "HX-Target": "files"}
        page = browser(editor).get(address(run, "?show=files&folder=media"), headers=headers)
        assert text_of(page).strip().startswith('<section class="panel busy-dim"')
        assert "<html" not in text_of(page)

    def test_many_files_cost_the_queries_of_few(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        client = browser(editor)

        def queries() -> int:
            with CaptureQueriesContext(connection) as found:
                assert client.get(address(run, "?show=files")).status_code == 200
            return len(found)

        keep(run, allowed, {"a/0": b"1", "b": b"2"})
        few = queries()
        keep(run, allowed, {f"{n % 40}/{n}": b"1" for n in range(500)})
        assert queries() == few


class TestOneFile:
    @pytest.mark.parametrize("path", ["media/html/page.html", "drawing.svg", "script.js", "a.json"])
    def test_what_could_be_active_is_text(
        self, run: Run, allowed: Access, editor: User, path: str
    ) -> None:
        keep(run, allowed, {path: b'<svg onload=alert(1)><script src="//x.example"></script>'})
        client = browser(editor)
        page = text_of(client.get(address(run, f"/view/{path}")))
        assert "&lt;svg onload=alert(1)&gt;" in page
        assert "<svg onload" not in page
        assert client.get(address(run, f"/image/{path}")).status_code == 415
        kept = client.get(address(run, f"/files/{path}"))
        assert kept.headers["Content-Disposition"].startswith("attachment")
        assert kept.headers["Content-Type"] == "application/octet-stream"
        assert kept.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")

    def test_a_picture_and_the_way_back_to_its_folder(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        keep(run, allowed, {"media/images/a.png": png()})
        client = browser(editor)
        page = text_of(client.get(address(run, "/view/media/images/a.png")))
        assert f'<img src="{address(run)}/image/media/images/a.png" alt="a.png">' in page
        assert f'href="{address(run)}?show=files&amp;folder=media%2Fimages#files"' in page
        assert "try &lt;1&gt;" in page
        image = client.get(address(run, "/image/media/images/a.png"))
        assert (b"".join(image), image.headers["Content-Type"]) == (png(), "image/png")

    def test_a_part_of_a_file_is_handed_out(self, run: Run, allowed: Access, editor: User) -> None:
        keep(run, allowed, {"a.bin": b"0123456789"})
        part = browser(editor).get(address(run, "/files/a.bin"), headers={"Range": "bytes=2-4"})
        assert (part.status_code, b"".join(part)) == (206, b"234")

    def test_nobody_else_sees_it(self, run: Run, allowed: Access) -> None:
        keep(run, allowed, {"a.png": png()})
        stranger = browser(build.user(role=Role.ADMIN, team_name="others"))
        for kind in ("view", "image", "files"):
            assert stranger.get(address(run, f"/{kind}/a.png")).status_code == 404

    def test_a_file_of_another_run_is_not_found(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        keep(run, allowed, {"a.png": png()})
        assert allowed.project is not None
        other = build.run(editor, allowed.project)
        for kind in ("view", "image", "files"):
            assert browser(editor).get(address(other, f"/{kind}/a.png")).status_code == 404


class TestMedia:
    def log(self, run: Run, allowed: Access, **values: object) -> None:
        objects = [ObjectValue(key, 3, 1.0, value) for key, value in values.items()]
        log_points(run=run, objects=objects, access=allowed)

    def shown(self, run: Run, editor: User) -> str:
        return text_of(browser(editor).get(address(run, "?show=objects")))

    def test_a_picture_by_its_path(self, run: Run, allowed: Access, editor: User) -> None:
        keep(run, allowed, {"media/images/a.png": png()})
        picture = {"_type": "image-file", "path": "media/images/a.png", "caption": 'a "cat"'}
        self.log(run, allowed, sample=picture | {"width": 28, "height": 29})
        page = self.shown(run, editor)
        assert f'href="{address(run)}/view/media/images/a.png"' in page
        assert f'src="{address(run)}/image/media/images/a.png" alt="a &quot;cat&quot;"' in page
        assert "28 × 29" in page

    def test_a_picture_of_a_metric_with_an_awkward_name(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        keep(run, allowed, {"media/images/50_ crop_3_f0.png": png()})
        self.log(run, allowed, a={"_type": "image-file", "path": "media/images/50% crop_3_f0.png"})
        assert "/image/media/images/50_%20crop_3_f0.png" in self.shown(run, editor)

    def test_many_pictures_of_one_step(self, run: Run, allowed: Access, editor: User) -> None:
        paths = [f"media/images/{n}.png" for n in range(11)]
        keep(run, allowed, dict.fromkeys(paths, png()))
        pictures = {"_type": "images/separated", "filenames": paths, "captions": ["first"]}
        self.log(run, allowed, samples=pictures)
        page = self.shown(run, editor)
        assert page.count('<a class="thumb"') == 8
        assert 'alt="first"' in page
        assert "and 3 more" in page

    @pytest.mark.parametrize(
        ("kind", "path"),
        [
            ("table-file", "media/table/t.table.json"),
            ("html-file", "media/html/page.html"),
            ("plotly-file", "media/plotly/p.plotly.json"),
            ("audio-file", "media/audio/a.wav"),
            ("video-file", "media/videos/v.mp4"),
        ],
    )
    def test_anything_else_is_a_link_to_its_page(
        self, run: Run, allowed: Access, editor: User, kind: str, path: str
    ) -> None:
        keep(run, allowed, {path: b"<script>"})
        self.log(run, allowed, one={"_type": kind, "path": path})
        page = self.shown(run, editor)
        assert f'<a href="{address(run)}/view/{path}">' in page
        for tag in ("<video", "<audio", "<iframe", "<embed", "<object"):
            assert tag not in page

    def test_a_table_says_how_large_it_is(self, run: Run, allowed: Access, editor: User) -> None:
        keep(run, allowed, {"t.table.json": b"{}"})
        table = {"_type": "table-file", "path": "t.table.json", "nrows": 12, "ncols": 3}
        self.log(run, allowed, table=table)
        assert "12 rows, 3 columns" in words(self.shown(run, editor))

    def test_a_table_that_grows_by_steps_is_no_whole_one(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        keep(run, allowed, {"t.table.json": b"{}"})
        self.log(run, allowed, table={"_type": "incremental-table-file", "path": "t.table.json"})
        assert "part of a table" in words(self.shown(run, editor))

    def test_bins_of_one_width_have_edges(self, run: Run, allowed: Access, editor: User) -> None:
        packed = {"min": -1, "size": 0.5, "count": 4}
        self.log(
            run, allowed, h={"_type": "histogram", "values": [1, 2, 2, 1], "packedBins": packed}
        )
        assert "6 values in 4 bins from -1 to 1" in self.shown(run, editor).replace("−", "-")

    @pytest.mark.parametrize(
        "value",
        [
            {"_type": "image-file", "path": "../../../etc/passwd"},
            {"_type": "image-file", "path": "javascript:alert(1)"},
            {"_type": "image-file", "path": "https://x.example/a.png"},
            {"_type": "image-file", "path": ["a.png"]},
            {"_type": "images/separated", "filenames": "a.png", "captions": 3},
            {"_type": "images/separated", "filenames": [1, None, {}], "captions": [1]},
            {"_type": "<script>", "path": 'a"onerror=alert(1)'},
            {"_type": "histogram", "values": [1], "packedBins": {"min": 1e308, "size": 1e308}},
        ],
    )
    def test_hostile_values_lead_nowhere(
        self, run: Run, allowed: Access, editor: User, value: object
    ) -> None:
        self.log(run, allowed, odd=value)
        page = self.shown(run, editor)
        assert "<img" not in page
        assert 'href="javascript' not in page
        assert "<script>" not in page

    def test_many_media_cost_the_queries_of_one(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        client = browser(editor)

        def queries() -> int:
            with CaptureQueriesContext(connection) as found:
                client.get(address(run, "?show=objects"))
            return len(found)

        def picture(number: int) -> dict[str, str]:
            keep(run, allowed, {f"media/{number}.png": png()})
            return {"_type": "image-file", "path": f"media/{number}.png"}

        self.log(run, allowed, sample0=picture(0))
        one = queries()
        self.log(run, allowed, **{f"sample{n}": picture(n) for n in range(1, 30)})
        assert queries() == one


class TestCode:
    def test_the_difference_the_packages_and_the_scripts(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        patch = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old <b>\n+new\n same\n"
        keep(
            run,
            allowed,
            {
                "diff.patch": patch,
                "requirements.txt": b"numpy==2.0\n",
                "code/src/train.py": b"print()",
                "encode/no.py": b"",
            },
        )
        page = text_of(browser(editor).get(address(run, "?show=code")))
        assert '<span class="line is-removed">-old &lt;b&gt;</span>' in page
        assert '<span class="line is-added">+new</span>' in page
        assert '<span class="line is-place">+++ b/x</span>' in page
        assert "numpy==2.0" in page
        assert f'href="{address(run)}/view/code/src/train.py"' in page
        assert "encode/no.py" not in page

    def test_a_run_that_saved_none(self, run: Run, editor: User) -> None:
        assert "No code was saved" in text_of(browser(editor).get(address(run, "?show=code")))


class TestTablesOfARun:
    """W&B's client keeps a logged table with its pictures in an artifact of the run."""

    def logged(self, run: Run, allowed: Access, step: int) -> None:
        """A table as wandb 0.31 logs it: its words as a file, the whole as an artifact."""
        path = f"media/table/preds_{step}.table.json"
        keep(run, allowed, {path: b'{"columns": ["image"], "data": [["Image"]]}'})
        value = {
            "_type": "table-file",
            "path": path,
            "artifact_path": "wandb-client-artifact://abc/preds.table.json",
        }
        log_points(run=run, objects=[ObjectValue("preds", step, 1.0, value)], access=allowed)
        table = store(owner_id=run.project_id, stream=BytesIO(b"%d" % step), max_bytes=100)
        artifact = begin_artifact(
            type="run_table",
            files=[FileSpec("preds.table.json", digest=table.digest)],
            made_by=run,
            access=allowed,
        )
        assert allowed.user is not None
        shelf = build.collection(allowed.user, run.project, "run-preds", type="run_table")
        seal_artifact(artifact=artifact, collection=shelf, step=step, access=allowed)

    def test_each_step_leads_to_the_table_with_pictures(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        self.logged(run, allowed, 3)
        self.logged(run, allowed, 5)
        page = text_of(browser(editor).get(address(run, "?show=objects&key=preds")))
        for number in (1, 2):
            below = f"/main/digits/artifacts/run_table/run-preds/v{number}/view/preds.table.json"
            assert f'<a href="{below}"><bdi>Open the table</bdi></a>' in page

    def test_an_artifact_of_another_run_is_not_taken_for_it(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        other = build.run(editor, run.project)
        self.logged(other, allowed, 3)
        path = "media/table/preds_3.table.json"
        keep(run, allowed, {path: b"{}"})
        value = {"_type": "table-file", "path": path, "artifact_path": "x://y/preds.table.json"}
        log_points(run=run, objects=[ObjectValue("preds", 3, 1.0, value)], access=allowed)
        page = text_of(browser(editor).get(address(run, "?show=objects")))
        assert "Open the table" not in page
        assert f'href="{address(run)}/view/{path}"' in page
