"""`import_mlflow`: everything once, with its ids, numbers and times; again adds nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from apps.accounts.choices import Role
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.queries import files_of
from apps.mlflow_api.importing import Import, status_of
from apps.mlflow_api.models import LoggedModelStatus
from apps.mlflow_api.source import Source, SourceFault
from apps.runs.models import Run
from apps.series.choices import SeriesKind
from apps.series.queries import read
from tests import build
from tests.mlflow.conftest import Caller
from tests.mlflow.test_artifacts import Files

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
START = 1_600_000_000_000


@pytest.fixture
def source(transactional_db: None, calling: Callable[..., Caller]) -> Caller:
    """A team with an experiment, two runs and a registered model, logged by the protocol."""
    caller = calling(Role.ADMIN, team_name="there")
    tags = [{"key": "who", "value": "us"}]
    experiment = caller.post("experiments/create", name="old / one", tags=tags)["experiment_id"]
    for number in (1, 2):
        run = caller.post(
            "runs/create", experiment_id=experiment, run_name=f"run {number}", start_time=START
        )["run"]["info"]["run_id"]
        points = [
            {"key": "loss", "value": 1 / (step + 1), "timestamp": START + step, "step": step}
            for step in range(50)
        ]
        params = [{"key": "lr", "value": "0.1"}]
        caller.post("runs/log-batch", run_id=run, metrics=points, params=params, tags=tags)
        Files(caller, f"{experiment}/{run}/artifacts").put("model/MLmodel", b"flavors")
        caller.post("runs/update", run_id=run, status="FAILED", end_time=START + 9000)
    caller.post("runs/delete", run_id=run)
    caller.post("runs/restore", run_id=run)
    caller.post("registered-models/create", name="sums", description="adds")
    for _ in range(3):
        caller.post("model-versions/create", name="sums", source=f"runs:/{run}/model", run_id=run)
    caller.delete("model-versions/delete", name="sums", version="2")
    caller.post("registered-models/alias", name="sums", alias="champion", version="3")
    caller.post(
        "model-versions/transition-stage",
        name="sums",
        version="1",
        stage="Staging",
        archive_existing_versions=False,
    )
    return caller


def run_import(live_server: LiveServer, source: Caller, user: str) -> str:
    said = StringIO()
    arguments = ["--from", live_server.url, "--token", source.key, "--user", user]
    call_command("import_mlflow", *arguments, stdout=said)
    return said.getvalue()


def test_everything_comes_once_with_ids_numbers_and_times(
    live_server: LiveServer, source: Caller
) -> None:
    importer = build.user("importer", role=Role.ADMIN, team_name="here")

    said = [run_import(live_server, source, "importer") for _ in range(2)]

    for text in said:
        figures = [line.split()[-2:] for line in text.splitlines() if line[-1:].isdigit()]
        assert figures
        assert all(there == here for there, here in figures), text
    runs = list(Run.objects.filter(project__team__name="here").order_by("pk"))
    assert {run.name for run in runs} == {"run 1", "run 2"}
    for run in runs:
        assert run.created_by == importer
        assert run.state == "failed"
        assert run.started_at == datetime.fromtimestamp(START / 1000, UTC)
        assert run.seconds == 9
        assert len(read(owner_id=run.pk, kind=SeriesKind.METRIC, key="loss").values) == 50
        assert run.tags.get(name="who").value == "us"
        assert [file.path for file in run.files.all()] == ["model/MLmodel"]
    assert set(Run.objects.values_list("key", flat=True)) == {run.key for run in runs}
    model = Collection.objects.get(team__name="here", project=None)
    assert (model.name, model.description) == ("sums", "adds")
    versions = list(Version.objects.filter(collection=model).order_by("number"))
    assert [version.number for version in versions] == [1, 3]
    assert [file.path for file in files_of(versions[0].artifact)] == ["MLmodel"]
    held = LabelHolding.objects.filter(collection=model, held_until=None)
    assert {(one.label, one.version.number, one.is_stage) for one in held} == {
        ("champion", 3, False),
        ("staging", 1, True),
    }


def test_what_was_logged_after_the_end_of_a_run_comes_with_the_next_import(
    live_server: LiveServer, source: Caller
) -> None:
    build.user("importer", role=Role.ADMIN, team_name="here")
    run_import(live_server, source, "importer")
    there = Run.objects.get(project__team__name="there", name="run 1")
    point = {"key": "loss", "value": 0.5, "timestamp": START + 50, "step": 50}
    late = [point, {"key": "late", "value": 2, "timestamp": START, "step": 0}]
    source.post("runs/log-batch", run_id=there.key, metrics=late)
    Files(source, f"{there.project_id}/{there.key}/artifacts").put("model/late.txt", b"late")

    run_import(live_server, source, "importer")

    here = Run.objects.get(project__team__name="here", name="run 1")
    assert (here.state, here.seconds) == ("failed", 9)
    assert len(read(owner_id=here.pk, kind=SeriesKind.METRIC, key="loss").values) == 51
    assert list(read(owner_id=here.pk, kind=SeriesKind.METRIC, key="late").values) == [2]
    paths = here.files.order_by("path").values_list("path", flat=True)
    assert list(paths) == ["model/MLmodel", "model/late.txt"]


def test_a_run_that_has_not_begun_waits_here_too(live_server: LiveServer, source: Caller) -> None:
    build.user("importer", role=Role.ADMIN, team_name="here")
    there = Run.objects.get(name="run 1")
    source.post("runs/update", run_id=there.key, status="SCHEDULED")

    for _ in range(2):
        run_import(live_server, source, "importer")

    here = Run.objects.get(project__team__name="here", name="run 1")
    assert (here.state, here.ended_at) == ("scheduled", None)


def test_a_copy_comes_after_what_it_is_of(live_server: LiveServer, source: Caller) -> None:
    """Models are listed by name, so that a copy may come first."""
    build.user("importer", role=Role.ADMIN, team_name="here")
    for name in ("a copy", "its copy"):
        source.post("registered-models/create", name=name)
    source.post("model-versions/create", name="its copy", source="models:/sums/3")
    source.post("registered-models/alias", name="its copy", alias="champion", version="1")
    source.post("model-versions/create", name="a copy", source="models:/its copy@champion")

    said = run_import(live_server, source, "importer")

    assert "!" not in said
    versions = Version.objects.filter(collection__team__name="here", collection__project=None)
    assert {version.artifact for version in versions.filter(collection__name="its copy")} == {
        versions.get(collection__name="sums", number=3).artifact
    }


def test_a_copy_of_what_has_gone_is_of_the_files_that_the_server_names(
    live_server: LiveServer, source: Caller
) -> None:
    """mlflow's own server names the folder of the run for a copy, too."""
    importer = build.user("importer", role=Role.ADMIN, team_name="here")
    run = Run.objects.get(name="run 2")

    class Mlflow(Source):
        def download_address(self, name: str, version: int) -> str:
            return f"mlflow-artifacts:/{run.project_id}/{run.key}/artifacts/model"

    source.post("registered-models/create", name="a copy")
    source.post("model-versions/create", name="a copy", source="models:/sums/3")
    source.post("model-versions/create", name="a copy", source="s3://b/m")
    source.delete("registered-models/delete", name="sums")
    with pytest.raises(CommandError, match="version 1 of 'a copy'"):
        run_import(live_server, source, "importer")
    tally = Import(Mlflow(live_server.url, token=source.key), importer, print).run()

    assert tally.is_whole, tally.faults
    registered = Version.objects.filter(collection__team__name="here", collection__project=None)
    copy = registered.get(collection__name="a copy", number=1)
    assert registered.count() == 2
    assert copy.collection.next_number == 3
    assert [file.path for file in files_of(copy.artifact)] == ["MLmodel"]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (LoggedModelStatus.READY, LoggedModelStatus.READY),
        (3, LoggedModelStatus.FAILED),
        (0, LoggedModelStatus.PENDING),
        ("LOGGED_MODEL_STATUS_UNSPECIFIED", LoggedModelStatus.PENDING),
        (None, LoggedModelStatus.PENDING),
    ],
)
def test_any_word_for_how_far_a_model_is(said: object, status: LoggedModelStatus) -> None:
    assert status_of({"status": said}) == status


def test_what_is_no_server_is_refused_in_words(transactional_db: None) -> None:
    build.user("importer", role=Role.ADMIN)
    for url in ("file:///etc/passwd", "ftp://x", "http://", "http://user:secret@host"):
        with pytest.raises(CommandError, match="no http or https address"):
            call_command("import_mlflow", "--from", url, "--user", "importer")


def test_a_wrong_token_is_told_and_nothing_is_followed(
    live_server: LiveServer, transactional_db: None
) -> None:
    with pytest.raises(SourceFault, match="401"):
        next(Source(live_server.url, token="ms-" + "x" * 40).experiments())
