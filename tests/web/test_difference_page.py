"""What changed between two versions: files by content, metadata by leaves, texts by lines."""

from collections.abc import Mapping

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.artifacts.differences import Change, changed_files, metadata_changes
from apps.artifacts.models import Version
from apps.artifacts.services import FileSpec, begin_artifact, delete_version, seal_artifact
from apps.web.present.difference import MAX_LINES
from tests import build
from tests.web.test_files import section, words
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

SET = "/main/digits/artifacts/dataset/set"
PAGE = f"{SET}/v2/diff"

FIRST = {"same.txt": b"1", "text.py": b"a = 1\nb = 2\n", "gone/old.bin": b"\0old", "raw": b"\0x"}
SECOND = {"same.txt": b"1", "text.py": b"a = 1\nb = <3>\n", "fresh.txt": b"new!", "raw": b"\0yz"}


def holding(
    table: build.Table, files: Mapping[str, bytes | str], metadata: Mapping[str, object]
) -> Version:
    """The next version of the data set; text instead of bytes is a reference."""
    access = build.access(table.editor, project=table.project)
    specs = [
        FileSpec(path, reference=data)
        if isinstance(data, str)
        else FileSpec(path, digest=build.content(table.project.pk, data).digest)
        for path, data in files.items()
    ]
    collection = build.collection(table.editor, table.project, "set", type="dataset")
    artifact = begin_artifact(type="dataset", files=specs, metadata=metadata, access=access)
    return seal_artifact(artifact=artifact, collection=collection, access=access)


@pytest.fixture
def table() -> build.Table:
    table = build.table(())
    holding(table, FIRST, {"rows": 10, "how": {"seed": 1, "by": "hand"}})
    holding(table, SECOND, {"rows": 12, "how": {"seed": 1}, "note": "<i>"})
    return table


def paths(old: Version, new: Version, change: Change) -> list[str]:
    found = changed_files(old.artifact, new.artifact, change)
    return sorted(found.values_list("path", flat=True))


def both() -> tuple[Version, Version]:
    old, new = Version.objects.filter(collection__name="set").order_by("number")[:2]
    return old, new


# --- what differs -------------------------------------------------------------------------------


def test_paths_are_compared_by_their_content(table: build.Table) -> None:
    old, new = both()

    assert paths(old, new, Change.CHANGED) == ["raw", "text.py"]
    assert paths(old, new, Change.ADDED) == ["fresh.txt"]
    assert paths(old, new, Change.REMOVED) == ["gone/old.bin"]
    assert paths(new, new, Change.CHANGED) == []


def test_a_reference_differs_from_content_and_from_another(table: build.Table) -> None:
    first = holding(table, {"a": "s3://a", "b": "s3://b", "c": b"c"}, {})
    second = holding(table, {"a": "s3://a", "b": "s3://B", "c": "s3://c"}, {"x": 1})

    assert paths(first, second, Change.CHANGED) == ["b", "c"]


def test_metadata_is_compared_leaf_by_leaf(table: build.Table) -> None:
    old, new = both()

    found = [(c.name, c.before, c.after) for c in metadata_changes(old.artifact, new.artifact)]

    assert found == [("rows", "10", "12"), ("note", None, "<i>"), ("how.by", "hand", None)]


# --- the page -----------------------------------------------------------------------------------


def test_the_page_compares_with_the_version_before(table: build.Table) -> None:
    text = text_of(browser(table.viewer).get(PAGE))

    assert "Changes from v1 to v2" in words(text)
    assert section(text, "metadata").endswith("rows 10 12 note – <i> how.by hand –")
    files = section(text, "files-head")
    assert "Changed 2 Added 1 Removed 1" in files.replace("\xa0", " ")
    assert "text.py" in files
    assert "12 B → 14 B" in files
    assert f'href="{SET}/v2/view/text.py"' in text
    assert f'href="{SET}/v2/diff"' in text_of(browser(table.viewer).get(f"{SET}/v2"))
    assert "/diff" not in text_of(browser(table.viewer).get(f"{SET}/v1"))


