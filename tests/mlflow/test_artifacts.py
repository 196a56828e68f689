"""Files of runs and logged models through `mlflow-artifacts:/`."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role, Scope
from apps.artifacts.models import ArtifactFile, ArtifactVersion
from apps.artifacts.services import begin_artifact, ensure_collection, seal_artifact
from apps.audit.models import Event
from apps.content.models import Blob
from apps.core import limits
from apps.mlflow_api.models import Experiment
from apps.mlflow_api.services import ensure_default
from apps.projects.models import Project
from apps.runs.models import Run, RunFile
from tests import build
from tests.mlflow.conftest import Caller

pytestmark = pytest.mark.django_db
ROOT = "/api/2.0/mlflow-artifacts/"

ODD_PATHS = [
    "..",
    "../../etc/passwd",
    "a/../../b",
    "a/./b",
    "a//b",
    "/etc/passwd",
    "%2e%2e/b",
    "%252e%252e%252fb",
    "..\\b",
    "C:\\b",
    "file:///etc/passwd",
    "a/b\x01c",
    "．．/b",
    "x" * 300,
    "/".join("a" * 300),
]


@dataclass
class Files:
    """Somebody's view of the files below one address."""

    caller: Caller
    below: str

    def send(self, method: str, path: str, data: bytes = b"", **headers: str) -> Any:
        return Client().generic(
            method,
            f"{ROOT}artifacts/{self.below}/{path}",
            data,
            content_type="application/octet-stream",
            headers={"Authorization": f"Bearer {self.caller.key}", **headers},
        )

    def put(self, path: str, data: bytes = b"four") -> None:
        response = self.send("PUT", path, data)
        assert (response.status_code, response.json()) == (200, {}), response.content

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, b"", **headers)

    def bytes_of(self, path: str) -> bytes:
        response = self.get(path)
        assert response.status_code == 200, response.content
        return b"".join(response.streaming_content)

    def delete(self, path: str) -> None:
        response = self.send("DELETE", path)
        assert (response.status_code, response.json()) == (200, {}), response.content

    def list(self, folder: str = "") -> Any:
        path = f"{self.below}/{folder}" if folder else self.below
        response = Client().get(
            f"{ROOT}artifacts",
            query_params={"path": path},
            headers={"Authorization": f"Bearer {self.caller.key}"},
        )
        assert response.status_code == 200, response.content
        return response.json()

    def refused(self, method: str, path: str, data: bytes = b"x", **headers: str) -> Any:
        response = self.send(method, path, data, **headers)
        assert response.status_code >= 400, response.content
        return response.status_code, response.json()["error_code"]


@pytest.fixture
def caller(calling: Callable[..., Caller]) -> Caller:
    return calling()


@pytest.fixture
def place(caller: Caller) -> Project:
    return build.project(caller.user)


@pytest.fixture
def run(caller: Caller, place: Project) -> Run:
    return build.run(caller.user, place)


@pytest.fixture
def files(caller: Caller, run: Run) -> Files:
    return Files(caller, f"{run.project_id}/{run.key}/artifacts")


@pytest.fixture
def draft(caller: Caller, place: Project) -> ArtifactVersion:
    return begin_artifact(type="model", access=build.access(caller.user, project=place))


@pytest.fixture
def model_files(caller: Caller, draft: ArtifactVersion) -> Files:
    return Files(caller, f"{draft.project_id}/models/m-{draft.key}/artifacts")


def seal(artifact: ArtifactVersion, caller: Caller) -> None:
    access = build.access(caller.user, project=artifact.project)
    model = ensure_collection(name="m", type="model", access=access, project=artifact.project)
    seal_artifact(artifact=artifact, collection=model, access=access)


