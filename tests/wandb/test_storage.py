"""Bytes go in and out under signed addresses alone, each good for one thing."""

import base64
import hashlib
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.choices import Role, Scope
from apps.accounts.models import User
from apps.accounts.services import set_role
from apps.content.models import Blob, Holding
from apps.content.signing import sign_download, sign_upload
from apps.projects.models import Project
from apps.runs.files import storable_path
from apps.runs.models import Run, RunFile
from tests import build
from tests.wandb.conftest import Caller, caller
from tests.wandb.streaming import Streamer

pytestmark = pytest.mark.django_db
FINAL = {400, 401, 403, 404, 409, 410, 413, 422}
CREATE = """
    mutation CreateRunFiles(
        $entity: String!, $project: String!, $run: String!, $files: [String!]!
    ) {
        createRunFiles(input: {
            entityName: $entity, projectName: $project, runName: $run, files: $files
        }) { runID uploadHeaders files { name uploadUrl } }
    }
"""
FILES = """
    query RunFiles($project: String!, $entity: String!, $name: String!, $fileCursor: String,
        $fileLimit: Int = 50, $fileNames: [String] = [], $upload: Boolean = false,
        $pattern: String) {
        project(name: $project, entityName: $entity) {
            internalId
            run(name: $name) {
                fileCount
                files(names: $fileNames, after: $fileCursor, first: $fileLimit, pattern: $pattern) {
                    edges {
                        node {
                            id name url(upload: $upload) directUrl sizeBytes mimetype updatedAt md5
                        }
                        cursor
                    }
                    pageInfo { endCursor hasNextPage }
                }
            }
        }
    }
"""
DELETE = """
    mutation deleteFiles($files: [ID!]!, $projectId: Int) {
        deleteFiles(input: { files: $files projectId: $projectId }) { success }
    }
"""


@pytest.fixture
def stream(editor: Caller) -> Streamer:
    return Streamer(editor)


def announce(stream: Streamer, *names: str, by: Caller | None = None) -> list[str]:
    answer = (by or stream.caller).ask(
        CREATE,
        entity="main",
        project=stream.project.name,
        run=stream.run.key,
        files=list(names),
    )
    found = answer["createRunFiles"]["files"]
    assert [one["name"] for one in found] == list(names)
    return [one["uploadUrl"] for one in found]


def path_of(url: str) -> str:
    assert url.startswith("http://testserver/storage/")
    return urlsplit(url).path


def put(url: str, data: bytes, **headers: Any) -> Any:
    """As the client does: without a key."""
    # What is not named here goes into the environment of the request as it is.
    environment: dict[str, Any] = {"CONTENT_LENGTH": str(len(data)), **headers}
    return Client().generic("PUT", path_of(url), data, "application/octet-stream", **environment)


def upload(stream: Streamer, name: str, data: bytes) -> Any:
    (url,) = announce(stream, name)
    answer = put(url, data)
    assert answer.status_code == 200, answer.content
    return answer


def listed(stream: Streamer, **variables: Any) -> Any:
    place = {"entity": "main", "project": stream.project.name, "name": stream.run.key}
    return stream.caller.ask(FILES, **place, **variables)["project"]["run"]


def names(stream: Streamer, **variables: Any) -> list[str]:
    return [edge["node"]["name"] for edge in listed(stream, **variables)["files"]["edges"]]


def body(answer: Any) -> bytes:
    return b"".join(answer) if answer.streaming else answer.content


