"""A folder of a run's files as a sealed artifact version."""

import pytest

from apps.artifacts.choices import ArtifactState
from apps.artifacts.models import ArtifactVersion
from apps.artifacts.queries import files_of
from apps.content.models import Blob
from apps.core.errors import NotFound
from apps.mlflow_api.sealing import seal_run_files
from apps.projects.access import Access
from apps.runs.files import NewFile, put_files
from apps.runs.models import Run
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def access() -> Access:
    owner = build.user()
    return build.access(owner, project=build.project(owner))


@pytest.fixture
def run(access: Access) -> Run:
    assert access.user
    assert access.project
    made = build.run(access.user, access.project)
    keep(made, access, {"model/MLmodel": b"flavors", "model/data/m.pkl": b"one", "plot.png": b"p"})
    return made


def keep(run: Run, access: Access, files: dict[str, bytes]) -> None:
    new = [
        NewFile(path, Blob.objects.get(pk=build.content(run.project_id, data).digest))
        for path, data in files.items()
    ]
    put_files(run=run, files=new, access=access)


def test_the_folder_is_sealed_as_a_version_of_the_projects_collection(
    access: Access, run: Run
) -> None:
    version = seal_run_files(run=run, folder="model", name="classifier", access=access)

    assert version.artifact.state == ArtifactState.SEALED
    assert (version.collection.name, version.collection.type) == ("classifier", "model")
    assert version.collection.project == run.project
    assert version.artifact.made_by == run
    assert [file.path for file in files_of(version.artifact)] == ["MLmodel", "data/m.pkl"]


def test_what_the_run_writes_later_changes_nothing_that_is_sealed(access: Access, run: Run) -> None:
    first = seal_run_files(run=run, folder="model", name="classifier", access=access)
    digest = first.artifact.digest

    keep(run, access, {"model/data/m.pkl": b"two"})
    second = seal_run_files(run=run, folder="model", name="classifier", access=access)

    first.artifact.refresh_from_db()
    assert first.artifact.digest == digest
    assert second.artifact.digest != digest
    assert (first.number, second.number) == (1, 2)


def test_the_same_files_are_sealed_once(access: Access, run: Run) -> None:
    first = seal_run_files(run=run, folder="model", name="classifier", access=access)

    assert seal_run_files(run=run, folder="model", name="classifier", access=access) == first
    assert ArtifactVersion.objects.count() == 1


def test_a_single_file_is_sealed_under_its_own_name(access: Access, run: Run) -> None:
    version = seal_run_files(run=run, folder="model/data/m.pkl", name="pickle", access=access)

    assert [file.path for file in files_of(version.artifact)] == ["m.pkl"]


@pytest.mark.parametrize("folder", ["Model", "mode", "model/none", "../model"])
def test_an_empty_folder_is_refused_and_nothing_is_begun(
    access: Access, run: Run, folder: str
) -> None:
    with pytest.raises(NotFound, match="log the model first"):
        seal_run_files(run=run, folder=folder, name="classifier", access=access)

    assert not ArtifactVersion.objects.exists()


def test_a_run_of_a_hidden_project_is_not_found(run: Run) -> None:
    stranger = build.user(team_name="elsewhere")

    with pytest.raises(NotFound):
        seal_run_files(
            run=run,
            folder="model",
            name="classifier",
            access=build.access(stranger, team_name="elsewhere"),
        )
