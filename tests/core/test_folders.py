"""Paths read as folders, in both databases alike."""

import pytest

from apps.content.models import Blob
from apps.core.errors import Invalid
from apps.core.folders import below, entries, refuse_clashes
from apps.runs.files import NewFile, delete_files, put_files
from apps.runs.models import Run, RunFile
from tests import build

pytestmark = pytest.mark.django_db

PATHS = ["model/a.txt", "model/sub/b.txt", "model2/c.txt", "Model/d.txt", "mo_el/e.txt", "f.txt"]


@pytest.fixture
def run() -> Run:
    owner = build.user()
    place = build.project(owner)
    made = build.run(owner, place)
    keep(made, *PATHS)
    return made


def keep(run: Run, *paths: str) -> None:
    owner = run.created_by
    assert owner is not None
    spec = build.content(run.project_id, b"four")
    blob = Blob.objects.get(pk=spec.digest)
    put_files(
        run=run,
        files=[NewFile(path, blob) for path in paths],
        access=build.access(owner, project=run.project),
    )


def files(run: Run) -> list[str]:
    return sorted(RunFile.objects.filter(run=run).values_list("path", flat=True))


def test_a_folder_holds_what_lies_below_it_and_letter_case_counts(run: Run) -> None:
    kept = RunFile.objects.filter(run=run)

    assert {row.path for row in below(kept, "model")} == {"model/a.txt", "model/sub/b.txt"}
    assert below(kept, "").count() == len(PATHS)


def test_entries_are_files_and_folders_with_what_they_hold(run: Run) -> None:
    found = entries(RunFile.objects.filter(run=run), "model").order_by("entry")

    assert [(row["entry"], row["is_file"], row["count"], row["total"]) for row in found] == [
        ("a.txt", 1, 1, 4),
        ("sub", 0, 1, 4),
    ]


@pytest.mark.parametrize("paths", [["f.txt/g"], ["model"], ["model/sub"], ["x", "x/y"]])
def test_what_would_be_file_and_folder_at_once_is_refused(run: Run, paths: list[str]) -> None:
    with pytest.raises(Invalid, match="a file and a folder"):
        keep(run, *paths)
    many = [*paths, *(f"new/{number}" for number in range(20))]
    with pytest.raises(Invalid, match="a file and a folder"):
        refuse_clashes(RunFile.objects.filter(run=run), many)

    assert files(run) == sorted(PATHS)


def test_neighbours_in_name_do_not_clash(run: Run) -> None:
    keep(run, "mode", "model/sub2", "MODEL", "f.txt2", "f.txt")

    assert len(files(run)) == len(PATHS) + 4


def test_deleting_a_folder_leaves_its_neighbours(run: Run) -> None:
    owner = run.created_by
    assert owner is not None
    access = build.access(owner, project=run.project)

    assert delete_files(run=run, paths=["model", "f.txt"], access=access) == 3
    assert files(run) == ["Model/d.txt", "mo_el/e.txt", "model2/c.txt"]
