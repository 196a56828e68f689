"""Reading the history back."""

from typing import Any

import pytest

from apps.audit.queries import events_after, events_for, events_of_team, latest_event
from apps.core.errors import Invalid
from tests.audit.builders import make_chain, make_event


def _numbers(page: Any) -> list[int]:
    return [event.sequence for event in page.rows]


@pytest.mark.django_db
def test_the_history_of_a_thing_is_its_own_and_newest_first() -> None:
    for number in [1, 2, 1, 3, 1]:
        make_event(number)

    assert _numbers(events_for("version", 1)) == [5, 3, 1]
    assert _numbers(events_for("version", 2)) == [2]
    assert _numbers(events_for("label", 1)) == [5, 4, 3, 2, 1]
    assert _numbers(events_for("run", 1)) == []


@pytest.mark.django_db
def test_a_history_can_be_narrowed_to_kinds() -> None:
    make_event(1)
    make_event(1, kind="version.noted")

    assert _numbers(events_for("version", 1, event_kinds=["version.noted"])) == [2]
    newest = latest_event("version", 1, "version.promoted")
    assert newest is not None
    assert newest.sequence == 1
    assert latest_event("version", 2) is None


@pytest.mark.django_db
def test_the_history_of_a_team_and_of_a_project() -> None:
    make_event(1, team_id=1)
    make_event(2, team_id=2)
    make_event(3, team_id=1)

    assert _numbers(events_of_team(1)) == [3, 1]
    assert _numbers(events_of_team(1, project_id=3)) == [3]
    assert _numbers(events_of_team(2, project_id=3)) == []


@pytest.mark.django_db
def test_a_history_is_paged_and_its_cursor_is_its_own() -> None:
    make_chain(5)

    first = events_for("label", 1, size=2)
    second = events_for("label", 1, size=2, cursor=first.next)

    assert (_numbers(first), _numbers(second)) == ([5, 4], [3, 2])
    with pytest.raises(Invalid):
        events_for("version", 1, size=2, cursor=first.next)


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 3])
def test_a_history_costs_two_queries(count: int, django_assert_num_queries: Any) -> None:
    make_chain(count)

    with django_assert_num_queries(2):
        page = events_for("label", 1)
        assert [len(event.subjects.all()) for event in page.rows] == [2] * count


@pytest.mark.django_db
def test_a_worker_reads_on_from_where_it_was() -> None:
    make_chain(5)

    assert [event.sequence for event in events_after(2, limit=2)] == [3, 4]
    assert events_after(5) == []
