"""A prepared query finds what its queryset finds, and asks the database nothing else."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db.models import Count, QuerySet
from pytest_django import DjangoAssertNumQueries

from apps.core.prepared import ArgumentLostError, Prepared
from apps.runs.models import Run
from tests import build

RUNS = Prepared[Run](
    lambda name, project: (
        Run.objects.filter(name=name, project=project)
        .select_related("project__team", "parent")
        .annotate(times=Count("tags"))
        .defer("config")
        .order_by("pk")
    ),
    *(str, int),
)


@pytest.mark.django_db
def test_it_finds_what_its_queryset_finds(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    owner = build.user()
    place, other = build.project(owner), build.project(owner, "other")
    first, second = (build.run(owner, place, name="same") for _ in range(2))
    build.run(owner, other, name="same")
    Run.objects.filter(pk=second.pk).update(parent=first)
    for _ in range(2):
        with django_assert_num_queries(1):
            found = RUNS.rows("same", place.pk)
            assert [run.pk for run in found] == [first.pk, second.pk]
            assert [run.parent for run in found] == [None, first]
            assert [run.project.team.name for run in found] == ["main", "main"]
            assert [run.started_at for run in found] == [first.started_at, second.started_at]
            assert [run.times for run in found] == [0, 0]  # type: ignore[attr-defined]
        assert found[0].config == first.config
    assert [run.project_id for run in RUNS.rows("same", other.pk)] == [other.pk]
    assert RUNS.first("'; drop table runs_run; --", place.pk) is None


@pytest.mark.django_db
def test_it_gives_tuples_where_its_queryset_does() -> None:
    owner = build.user()
    run = build.run(owner, build.project(owner), name="a")
    names = Prepared[tuple[str, object]](
        lambda key: Run.objects.filter(pk=key).values_list("name", "started_at"), int
    )
    assert names.rows(run.pk) == [("a", run.started_at)]


@pytest.mark.django_db
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_list_may_have_any_length(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    owner = build.user()
    place = build.project(owner)
    runs = [build.run(owner, place, name=name) for name in "abc"]
    among = Prepared[Run](
        lambda project, keys, name: Run.objects.filter(
            project=project, pk__in=keys, name__gte=name
        ).order_by("pk"),
        *(int, list, str),
    )
    asked = [run.pk for run in runs[:count]]
    assert among.rows(place.pk, [one.pk for one in runs], "a") == runs
    with django_assert_num_queries(1):
        assert among.rows(place.pk, asked, "a") == runs[:count]
    assert among.rows(place.pk, asked, "b") == runs[1:count]


@pytest.mark.django_db(transaction=True)
def test_threads_share_the_text_and_ask_by_connections_of_their_own() -> None:
    owner = build.user()
    place = build.project(owner)
    run = build.run(owner, place, name="a")
    written: list[int] = []

    def query(name: str, project: int) -> QuerySet[Run]:
        written.append(project)
        return Run.objects.filter(name=name, project=project)

    runs = Prepared[Run](query, *(str, int))
    assert runs.rows("b", place.pk) == []

    def ask() -> list[Run]:
        from django.db import connection

        try:
            return runs.rows("a", place.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(ask) for _ in range(8)]
    for answer in answers:
        [found] = answer.result()
        assert (found, found.started_at) == (run, run.started_at)
    assert len(written) == 1


@pytest.mark.django_db
def test_an_argument_that_decides_something_else_is_refused() -> None:
    lost = Prepared[Run](lambda name: Run.objects.filter(name=name[1:]), str)
    with pytest.raises(ArgumentLostError):
        lost.rows("a")


@pytest.mark.django_db
def test_a_list_that_stands_elsewhere_than_behind_in_is_refused() -> None:
    lost = Prepared[Run](lambda keys: Run.objects.filter(pk=keys[0]), list)
    with pytest.raises(ArgumentLostError):
        lost.rows([1])
