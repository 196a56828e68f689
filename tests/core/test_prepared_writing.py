"""Rows written by prepared SQL are those that Django would have written."""

import datetime as dt

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import Team
from apps.content.models import Blob, Holding
from apps.core.prepared import insert, insert_all, put, update
from apps.runs.models import Run, RunTag
from tests import build

pytestmark = pytest.mark.django_db
LATER = dt.datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=dt.UTC)


@pytest.fixture
def run() -> Run:
    owner = build.user()
    return build.run(owner, build.project(owner), name="first")


def copy_of(run: Run, **own: object) -> Run:
    fields = {
        field.attname: getattr(run, field.attname) for field in Run._meta.local_concrete_fields
    }
    return Run(**{**fields, "id": None, **own})


def stored(row: Run) -> dict[str, object]:
    return {**Run.objects.filter(pk=row.pk).values()[0]}


def test_a_row_is_inserted_as_save_would(
    run: Run, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    odd = {"name": "%s'); -- \u2028🙂", "notes": "", "started_at": LATER, "ended_at": None}
    ours, theirs = copy_of(run, key="ours", **odd), copy_of(run, key="theirs", **odd)
    with django_assert_num_queries(1):
        insert(ours)
    theirs.save(force_insert=True)

    assert ours.pk != theirs.pk
    assert stored(ours) | {"id": 0, "key": ""} == stored(theirs) | {"id": 0, "key": ""}
    assert ours._state.adding is False
    ours.name = "renamed"
    ours.save(update_fields=["name"])
    assert stored(ours)["name"] == "renamed"


def test_what_a_constraint_refuses_is_refused(run: Run) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(copy_of(run))
    assert Run.objects.count() == 1


@pytest.mark.parametrize(("count", "queries"), [(0, 0), (1, 1), (3, 1), (20, 1)])
def test_several_rows_take_one_query(
    run: Run, count: int, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(queries):
        insert_all([RunTag(run=run, name=f"tag {at:02}", value=str(at)) for at in range(count)])
    found = RunTag.objects.filter(run=run, name__startswith="tag ").order_by("name")
    assert [tag.value for tag in found] == [str(at) for at in range(count)]


def test_an_update_changes_the_named_fields_of_that_row(run: Run) -> None:
    other = build.run(run.created_by, run.project, name="other")  # type: ignore[arg-type]
    before = stored(run)
    run.name, run.notes, run.ended_at = "second", "not saved", LATER
    update(run, "name", "ended_at")
    assert stored(run) == before | {"name": "second", "ended_at": LATER}
    assert stored(other)["name"] == "other"


def test_a_row_that_is_gone_is_not_updated_in_silence(run: Run) -> None:
    gone = Team(pk=987654, name="gone")
    with pytest.raises(DatabaseError):
        update(gone, "name")


def test_put_adds_once_and_changes_only_what_it_is_told() -> None:
    first = Blob(digest="a" * 64, md5="b" * 32, size_bytes=1, created_at=LATER, wanted_at=LATER)
    put(first, by=("digest",), changes=("wanted_at",))
    later = LATER + dt.timedelta(days=1)
    again = Blob(digest="a" * 64, md5="b" * 32, size_bytes=2, created_at=later, wanted_at=later)
    put(again, by=("digest",), changes=("wanted_at",))
    [blob] = Blob.objects.all()
    assert (blob.created_at, blob.wanted_at, blob.size_bytes) == (LATER, later, 1)

    for owner in (1, 1, 2):
        put(Holding(owner_id=owner, blob=blob), by=("owner_id", "blob"))
    assert list(Holding.objects.order_by("owner_id").values_list("owner_id", flat=True)) == [1, 2]
