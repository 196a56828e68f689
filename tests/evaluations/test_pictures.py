"""Where the pictures of a golden set's examples are."""

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.evaluations.models import GoldenSet
from apps.evaluations.pictures import Picture, Tile, pictures_of
from apps.evaluations.services import mark_golden_set
from tests import build
from tests.web.test_files import holding, png

pytestmark = pytest.mark.django_db

TABLE = b"id,label,row,column\na,7,0,0\nb,1,1,2\n"


def marked(files: dict[str, bytes]) -> GoldenSet:
    world = build.table(())
    return mark_golden_set(
        name="letters",
        artifact=holding(world, files).artifact,
        access=build.access(world.curator, project=world.project),
    )


def test_a_file_of_its_own_for_each_example(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    golden_set = marked(
        dict.fromkeys(("a.png", "images/b.jpg", "c", "images/c.png", "d.svg"), b"picture")
    )

    with django_assert_num_queries(1):
        found = pictures_of(golden_set, ["a", "b", "c", "d"])

    assert found == {"a": Picture("a.png"), "b": Picture("images/b.jpg"), "c": Picture("c")}


def test_tiles_of_one_sheet() -> None:
    golden_set = marked({"examples.png": png(24, 16), "examples.csv": TABLE})

    found = pictures_of(golden_set, ["b", "none"])

    assert found == {"b": Picture("examples.png", Tile(16, 8, 8, 8, 24, 16))}


@pytest.mark.parametrize(
    ("sheet", "table"),
    [
        (b"no picture", TABLE),
        (b"", TABLE),
        (png(1, 1), TABLE),
        (png(24, 16), b""),
        (png(24, 16), b"id,row,column\n"),
        (png(24, 16), b"id,row\na,0\n"),
        (png(24, 16), b"id,row,column\na,x,0\n"),
        (png(24, 16), b"id,row,column\na,-1,0\n"),
        (png(24, 16), b"id,row,column\na\n"),
        (png(24, 16), b"\xff\xfe"),
    ],
)
def test_what_is_damaged_shows_no_pictures(sheet: bytes, table: bytes) -> None:
    golden_set = marked({"examples.png": sheet, "examples.csv": table})

    assert pictures_of(golden_set, ["a"]) == {}


def test_without_files_there_are_none() -> None:
    assert pictures_of(build.table(()).golden_set, ["a"]) == {}