class TestUpload:
    def test_a_file_is_kept_and_handed_out_again(self, stream: Streamer) -> None:
        answer = upload(stream, "media/table/t.json", b'{"a":1}')

        md5 = hashlib.md5(b'{"a":1}', usedforsecurity=False)
        assert answer.headers["ETag"] == f'"{md5.hexdigest()}"'
        (edge,) = listed(stream)["files"]["edges"]
        node = edge["node"]
        assert (node["name"], node["sizeBytes"]) == ("media/table/t.json", 7)
        assert node["mimetype"] == "application/json"
        assert node["md5"] == base64.b64encode(md5.digest()).decode()
        assert body(Client().get(path_of(node["directUrl"]))) == b'{"a":1}'
        by_name = Client().get(urlsplit(node["url"]).path, headers=stream.caller.headers)
        assert body(by_name) == b'{"a":1}'

    def test_writing_it_again_replaces_it(self, stream: Streamer) -> None:
        upload(stream, "output.log", b"one")
        upload(stream, "output.log", b"three")

        assert listed(stream)["fileCount"] == 1
        assert RunFile.objects.get().size_bytes == 5

    def test_an_empty_file(self, stream: Streamer) -> None:
        upload(stream, "empty.txt", b"")

        assert RunFile.objects.get().size_bytes == 0

    @pytest.mark.parametrize(("data", "status"), [(b"", 200), (b"cut of", 400)])
    def test_without_a_length_only_an_empty_file(
        self, stream: Streamer, data: bytes, status: int
    ) -> None:
        """A body in chunks may be torn; `requests` sends empty files so."""
        (url,) = announce(stream, "x.txt")

        answer = put(
            url,
            b"",
            **{
                "wsgi.input": BytesIO(data),
                "CONTENT_LENGTH": "",
                "HTTP_TRANSFER_ENCODING": "chunked",
            },
        )

        assert answer.status_code == status
        assert RunFile.objects.exists() is (status == 200)

    def test_also_after_the_run_has_ended(self, stream: Streamer) -> None:
        stream.send({"complete": True, "exitcode": 0})

        upload(stream, "late.txt", b"x")

        assert names(stream) == ["late.txt"]

    def test_names_that_metrics_bring_along(self, stream: Streamer) -> None:
        upload(stream, "media/images/50% of #1?;_3_f0.png", b"x")

        assert names(stream) == ["media/images/50_ of _1___3_f0.png"]
        assert names(stream, fileNames=["media/images/50% of #1?;_3_f0.png"]) == names(stream)
        assert storable_path("a\\b") == "a_b"

    def test_a_file_is_found_as_it_was_saved(self, stream: Streamer) -> None:
        upload(stream, "notes.txt", b"x")

        assert names(stream, fileNames=["./notes.txt"]) == ["notes.txt"]
        assert names(stream, fileNames=["../notes.txt"]) == []

    @pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", "", ".", "a/./b", "x" * 2000])
    def test_a_name_that_is_no_path_holds_back_no_other(self, stream: Streamer, name: str) -> None:
        bad, good = announce(stream, name, "good.txt")

        assert put(bad, b"x").status_code in FINAL
        assert put(good, b"x").status_code == 200
        assert names(stream) == ["good.txt"]

    @pytest.mark.parametrize(
        "headers",
        [
            {"CONTENT_LENGTH": ""},
            {"CONTENT_LENGTH": "x"},
            {"CONTENT_LENGTH": "-1"},
            {"CONTENT_LENGTH": "9" * 30},
            {"CONTENT_LENGTH": str(51 * 1024**3)},
            {"CONTENT_LENGTH": "5"},  # more than comes
            {"HTTP_CONTENT_ENCODING": "gzip"},
        ],
    )
    def test_what_is_not_as_announced_is_not_kept(
        self, stream: Streamer, headers: dict[str, str]
    ) -> None:
        (url,) = announce(stream, "x.txt")

        assert put(url, b"xyz", **headers).status_code in FINAL
        assert not RunFile.objects.exists()
        assert not Blob.objects.exists()

    @pytest.mark.parametrize("expected", [{"md5": "0" * 32}, {"size_bytes": 9}])
    def test_the_address_says_what_must_arrive(
        self, stream: Streamer, expected: dict[str, Any]
    ) -> None:
        token = sign_upload(
            owner_id=stream.project.pk,
            purpose=f"run-file:{stream.run.pk}:x.txt",
            actor_id=stream.caller.user.pk,
            **expected,
        )

        assert put(f"http://testserver/storage/{token}", b"xyz").status_code == 400
        assert not Holding.objects.exists()


