"""The files of a version: folders, searching, and what a page shows of one without running it."""

import struct
import zlib
from io import BytesIO
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.artifacts.models import ArtifactFile, ArtifactVersion, Version
from apps.artifacts.services import FileSpec, begin_artifact, link_version, seal_artifact
from apps.content.backends import backend
from apps.content.services import store
from apps.core.errors import Invalid, NotFound
from apps.core.folders import PAGE_SIZE, Entry, folder_page
from apps.core.paging import Page
from apps.web.preview import MAX_IMAGE_BYTES, MAX_TEXT_BYTES
from tests import build
from tests.web.test_version_page import section, words
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

PAGE = "/main/digits/artifacts/dataset/set/v1"


def png(width: int = 2, height: int = 2) -> bytes:
    """A grey picture, written by hand."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def holding(table: build.Table, files: dict[str, bytes], *, name: str = "set") -> Version:
    """A data set with these files as its next version."""
    access = build.access(table.editor, project=table.project)
    specs = [
        FileSpec(
            path=path,
            digest=store(owner_id=table.project.pk, stream=BytesIO(data), max_bytes=10**8).digest,
        )
        for path, data in files.items()
    ]
    collection = build.collection(table.editor, table.project, name, type="dataset")
    artifact = begin_artifact(type="dataset", files=specs, access=access)
    return seal_artifact(artifact=artifact, collection=collection, access=access)


@pytest.fixture
def table() -> build.Table:
    return build.table(())


def contents(
    artifact: ArtifactVersion, folder: str, *, cursor: str = ""
) -> Page[Entry[ArtifactFile]]:
    return folder_page(artifact.files.all(), folder, scope="artifact", cursor=cursor)


def names(artifact: ArtifactVersion, folder: str = "", cursor: str = "") -> list[str]:
    return [
        entry.name if entry.file else f"{entry.name}/"
        for entry in contents(artifact, folder, cursor=cursor).rows
    ]


@pytest.mark.parametrize(
    ("files", "said"), [({"a": b"xy"}, "1 file, 2 B"), ({"a": b"x", "b": b"yz"}, "2 files, 3 B")]
)
def test_how_much_there_is(table: build.Table, files: dict[str, bytes], said: str) -> None:
    holding(table, files)
    assert browser(table.editor).get(PAGE).context["files"].summary == said


def preview(table: build.Table, path: str, data: bytes) -> str:
    """The page that shows a file with this content."""
    holding(table, {path: data})
    answer = browser(table.viewer).get(f"{PAGE}/view/{path}")
    assert answer.status_code == 200
    return text_of(answer)


# --- folders ------------------------------------------------------------------------------------


def test_a_folder_shows_folders_first_and_what_is_below_them(table: build.Table) -> None:
    artifact = holding(
        table,
        {
            "a.txt": b"1",
            "Data/x": b"22",
            "data/train/one": b"333",
            "data/train/two": b"4444",
            "data/readme": b"5",
            "zoo/deep/er/file": b"6",
        },
    ).artifact

    top = contents(artifact, "")
    assert [(one.name, one.file_count, one.size_bytes) for one in top.rows if one.file is None] == [
        ("Data", 1, 2),
        ("data", 3, 8),
        ("zoo", 1, 1),
    ]
    assert names(artifact)[-1] == "a.txt"
    assert names(artifact, "data") == ["train/", "readme"]
    assert names(artifact, "Data") == ["x"]
    assert names(artifact, "zoo/deep") == ["er/"]
    assert contents(artifact, "data/train").rows[0].path == "data/train/one"


@pytest.mark.parametrize("folder", ["nothing", "dat", "data/train/one", "..", "%"])
def test_a_folder_that_is_not_there(table: build.Table, folder: str) -> None:
    artifact = holding(table, {"data/train/one": b"1"}).artifact

    with pytest.raises(NotFound):
        contents(artifact, folder)


def test_a_large_folder_is_paged_and_each_file_comes_once(table: build.Table) -> None:
    artifact = holding(table, {f"big/{n:04}": b"same" for n in range(2 * PAGE_SIZE + 5)}).artifact

    first = contents(artifact, "big")
    second = contents(artifact, "big", cursor=first.next or "")
    third = contents(artifact, "big", cursor=second.next or "")

    found = [entry.name for page in (first, second, third) for entry in page.rows]
    assert found == [f"{n:04}" for n in range(2 * PAGE_SIZE + 5)]
    assert third.next is None
    assert names(artifact, "big", cursor=third.previous or "") == [e.name for e in second.rows]
    with pytest.raises(Invalid):
        contents(artifact, "", cursor=first.next or "")


def test_the_page_walks_into_folders_and_finds_files(table: build.Table) -> None:
    holding(table, {f"data/{n:02}.txt": b"1" for n in range(12)} | {"readme.md": b"2"})
    client = browser(table.viewer)

    top = text_of(client.get(PAGE))
    inside = text_of(client.get(f"{PAGE}?folder=data"))
    found = text_of(client.get(f"{PAGE}?find=3.TX"))
    nothing = text_of(client.get(f"{PAGE}?find=zzz"))

    assert f'href="{PAGE}?folder=data#files"' in top
    assert "data/ 12 files 12 B" in section(top, "files-head")
    assert "All files / data 00.txt" in section(inside, "files-head")
    assert f'href="{PAGE}/view/data/03.txt"' in found
    assert "data/04.txt" not in found
    assert "No path contains these words." in nothing


def test_htmx_gets_the_files_alone(table: build.Table) -> None:
    holding(table, {"data/one": b"1"})
    headers = {"HX-Request": "true", "HX-Target": "files"}

    text = text_of(browser(table.viewer).get(f"{PAGE}?folder=data", headers=headers))

    assert text.strip().startswith('<section class="panel busy-dim"')
    assert "<html" not in text


@pytest.mark.parametrize(
    ("query", "status"),
    [("folder=nothing", 404), ("cursor=x", 400), ("find=%00", 400), (f"folder={'x' * 2000}", 400)],
)
def test_addresses_that_make_no_sense(table: build.Table, query: str, status: int) -> None:
    holding(table, {"one": b"1"})

    assert browser(table.viewer).get(f"{PAGE}?{query}").status_code == status


def test_many_files_cost_the_queries_of_few(table: build.Table) -> None:
    holding(table, {"a/0": b"1", "b": b"2"})
    holding(table, {f"{n % 40}/{n}": b"1" for n in range(2_000)} | {"b": b"2"}, name="big")
    client = browser(table.viewer)

    def queries(name: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(f"/main/digits/artifacts/dataset/{name}/v1").status_code == 200
        return len(found)

    assert queries("big") == queries("set")


# --- what is in one -----------------------------------------------------------------------------


def test_text_is_shown_as_text(table: build.Table) -> None:
    text = preview(table, "src/notes.md", "# Über\n<b>bold</b>".encode())

    assert "# Über\n&lt;b&gt;bold&lt;/b&gt;" in text
    assert f'href="{PAGE}?folder=src#files"' in text
    assert f'href="{PAGE}/files/src/notes.md"' in text


@pytest.mark.parametrize("path", ["page.html", "drawing.svg", "script.js"])
def test_what_could_be_active_is_text_like_any_other(table: build.Table, path: str) -> None:
    text = preview(table, path, b"<svg onload=alert(1)><script>alert(2)</script></svg>")

    assert "&lt;svg onload=alert(1)&gt;&lt;script&gt;alert(2)&lt;/script&gt;" in text
    assert "<svg onload" not in text
    assert browser(table.viewer).get(f"{PAGE}/image/{path}").status_code == 415


def test_characters_that_hide_code_are_spelled_out(table: build.Table) -> None:
    text = preview(table, "a.py", "ok\u202e = 1\u200b".encode())

    assert "ok⟨U+202E⟩ = 1⟨U+200B⟩" in text
    assert "2 characters that cannot be seen" in text


def test_json_is_indented(table: build.Table) -> None:
    text = preview(table, "a.json", b'{"b": [1, NaN], "a": "<x>"}')

    assert "{\n  &quot;b&quot;: [\n    1,\n    NaN\n  ],\n  &quot;a&quot;: &quot;&lt;x&gt;" in text


@pytest.mark.parametrize("data", [b'{"a": ', b"[" * 5_000, b'{"a": 1, "a": 2}'])
def test_broken_json_is_shown_as_it_stands(table: build.Table, data: bytes) -> None:
    assert data.decode().replace('"', "&quot;")[:50] in preview(table, "a.json", data)


def test_json_that_indenting_would_blow_up_is_shown_as_it_stands(table: build.Table) -> None:
    data = b"[" * 30 + b",".join([b"1"] * 100_000) + b"]" * 30
    text = preview(table, "a.json", data)
    assert len(text) < 2 * len(data)
    assert "as it stands" in text


def test_a_field_that_is_too_long_for_a_table_is_text(table: build.Table) -> None:
    assert '<pre class="text"' in preview(table, "a.csv", b'a,"' + b"x" * 200_000)


def test_long_text_is_cut_where_a_letter_ends(table: build.Table) -> None:
    text = preview(table, "long.txt", b"x" + "ü".encode() * MAX_TEXT_BYTES)

    assert "The first 262.1 kB of 524.3 kB." in text
    assert "üü" in text


def test_bytes_are_not_shown(table: build.Table) -> None:
    for path, data in (("a.npz", b"PK\0\1"), ("a.txt", b"\xff\xfe\x00")):
        holding(table, {path: data}, name=path)
        text = text_of(
            browser(table.viewer).get(f"/main/digits/artifacts/dataset/{path}/v1/view/{path}")
        )
        assert "Binary data, which has no preview." in words(text)


def test_an_empty_file_says_so(table: build.Table) -> None:
    assert "The file is empty." in preview(table, "nothing", b"")


def test_what_can_run_code_is_marked(table: build.Table) -> None:
    assert "Can run code when loaded." in preview(table, "model.pkl", b"cos\nsystem\n")


def test_a_picture_is_sent_as_what_it_is_and_can_do_nothing(table: build.Table) -> None:
    text = preview(table, "shots/one.html", png())

    assert f'<img src="{PAGE}/image/shots/one.html" alt="one.html">' in text
    answer = browser(table.viewer).get(f"{PAGE}/image/shots/one.html")
    assert (answer.content, answer.headers["Content-Type"]) == (png(), "image/png")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_a_picture_that_is_too_large_is_not_sent(table: build.Table) -> None:
    text = preview(table, "large.png", png() + b"\0" * MAX_IMAGE_BYTES)

    assert "Binary data" in text
    assert browser(table.viewer).get(f"{PAGE}/image/large.png").status_code == 415


def test_a_reference_is_named_and_never_opened(table: build.Table) -> None:
    access = build.access(table.editor, project=table.project)
    artifact = begin_artifact(
        type="dataset", files=[FileSpec("far.csv", reference="s3://<b>/far.csv")], access=access
    )
    collection = build.collection(table.editor, table.project, "set", type="dataset")
    seal_artifact(artifact=artifact, collection=collection, access=access)
    client = browser(table.viewer)

    assert "s3://&lt;b&gt;/far.csv" in text_of(client.get(f"{PAGE}/view/far.csv"))
    assert client.get(f"{PAGE}/image/far.csv").status_code == 409


def test_damaged_content_is_said_to_be_gone(table: build.Table) -> None:
    version = holding(table, {"a.txt": b"whole"})
    digest = version.artifact.files.get().blob_id
    assert digest is not None
    backend().delete(digest)

    assert browser(table.viewer).get(f"{PAGE}/view/a.txt").status_code == 410


def test_purged_files_are_named_as_history(table: build.Table) -> None:
    version = holding(table, {"a.txt": b"whole"})
    ArtifactVersion.objects.filter(pk=version.artifact_id).update(purged_at=version.linked_at)

    assert "The files were removed for good." in text_of(browser(table.viewer).get(PAGE))


# --- who may ------------------------------------------------------------------------------------


def test_files_of_models_and_of_the_registry_have_the_same_pages(table: build.Table) -> None:
    model = build.version(table.editor, table.collection, data=b"weights")
    shelf = build.collection(table.editor, None, "Digits")
    link_version(artifact=model.artifact, collection=shelf, access=build.access(table.curator))
    client = browser(table.viewer)

    for page in ("/main/digits/models/candidates/versions/1", "/main/models/Digits/versions/1"):
        assert "weights" in text_of(client.get(f"{page}/view/data.bin"))
        assert client.get(f"{page}/view/nothing").status_code == 404


def test_strangers_see_no_file(table: build.Table) -> None:
    holding(table, {"one.png": png()})
    stranger = browser(build.user(role=Role.ADMIN, team_name="others"))

    for kind in ("view", "image", "files"):
        assert stranger.get(f"{PAGE}/{kind}/one.png").status_code == 404


def test_names_that_mean_something_in_an_address_lead_to_their_files(table: build.Table) -> None:
    files = {"100%/take #3; final?.txt": b"the words", "%41.txt": b"escaped", "A.txt": b"plain"}
    holding(table, files)
    visitor = browser(table.editor)
    listed = visitor.get(f"{PAGE}?folder=100%25").content.decode()

    for path, data in files.items():
        link = f"{PAGE}/view/{quote(path)}"
        assert data.decode() in text_of(visitor.get(link))
        assert visitor.get(f"{PAGE}/files/{quote(path)}").getvalue() == data
    assert f'href="{PAGE}/view/{quote("100%/take #3; final?.txt")}"' in listed
