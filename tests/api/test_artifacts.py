"""Uploading content, logging artifact versions, downloading files."""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pytest import Subtests  # noqa: PT013

from apps.artifacts.models import ArtifactVersion, Collection
from apps.content.models import Blob
from tests import build
from tests.api.conftest import BYTES, Caller, World, bytes_of, refused, rows


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def upload(caller: Caller, world: World, data: bytes, **headers: str) -> Any:
    path = f"{world.project}/content/{digest_of(data)}"
    return caller.send("PUT", path, data, BYTES, **headers)


def log(caller: Caller, world: World, *files: dict[str, Any], **more: Any) -> Any:
    body = {"type": "model", "collection": "candidates", "files": list(files), **more}
    return caller.post(f"{world.project}/artifacts", body)


def stored(data: bytes, path: str = "model.bin") -> dict[str, Any]:
    return {"path": path, "digest": digest_of(data)}


@pytest.mark.parametrize("size", [0, 1, 4095, 4097, 2**20 + 1])
def test_up_and_down_byte_for_byte(world: World, size: int) -> None:
    data = bytes(number % 251 for number in range(size))

    assert upload(world.editor, world, data).status_code == 201
    assert upload(world.editor, world, data).status_code == 200
    logged = log(world.editor, world, stored(data)).json()
    key = logged["artifact"]["key"]

    answer = world.viewer.get(f"/artifacts/{key}/files/model.bin")
    assert bytes_of(answer) == data
    assert answer.headers["Content-Length"] == str(size)
    assert logged["artifact"]["size_bytes"] == size
    (file,) = world.viewer.get(f"/artifacts/{key}/files").json()["items"]
    assert file["digest"] == digest_of(data)


def test_missing_is_about_the_project(world: World) -> None:
    upload(world.editor, world, b"here")
    wanted = [digest_of(b"here"), digest_of(b"there")]

    path = f"{world.project}/content/missing"
    answer = world.editor.post(path, {"digests": wanted})
    assert answer.json() == {"missing": [digest_of(b"there")]}

    world.editor.post("/projects", {"name": "elsewhere"})
    other = world.editor.post("/projects/elsewhere/content/missing", {"digests": wanted})
    assert other.json() == {"missing": wanted}
    refused(world.editor.post(path, {"digests": ["x"]}), 400, "digests.0")


def test_other_bytes_than_announced_are_not_kept(world: World) -> None:
    before = rows()
    path = f"{world.project}/content/{digest_of(b'announced')}"

    refused(world.editor.send("PUT", path, b"sent", BYTES), 400)
    refused(world.editor.send("PUT", path.upper(), b"sent", BYTES), 404)
    refused(world.editor.send("PUT", f"{world.project}/content/abc", b"sent", BYTES), 400)

    assert rows() == before
    assert [
        p for p in Path(settings.DATA_DIR).rglob("*") if p.is_file() and b"sent" in p.read_bytes()
    ] == []