class TestRights:
    def test_who_may_only_read_is_given_no_address(
        self, stream: Streamer, viewer: Caller, stranger: Caller
    ) -> None:
        place = {"entity": "main", "project": stream.project.name, "run": stream.run.key}
        reader = caller(stream.caller.user, scope=Scope.READ)

        for someone in (viewer, stranger, reader):
            assert someone.refused(CREATE, **place, files=["x.txt"])

    def test_who_lost_the_role_meanwhile(self, stream: Streamer) -> None:
        (url,) = announce(stream, "x.txt")
        set_role(user=stream.caller.user, team=build.team(), role=Role.VIEWER, actor=build.SYSTEM)

        assert put(url, b"x").status_code == 403

    def test_whose_account_was_closed_meanwhile(self, stream: Streamer) -> None:
        (url,) = announce(stream, "x.txt")
        User.objects.filter(pk=stream.caller.user.pk).update(is_active=False)

        assert put(url, b"x").status_code == 403

    @pytest.mark.parametrize("gone", ["run", "project"])
    def test_what_is_in_the_bin_takes_nothing(self, stream: Streamer, gone: str) -> None:
        (url,) = announce(stream, "x.txt")
        row: Run | Project = stream.run if gone == "run" else stream.project
        row.deleted_at = timezone.now()
        row.save()

        assert put(url, b"x").status_code in FINAL
        assert not RunFile.objects.exists()

    def test_an_address_that_was_changed(self, stream: Streamer) -> None:
        (url,) = announce(stream, "x.txt")
        upload(stream, "y.txt", b"y")
        digest = RunFile.objects.get().blob_id
        expired = sign_download(digest=digest, filename="y.txt", expires_in=-1)
        # Not the same by chance: one signature in sixteen ends in A.
        other = url[:-1] + ("E" if url.endswith("A") else "A")
        for token in (url[:-1], other, "x", expired):
            address = f"http://testserver/storage/{token.rpartition('/')[2]}"

            assert put(address, b"x").status_code == 403
            assert Client().get(path_of(address)).status_code == 403

    def test_one_way_is_not_the_other(self, stream: Streamer) -> None:
        (up,) = announce(stream, "x.txt")
        put(up, b"x")
        (edge,) = listed(stream)["files"]["edges"]

        assert Client().get(path_of(up)).status_code == 403
        assert put(edge["node"]["directUrl"], b"y").status_code == 403

    def test_an_address_for_a_purpose_of_nobody(self, stream: Streamer) -> None:
        token = sign_upload(
            owner_id=stream.project.pk, purpose="other:1", actor_id=stream.caller.user.pk
        )

        assert put(f"http://testserver/storage/{token}", b"x").status_code == 403

    @pytest.mark.parametrize("method", ["post", "delete", "patch"])
    def test_other_methods_are_refused_for_good(self, stream: Streamer, method: str) -> None:
        (url,) = announce(stream, "x.txt")

        assert getattr(Client(), method)(path_of(url)).status_code in FINAL

    def test_files_of_others_are_not_to_be_had(self, stream: Streamer, stranger: Caller) -> None:
        upload(stream, "x.txt", b"x")
        (edge,) = listed(stream)["files"]["edges"]
        address = urlsplit(edge["node"]["url"]).path

        assert Client().get(address).status_code == 401
        assert Client().get(address, headers=stranger.headers).status_code == 404
        stranger.ask(DELETE, files=[edge["node"]["id"]])
        assert RunFile.objects.exists()


class TestDownload:
    @pytest.fixture
    def address(self, stream: Streamer) -> str:
        upload(stream, "page.html", b"<script>0123456789</script>")
        (edge,) = listed(stream)["files"]["edges"]
        return path_of(edge["node"]["directUrl"])

    def test_it_is_never_active(self, address: str) -> None:
        answer = Client().get(address)

        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="page.html"'
        assert answer.headers["Content-Security-Policy"].startswith("sandbox;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize(
        ("asked", "status", "sent"),
        [
            ("bytes=8-11", 206, b"0123"),
            ("bytes=-9", 206, b"</script>"),
            ("bytes=99-", 416, b""),
            ("lines=1-2", 200, b"<script>0123456789</script>"),
        ],
    )
    def test_parts(self, address: str, asked: str, status: int, sent: bytes) -> None:
        answer = Client().get(address, headers={"Range": asked})

        assert (answer.status_code, body(answer)) == (status, sent)

    def test_not_twice(self, address: str) -> None:
        etag = Client().get(address).headers["ETag"]

        assert Client().get(address, headers={"If-None-Match": etag}).status_code == 304

    def test_the_head_alone(self, address: str) -> None:
        answer = Client().head(address)

        assert (answer.status_code, body(answer)) == (200, b"")
        assert answer.headers["Content-Length"] == "27"


