"""The status table as CSV."""

import csv

import pytest

from apps.core.errors import Invalid
from apps.core.tables import TableQuery
from apps.registry.queries.export import table_lines
from apps.registry.queries.table import columns_of
from apps.registry.services.promotion import promote_version
from tests import build

pytestmark = pytest.mark.django_db


def rows_of(world: build.Table, query: TableQuery) -> list[dict[str, str]]:
    lines = table_lines(
        world.collection, query, world.viewer, columns=columns_of(world.collection, None)
    )
    return list(csv.DictReader(lines))


def test_every_row_in_the_order_of_the_page() -> None:
    world = build.table([0.5, 0.1 + 0.2, None])
    promote_version(
        version=world.versions[0],
        label="production",
        access=build.access(world.curator, project=world.project),
    )

    rows = rows_of(world, TableQuery(sort="loss@10k"))

    assert [(row["version"], row["Loss @ 10k"]) for row in rows] == [
        ("2", "0.30000000000000004"),
        ("1", "0.5"),
        ("3", ""),
    ]
    assert rows[1]["status"] == "production"


def test_no_rows_still_have_a_head() -> None:
    world = build.table([])

    lines = list(table_lines(world.collection, TableQuery(), world.viewer, columns=[]))

    assert lines == ["version,status,logged,by,run,digest,note,model,exported_at\r\n"]


def test_every_line_says_what_it_is_about() -> None:
    world = build.table([0.5])
    (column,) = columns_of(world.collection, None)
    assert column.golden_set is not None

    (row,) = rows_of(world, TableQuery())

    name, _, digest = row["Loss @ 10k (golden set)"].partition(" ")
    assert (name, digest) == (column.golden_set.name, f"sha256:{column.golden_set.digest}")
    assert row["model"] == world.collection.name
    assert row["exported_at"].endswith("Z")


def test_nan_is_a_word_and_formulas_are_defused() -> None:
    world = build.table([float("nan")])
    world.versions[0].note = "=1+1"
    world.versions[0].save()

    (row,) = rows_of(world, TableQuery())

    assert row["Loss @ 10k"] == "NaN"
    assert row["note"] == "'=1+1"


def test_a_wrong_query_is_refused_before_the_first_line() -> None:
    world = build.table([0.5])

    with pytest.raises(Invalid):
        rows_of(world, TableQuery(where="nonsense <"))