def test_length_is_checked_before_the_body(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.api.views.content.MAX_FILE_BYTES", 3)

    assert "3 bytes at most" in refused(upload(world.editor, world, b"four"), 413)["detail"]
    refused(upload(world.editor, world, b"abc", Content_Encoding="gzip"), 415)
    empty = f"{world.project}/content/{digest_of(b'')}"
    assert refused(world.editor.put(empty), 411)["code"] == "length_required"
    assert upload(world.editor, world, b"abc").status_code == 201


def test_a_body_that_ends_early(world: World) -> None:
    before = rows()
    data = b"half"
    path = f"/api/v1/teams/main{world.project}/content/{digest_of(data)}"

    short: Any = {"wsgi.input": BytesIO(data), "CONTENT_LENGTH": "8"}
    answer = Client().generic(
        "PUT",
        path,
        content_type=BYTES,
        headers={"Authorization": f"Bearer {world.editor.secret}"},
        **short,
    )

    refused(answer, 400)
    assert rows() == before


def test_logging_what_is_not_uploaded(world: World) -> None:
    before = rows()

    body = refused(log(world.editor, world, stored(b"absent"), collection="new"), 409)

    assert body["missing"] == [digest_of(b"absent")]
    assert rows() == before
    assert not Collection.objects.filter(name="new").exists()


def test_logging_the_same_twice_is_one_version(world: World) -> None:
    upload(world.editor, world, b"weights")
    first = log(world.editor, world, stored(b"weights"), metadata={"a": 1}, run=world.run.key)
    again = log(world.editor, world, stored(b"weights"), metadata={"a": 1})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["version"] == again.json()["version"] == 4
    assert first.json()["artifact"]["key"] == again.json()["artifact"]["key"]
    assert (first.json()["is_new"], again.json()["is_new"]) == (True, False)
    assert first.json()["artifact"]["run"] == world.run.key


def test_a_collection_counts_from_where_it_is_told(world: World) -> None:
    upload(world.editor, world, b"data")

    body = log(
        world.editor, world, stored(b"data"), type="dataset", collection="sets", first_number=0
    ).json()

    assert (body["collection"], body["version"]) == ("sets", 0)
    listed = world.viewer.get(f"{world.project}/models?type=dataset").json()["items"]
    assert [one["name"] for one in listed] == ["sets"]
    refused(log(world.editor, world, stored(b"data"), collection="sets"), 409)


def test_references_are_text(world: World) -> None:
    for reference in ("s3://other-bucket/x", "file:///etc/passwd", "../../../etc/passwd"):
        file = {"path": "data", "reference": reference, "size_bytes": 7}
        key = log(world.editor, world, file).json()["artifact"]["key"]

        (shown,) = world.viewer.get(f"/artifacts/{key}/files").json()["items"]
        assert (shown["reference"], shown["digest"]) == (reference, None)
        refused(world.viewer.get(f"/artifacts/{key}/files/data"), 409)


PATHS_THAT_ARE_NONE = [
    "",
    ".",
    "..",
    "../x",
    "/etc/passwd",
    "a/../b",
    "a//b",
    "a\\b",
    "C:/x",
    "file:///x",
    "a%2fb",
    "%2e%2e/x",
    "a/b/" * 40,
    "x" * 256,
    "a\nb",
    "a\u202eb",
    "．．/x",
]


def test_paths_that_are_none(world: World, subtests: Subtests) -> None:
    before = rows()
    for path in PATHS_THAT_ARE_NONE:
        with subtests.test(path=path[:20]):
            file = {"path": path, "reference": "s3://x"}
            refused(log(world.editor, world, file), 400, "files.path")

    assert rows() == before


BAD_INPUT: list[tuple[dict[str, Any], str | None]] = [
    ({"files": [{"path": "a"}]}, "files"),
    ({"files": [{"path": "a", "digest": "0" * 64, "reference": "x"}]}, None),
    ({"files": [{"path": "a", "digest": "ABC"}]}, "files.0.digest"),
    ({"files": [{"path": "a", "reference": "x"}] * 2}, "files.path"),
    ({"type": "a/b"}, "type"),
    ({"collection": "a/b"}, "collection"),
    ({"collection": "ﬁne"}, "collection"),
    ({"first_number": 2}, "first_number"),
    ({"metadata": []}, "metadata"),
    ({"state": "sealed"}, "state"),
    ({"digest": "0" * 64}, "digest"),
    ({"created_by": 1}, "created_by"),
]


def test_bad_input(world: World, subtests: Subtests) -> None:
    before = rows()
    for more, field in BAD_INPUT:
        with subtests.test(**more):
            answer = log(world.editor, world, **more)
            assert answer.status_code in (400, 409)
            if field is not None:
                refused(answer, 400, field)

    assert rows() == before


def test_a_run_of_a_hidden_project_made_nothing(world: World) -> None:
    run = build.run(world.secret.editor, world.secret.project)
    before = rows()

    refused(log(world.editor, world, run=run.key), 404)
    assert rows() == before


def test_what_is_not_sealed_is_not_there(world: World) -> None:
    ArtifactVersion.objects.create(
        project=world.table.project, key="f" * 32, type="model", created_at=timezone.now()
    )

    for path in ("", "/files", "/files/a", "/lineage", "/results"):
        refused(world.curator.get(f"/artifacts/{'f' * 32}{path}"), 404)


@pytest.fixture
def file(world: World) -> str:
    """The address of a file of ten bytes."""
    upload(world.editor, world, b"0123456789")
    key = log(world.editor, world, stored(b"0123456789", "a/page.html")).json()["artifact"]["key"]
    return f"/artifacts/{key}/files/a/page.html"


def test_a_file_is_inert(world: World, file: str) -> None:
    headers = world.viewer.get(file).headers

    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == 'attachment; filename="page.html"'
    policy = headers["Content-Security-Policy"]
    assert policy == "sandbox; default-src 'none'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "private, no-cache"
    assert "Access-Control-Allow-Origin" not in headers


RANGES = [
    ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
    ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
    ("bytes=-3", 206, b"789", "bytes 7-9/10"),
    ("bytes=9-", 206, b"9", "bytes 9-9/10"),
    ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
    ("bytes=10-", 416, None, "bytes */10"),
    ("bytes=18446744073709551616-", 416, None, "bytes */10"),
    ("bytes=4-2", 200, b"0123456789", None),
    ("bytes=a-b", 200, b"0123456789", None),
    ("lines=0-1", 200, b"0123456789", None),
    ("bytes=" + ",".join(["0-9"] * 100), 200, b"0123456789", None),
]


def test_ranges(world: World, file: str, subtests: Subtests) -> None:
    for header, status, body, told in RANGES:
        with subtests.test(header=header[:30]):
            answer = world.viewer.get(file, Range=header)
            assert answer.status_code == status
            assert answer.headers.get("Content-Range") == told
            if body is not None:
                assert bytes_of(answer) == body


def test_conditions(world: World, file: str) -> None:
    etag = world.viewer.get(file).headers["ETag"]
    assert etag == f'"{digest_of(b"0123456789")}"'

    same = world.viewer.get(file, If_None_Match=etag)
    assert (same.status_code, bytes_of(same)) == (304, b"")
    assert world.viewer.get(file, If_None_Match='"other"').status_code == 200
    assert world.viewer.get(file, Range="bytes=0-0", If_Range=etag).status_code == 206
    assert world.viewer.get(file, Range="bytes=0-0", If_Range='"other"').status_code == 200
    # Only after the question whether it may be read at all.
    refused(world.stranger.get(file, If_None_Match=etag), 404)


def test_a_damaged_file_is_not_handed_out(world: World, file: str) -> None:
    digest = digest_of(b"0123456789")
    (path,) = [p for p in Path(settings.DATA_DIR).rglob(f"*{digest[4:]}*") if p.is_file()]
    path.chmod(0o600)
    path.write_bytes(b"0123456780")

    assert refused(world.viewer.get(file), 410)["code"] == "content_damaged"


def test_lineage(world: World) -> None:
    upload(world.editor, world, b"made")
    made = log(world.editor, world, stored(b"made"), run=world.run.key).json()["artifact"]["key"]
    world.editor.post(f"{world.project}/runs/{world.run.key}/uses", {"artifact": world.artifact})

    graph = world.viewer.get(f"/artifacts/{made}/lineage").json()

    assert {one["key"] for one in graph["artifacts"]} == {made, world.artifact}
    assert [one["key"] for one in graph["runs"]] == [world.run.key]
    assert {(one["artifact"], one["direction"]) for one in graph["edges"]} == {
        (made, "made"),
        (world.artifact, "used"),
    }


def test_content_is_stored_once(world: World) -> None:
    upload(world.editor, world, b"same")
    count = Blob.objects.count()
    upload(world.curator, world, b"same")

    assert Blob.objects.count() == count