class TestListing:
    def test_pages_and_patterns(self, stream: Streamer) -> None:
        for name in ("a.json", "b.txt", "media/c.json", "d_e.txt", "dxe.txt"):
            upload(stream, name, name.encode())

        first = listed(stream, fileLimit=2)["files"]
        assert first["pageInfo"]["hasNextPage"]
        rest = names(stream, fileLimit=50, fileCursor=first["edges"][-1]["cursor"])
        assert [edge["node"]["name"] for edge in first["edges"]] + rest == names(stream)
        assert names(stream, pattern="%.json") == ["a.json", "media/c.json"]
        assert names(stream, pattern="d_e.txt") == ["d_e.txt", "dxe.txt"]
        assert names(stream, pattern="d\\_e.txt") == ["d_e.txt"]
        assert names(stream, fileNames=["b.txt", "no.txt"]) == ["b.txt"]

    @pytest.mark.parametrize("pattern", ["%" * 600, "x\\", "%\\%\\"])
    def test_what_is_no_pattern(self, stream: Streamer, pattern: str) -> None:
        place = {"entity": "main", "project": stream.project.name, "name": stream.run.key}

        assert stream.caller.refused(FILES, **place, pattern=pattern)

    def test_the_same_queries_for_few_and_many(
        self, stream: Streamer, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(8):
            upload(stream, f"{number}.txt", b"x")

        with django_assert_max_num_queries(10):
            assert len(names(stream)) == 8

    def test_deleting(self, stream: Streamer) -> None:
        for name in ("a.txt", "b.txt", "c.txt"):
            upload(stream, name, b"x")
        chosen = [edge["node"]["id"] for edge in listed(stream)["files"]["edges"]][:2]

        answer = stream.caller.ask(DELETE, files=[*chosen, "nonsense", "UnVuOjE="])

        assert answer["deleteFiles"] == {"success": True}
        assert names(stream) == ["c.txt"]


class TestByMd5:
    """The addresses that the client makes itself when the signed one is gone."""

    FORMS = (
        "/artifacts/main/{md5}",
        "/artifactsV2/default/main/{birth}/{md5}",
        "/artifactsV2/default/main/{project}/candidates/{birth}/{md5}/model.bin",
        "/artifactsV2/gcp-us/main/{project}/candidates/{birth}/{birth}/{md5}/some/model.bin",
    )

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("private", [False, True])
    def test_every_form(self, editor: Caller, form: str, private: bool) -> None:
        owner = caller(build.user("owner"))
        place = build.project(owner.user, "digits", private=private)
        build.version(owner.user, build.collection(owner.user, place), data=b"the model")
        md5 = hashlib.md5(b"the model", usedforsecurity=False).hexdigest()
        # An id that looks like an MD5.
        birth = b"Artifact:1234567".hex()
        address = form.format(md5=md5, project="digits", birth=birth)

        assert body(Client().get(address, headers=owner.headers)) == b"the model"
        part = Client().get(address, headers={**owner.headers, "Range": "bytes=4-"})
        assert (part.status_code, body(part)) == (206, b"model")
        other = Client().get(address, headers=editor.headers)
        assert other.status_code == (404 if private else 200)
        assert Client().get(address).status_code == 401

    def test_another_team_has_it_not(self, editor: Caller, stranger: Caller) -> None:
        place = build.project(editor.user)
        build.version(editor.user, build.collection(editor.user, place), data=b"the model")
        md5 = hashlib.md5(b"the model", usedforsecurity=False).hexdigest()

        for team in ("main", "elsewhere"):
            answer = Client().get(f"/artifacts/{team}/{md5}", headers=stranger.headers)
            assert answer.status_code == 404

    def test_what_no_sealed_artifact_names(self, editor: Caller) -> None:
        place = build.project(editor.user)
        build.content(place.pk, b"loose")
        md5 = hashlib.md5(b"loose", usedforsecurity=False).hexdigest()

        for word in (md5, "nonsense", "0" * 32):
            answer = Client().get(f"/artifacts/main/{word}", headers=editor.headers)
            assert answer.status_code == 404