@pytest.mark.parametrize(
    ("show", "path", "link"),
    [("added", "fresh.txt", "v2/view/fresh.txt"), ("removed", "old.bin", "v1/view/gone/old.bin")],
)
def test_one_kind_of_change_at_a_time(table: build.Table, show: str, path: str, link: str) -> None:
    text = text_of(browser(table.viewer).get(f"{PAGE}?to=1&show={show}"))

    assert path in section(text, "files-head")
    assert f'href="{SET}/{link}"' in text
    assert "text.py" not in section(text, "files-head")


def test_a_text_is_compared_line_by_line(table: build.Table) -> None:
    text = text_of(browser(table.viewer).get(f"{PAGE}?file=text.py"))

    assert '<span class="line is-removed"><span class="sign">-</span>b = 2</span>' in text
    assert '<span class="line is-added"><span class="sign">+</span>b = &lt;3&gt;</span>' in text


def test_what_is_no_text_or_too_long_says_so(table: build.Table) -> None:
    client = browser(table.viewer)
    holding(table, {"long.txt": b"x\n" * (MAX_LINES + 1)}, {})
    holding(table, {"long.txt": b"y\n" * (MAX_LINES + 1)}, {})

    assert "Only texts of up to" in section(text_of(client.get(f"{PAGE}?file=raw")), "text")
    text = text_of(client.get(f"{SET}/v4/diff?file=long.txt"))
    assert "more than 3,000 lines" in section(text, "text")


def test_a_file_that_is_the_same_says_so(table: build.Table) -> None:
    text = text_of(browser(table.viewer).get(f"{PAGE}?file=same.txt"))

    assert "The file is the same in both versions." in section(text, "text")


def test_line_ends_alone(table: build.Table) -> None:
    holding(table, {"text.py": b"a = 1\r\nb = <3>\r\n"}, {})

    text = text_of(browser(table.viewer).get(f"{SET}/v3/diff?file=text.py"))

    assert "what differs is how they end" in section(text, "text")


def test_the_first_version_has_nothing_before_it(table: build.Table) -> None:
    assert "Nothing stands before it" in text_of(browser(table.viewer).get(f"{SET}/v1/diff"))


def test_a_removed_version_is_passed_over(table: build.Table) -> None:
    access = build.access(table.curator, project=table.project)
    holding(table, FIRST, {"rows": 13})
    delete_version(version=both()[1], reason="wrong", access=access)
    client = browser(table.viewer)

    assert "Changes from v1 to v3" in words(text_of(client.get(f"{SET}/v3/diff")))
    assert client.get(f"{SET}/v3/diff?to=2").status_code == 404


def test_models_lead_on_to_their_scores(table: build.Table) -> None:
    for data in (b"one", b"two"):
        build.version(table.editor, table.collection, data=data)
    model = "/main/digits/models/candidates"

    text = text_of(browser(table.viewer).get(f"{model}/versions/2/diff"))

    assert f'href="{model}/compare?v=2&amp;v=1"' in text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("to=9", 404),
        ("to=latest", 400),
        ("to=²", 400),
        ("show=moved", 400),
        ("file=nothing", 404),
        ("file=fresh.txt", 404),
        ("file=%00", 400),
        ("cursor=x", 400),
    ],
)
def test_addresses_that_make_no_sense(table: build.Table, query: str, status: int) -> None:
    assert browser(table.viewer).get(f"{PAGE}?{query}").status_code == status


def test_strangers_see_nothing(table: build.Table) -> None:
    stranger = browser(build.user(role=Role.ADMIN, team_name="others"))

    assert stranger.get(PAGE).status_code == 404


def test_many_changes_are_paged_for_the_queries_of_few(table: build.Table) -> None:
    content = b"same"
    holding(table, {f"{n:04}": content for n in range(250)}, {"rows": 0})
    client = browser(table.viewer)

    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(address).status_code == 200
        return len(found)

    assert queries(f"{SET}/v3/diff?to=2&show=added") == queries(f"{PAGE}?to=1&show=added")
    text = text_of(client.get(f"{SET}/v3/diff?to=2&show=added"))
    assert "1–100 of 250" in words(text)
    assert "show=added&amp;cursor=" in text