class TestRunFiles:
    def test_what_is_put_comes_back(self, files: Files, run: Run) -> None:
        files.put("model/data/m.pkl", b"\x00\x01weights")
        files.put("notes.txt", b"")

        assert files.bytes_of("model/data/m.pkl") == b"\x00\x01weights"
        assert files.bytes_of("notes.txt") == b""
        assert RunFile.objects.get(run=run, path="model/data/m.pkl").size_bytes == 9

    def test_a_second_put_replaces_the_first(self, files: Files) -> None:
        files.put("a.txt", b"one")
        files.put("a.txt", b"three")

        assert files.bytes_of("a.txt") == b"three"
        assert files.list() == {"files": [{"path": "a.txt", "is_dir": False, "file_size": 5}]}

    def test_a_folder_is_listed_with_names_alone_in_order(self, files: Files) -> None:
        for path in ("model/z.txt", "model/data/m.pkl", "model/MLmodel", "b.txt"):
            files.put(path)

        assert files.list()["files"] == [
            {"path": "b.txt", "is_dir": False, "file_size": 4},
            {"path": "model", "is_dir": True},
        ]
        assert [one["path"] for one in files.list("model")["files"]] == ["MLmodel", "data", "z.txt"]
        assert files.list("model/")["files"] == files.list("model")["files"]

    @pytest.mark.parametrize("folder", ["none", "model/MLmodel", "Model"])
    def test_what_is_no_folder_holds_nothing(self, files: Files, folder: str) -> None:
        files.put("model/MLmodel")

        assert files.list(folder) == {}

    @pytest.mark.parametrize("path", ["model", "none.txt", "Model/MLmodel", ""])
    def test_a_folder_or_a_missing_file_is_not_found(self, files: Files, path: str) -> None:
        files.put("model/MLmodel")

        assert files.refused("GET", path) == (404, "RESOURCE_DOES_NOT_EXIST")

    def test_a_file_or_a_folder_is_deleted_and_gone_already_is_fine(self, files: Files) -> None:
        for path in ("model/a", "model/sub/b", "model2/c", "d"):
            files.put(path)

        files.delete("model")
        files.delete("d")
        files.delete("d")
        assert files.list()["files"] == [{"path": "model2", "is_dir": True}]
        files.delete("")
        assert files.list() == {}

    def test_a_path_that_is_both_file_and_folder_is_refused(self, files: Files) -> None:
        files.put("model/MLmodel", b"kept")

        assert files.refused("PUT", "model") == (400, "INVALID_PARAMETER_VALUE")
        assert files.refused("PUT", "model/MLmodel/x") == (400, "INVALID_PARAMETER_VALUE")
        assert files.bytes_of("model/MLmodel") == b"kept"

    def test_a_part_is_sent_where_asked_for(self, files: Files) -> None:
        files.put("a.bin", b"0123456789")
        digest = Blob.objects.get().pk

        part = files.get("a.bin", Range="bytes=2-4")
        assert (part.status_code, b"".join(part.streaming_content)) == (206, b"234")
        assert part.headers["Content-Range"] == "bytes 2-4/10"
        assert part.headers["ETag"] == f'"{digest}"'
        assert files.get("a.bin", Range="bytes=10-").status_code == 416
        known = {"If-None-Match": f'"{digest}"'}
        assert files.get("a.bin", **known).status_code == 304

    def test_a_file_is_inert(self, files: Files) -> None:
        files.put("page.html", b"<script>alert(1)</script>")

        headers = files.get("page.html").headers
        assert headers["Content-Disposition"] == 'attachment; filename="page.html"'
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Type"] == "application/octet-stream"
        assert "sandbox" in headers["Content-Security-Policy"]

    def test_an_ended_run_takes_files_and_a_deleted_one_does_not(
        self, files: Files, run: Run
    ) -> None:
        files.put("a.txt", b"one")
        Run.objects.filter(pk=run.pk).update(state="finished", ended_at=run.started_at)
        files.put("b.txt")
        Run.objects.filter(pk=run.pk).update(deleted_at=run.started_at)

        assert files.refused("PUT", "c.txt") == (400, "INVALID_PARAMETER_VALUE")
        assert files.bytes_of("a.txt") == b"one"

    @pytest.mark.parametrize(
        "name",
        [
            "images/val%step%10%timestamp%1763710000000%z1b2.png",
            "images/val%step%10%timestamp%1763710000000%z1b2%compressed.webp",
            "img/ü 1+2 (3)=[4].png",
        ],
    )
    def test_names_that_clients_make_are_taken(self, files: Files, name: str) -> None:
        """mlflow 2.22 writes the names of log_image with %."""
        files.put(name.replace("%", "%25"), b"png")

        assert files.bytes_of(name.replace("%", "%25")) == b"png"
        assert "%" not in files.list(name.partition("/")[0])["files"][0]["path"]

    @pytest.mark.parametrize("path", ODD_PATHS)
    def test_odd_paths_are_refused_and_nothing_is_kept(self, files: Files, path: str) -> None:
        quoted = path.replace("%", "%25").replace("\x01", "%01")
        for method in ("PUT", "GET", "DELETE"):
            status, code = files.refused(method, quoted)
            assert (status, code) in {
                (400, "INVALID_PARAMETER_VALUE"),
                (404, "RESOURCE_DOES_NOT_EXIST"),
            }
        assert not RunFile.objects.exists()
        assert not Blob.objects.exists()

    def test_a_body_without_a_length_is_read_to_its_end(self, files: Files) -> None:
        """The client sends an empty file in chunks."""
        body: dict[str, Any] = {"wsgi.input": io.BytesIO(b"in chunks")}
        response = Client().generic(
            "PUT",
            f"{ROOT}artifacts/{files.below}/chunked.bin",
            headers={
                "Authorization": f"Bearer {files.caller.key}",
                "Transfer-Encoding": "chunked",
            },
            **body,
        )

        assert response.status_code == 200, response.content
        assert files.bytes_of("chunked.bin") == b"in chunks"

    def test_a_body_that_ends_early_or_is_too_large_leaves_nothing(
        self, files: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = f"{ROOT}artifacts/{files.below}/a.bin"
        key = {"Authorization": f"Bearer {files.caller.key}"}
        body: dict[str, Any] = {"CONTENT_LENGTH": "100", "wsgi.input": io.BytesIO(b"short")}
        torn = Client().generic("PUT", address, headers=key, **body)
        assert torn.status_code == 400
        huge = Client().generic(
            "PUT", address, headers=key, CONTENT_LENGTH=str(limits.MAX_FILE_BYTES + 1)
        )
        assert huge.status_code == 400
        assert not Blob.objects.exists()

    def test_the_cost_does_not_grow_with_the_files_there(self, files: Files) -> None:
        def cost(path: str) -> int:
            with CaptureQueriesContext(
                connection,
            ) as asked:
                files.put(path)
            return len(asked)

        files.put("f/0")
        first = cost("f/1")
        for number in range(2, 10):
            files.put(f"f/{number}")
        assert cost("f/10") == first
        with CaptureQueriesContext(connection) as asked:
            assert len(files.list("f")["files"]) == 11
        assert len(asked) <= 4


class TestWhoMay:
    def test_a_stranger_finds_nothing(
        self, files: Files, model_files: Files, calling: Callable[..., Caller]
    ) -> None:
        files.put("a.txt")
        model_files.put("MLmodel")
        stranger = calling(team_name="elsewhere")

        for owned in (files, model_files):
            theirs = Files(stranger, owned.below)
            missing = Files(stranger, owned.below.replace("/", "/x", 1))
            for method in ("PUT", "GET", "DELETE"):
                assert theirs.refused(method, "a.txt") == (404, "RESOURCE_DOES_NOT_EXIST")
                assert missing.refused(method, "a.txt") == (404, "RESOURCE_DOES_NOT_EXIST")
        assert files.bytes_of("a.txt") == b"four"

    def test_a_viewer_and_a_reading_key_read_only(
        self, files: Files, calling: Callable[..., Caller]
    ) -> None:
        files.put("a.txt")
        for reader in (calling(Role.VIEWER), calling(Role.EDITOR, scope=Scope.READ)):
            theirs = Files(reader, files.below)
            assert theirs.bytes_of("a.txt") == b"four"
            assert theirs.refused("PUT", "b.txt") == (403, "PERMISSION_DENIED")
            assert theirs.refused("DELETE", "a.txt") == (403, "PERMISSION_DENIED")

    def test_the_experiment_of_the_address_is_the_runs_own(
        self, files: Files, caller: Caller
    ) -> None:
        other = build.project(caller.user, "other")
        elsewhere = Files(caller, files.below.replace(files.below.split("/")[0], str(other.pk), 1))

        assert elsewhere.refused("PUT", "a.txt") == (404, "RESOURCE_DOES_NOT_EXIST")
        assert not RunFile.objects.exists()

    def test_the_default_experiment_is_zero(self, caller: Caller) -> None:
        ensure_default(build.team())
        default = Experiment.objects.get(is_default=True).project
        run = build.run(caller.user, default)
        files = Files(caller, f"0/{run.key}/artifacts")

        files.put("a.txt")
        assert files.bytes_of("a.txt") == b"four"
        listed = caller.get("artifacts/list", run_id=run.key)
        assert listed["root_uri"] == f"mlflow-artifacts:/{files.below}"

    def test_without_a_key_nothing_is_said(self, files: Files) -> None:
        files.put("a.txt")
        files.caller = Caller(files.caller.user, "ms-" + "x" * 40)

        assert files.refused("GET", "a.txt") == (401, "UNAUTHENTICATED")

    @pytest.mark.parametrize("address", ["", "/", "0", "1/x", "models/x/y", "../..", "a%2Fb"])
    def test_what_is_above_runs_is_not_there(self, caller: Caller, address: str) -> None:
        for method in ("PUT", "GET", "DELETE"):
            response = Client().generic(
                method,
                f"{ROOT}artifacts/{address}",
                b"x",
                headers={"Authorization": f"Bearer {caller.key}"},
            )
            assert response.status_code in (400, 404), (method, response.content)
            assert response.json()["error_code"]


class TestModelFiles:
    def test_a_model_that_is_being_logged_takes_files(
        self, model_files: Files, draft: ArtifactVersion
    ) -> None:
        model_files.put("MLmodel", b"one")
        model_files.put("MLmodel", b"two")
        model_files.put("data/m.pkl", b"weights")
        model_files.put("data/old.pkl")
        model_files.delete("data/old.pkl")

        assert model_files.bytes_of("MLmodel") == b"two"
        assert [one["path"] for one in model_files.list()["files"]] == ["MLmodel", "data"]
        assert list(ArtifactFile.objects.filter(artifact=draft).values_list("path", flat=True)) == [
            "MLmodel",
            "data/m.pkl",
        ]

    def test_a_sealed_one_is_read_and_never_written(
        self, model_files: Files, draft: ArtifactVersion, caller: Caller
    ) -> None:
        model_files.put("MLmodel", b"one")
        seal(draft, caller)
        digest = ArtifactVersion.objects.get().digest

        assert model_files.bytes_of("MLmodel") == b"one"
        assert model_files.list()["files"] == [{"path": "MLmodel", "is_dir": False, "file_size": 3}]
        assert model_files.refused("PUT", "MLmodel", b"two") == (400, "INVALID_PARAMETER_VALUE")
        assert model_files.refused("PUT", "new", b"two") == (400, "INVALID_PARAMETER_VALUE")
        assert model_files.refused("DELETE", "MLmodel") == (400, "INVALID_PARAMETER_VALUE")
        assert model_files.bytes_of("MLmodel") == b"one"
        assert ArtifactVersion.objects.get().digest == digest

    def test_a_model_is_not_what_is_of_another_type(self, caller: Caller, place: Project) -> None:
        data = begin_artifact(type="dataset", access=build.access(caller.user, project=place))
        files = Files(caller, f"{place.pk}/models/m-{data.key}/artifacts")

        assert files.refused("PUT", "a.txt") == (404, "RESOURCE_DOES_NOT_EXIST")

    def test_file_and_folder_at_once_is_refused_here_too(self, model_files: Files) -> None:
        model_files.put("data/m.pkl")

        assert model_files.refused("PUT", "data") == (400, "INVALID_PARAMETER_VALUE")
        assert model_files.refused("PUT", "data/m.pkl/x") == (400, "INVALID_PARAMETER_VALUE")


class TestOtherAddresses:
    def test_a_runs_files_are_listed_by_run_and_path(
        self, files: Files, caller: Caller, run: Run
    ) -> None:
        files.put("model/MLmodel")

        listed = caller.get("artifacts/list", run_id=run.key, path="model")
        assert listed == {
            "root_uri": f"mlflow-artifacts:/{run.project_id}/{run.key}/artifacts",
            "files": [{"path": "model/MLmodel", "is_dir": False, "file_size": 4}],
        }
        assert caller.get("artifacts/list", run_uuid=run.key)["files"] == [
            {"path": "model", "is_dir": True}
        ]
        assert caller.refused("GET", "artifacts/list", run_id=run.key, path="../..")[0] == 400
        assert caller.refused("GET", "artifacts/list") == (400, "INVALID_PARAMETER_VALUE")

    def test_a_logged_models_files_are_listed_by_folder(
        self,
        model_files: Files,
        draft: ArtifactVersion,
        caller: Caller,
        calling: Callable[..., Caller],
    ) -> None:
        model_files.put("MLmodel")
        model_files.put("code/train.py")
        address = f"logged-models/m-{draft.key}/artifacts/directories"
        top = {
            "root_uri": f"mlflow-artifacts:/{model_files.below}",
            "files": [
                {"path": "MLmodel", "is_dir": False, "file_size": 4},
                {"path": "code", "is_dir": True},
            ],
        }
        assert caller.get(address) == top
        assert caller.get(address, artifact_directory_path="") == top
        assert caller.get(address, artifact_directory_path="code")["files"] == [
            {"path": "code/train.py", "is_dir": False, "file_size": 4}
        ]
        assert "files" not in caller.get(address, artifact_directory_path="none")
        assert caller.refused("GET", address, artifact_directory_path="../..")[0] == 400
        seal(draft, caller)
        assert caller.get(address) == top
        assert calling(Role.VIEWER).get(address) == top
        stranger = calling(team_name="elsewhere")
        assert stranger.refused("GET", address) == (404, "RESOURCE_DOES_NOT_EXIST")

    def test_mlflows_own_pages_fetch_a_file(self, files: Files, caller: Caller, run: Run) -> None:
        files.put("a.txt")
        caller.root = "/"

        response = caller.send("GET", "get-artifact", run_id=run.key, path="a.txt")
        assert b"".join(response.streaming_content) == b"four"
        assert caller.refused("GET", "get-artifact", run_id=run.key, path="b")[0] == 404

    def test_a_versions_file_is_fetched_by_name_and_number(
        self, caller: Caller, place: Project, calling: Callable[..., Caller]
    ) -> None:
        registry = build.collection(caller.user, None, "MNIST")
        build.version(caller.user, registry, place=place, data=b"weights")
        asked = {"name": "MNIST", "version": "1", "path": "data.bin"}
        caller.root = "/"

        response = caller.send("GET", "model-versions/get-artifact", **asked)
        assert b"".join(response.streaming_content) == b"weights"
        stranger = calling(team_name="elsewhere")
        stranger.root = "/"
        assert stranger.refused("GET", "model-versions/get-artifact", **asked) == (
            404,
            "RESOURCE_DOES_NOT_EXIST",
        )

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "mpu/create/{}/a.bin"),
            ("POST", "mpu/complete/{}/a.bin"),
            ("POST", "mpu/abort/{}/a.bin"),
            ("GET", "presigned/{}/a.bin"),
        ],
    )
    def test_files_in_parts_are_not_offered(
        self, caller: Caller, files: Files, method: str, path: str
    ) -> None:
        """On 501 the client sends the file whole; any 5xx but that it would repeat."""
        caller.root = ROOT

        assert caller.refused(method, path.format(files.below), {}) == (501, "NOT_IMPLEMENTED")
        assert caller.refused(method, path.format("1/none/artifacts"), {})[0] == 404

    def test_storing_files_is_no_event(self, files: Files, model_files: Files) -> None:
        before = Event.objects.count()
        files.put("a.txt")
        files.delete("a.txt")
        model_files.put("MLmodel")

        assert Event.objects.count() == before
