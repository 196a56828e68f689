"""Pages cut by key over a table of several segments."""

import pytest
from django.db import models

from apps.core.errors import Invalid
from apps.core.paging import Key
from apps.core.tables import Cut, Segment, TableQuery, blocks, check_search, cut
from tests.core.rows import Row, rows  # noqa: F401 (fixture)


@pytest.fixture
def segments(rows: "models.Manager[Row]") -> list[Segment]:  # noqa: F811
    """b, d, f from the first to the last; then e, c, a."""
    rows.bulk_create(Row(number=at, text=name) for at, name in enumerate("abcdef"))
    upwards, downwards = Key("text", "text"), Key("text", "text", descending=True)
    return [
        Segment(rows.filter(text__in="bdf"), (upwards,), "first part", "text"),
        Segment(rows.filter(text__in="ace"), (downwards,), "second part", "text"),
    ]


def names(page: Cut) -> str:
    return "".join(page.rows)


def test_pages_run_over_the_segments_and_back(segments: list[Segment]) -> None:
    first = cut(segments, TableQuery(size=2))
    second = cut(segments, TableQuery(size=2, cursor=first.next))
    third = cut(segments, TableQuery(size=2, cursor=second.next))

    assert [names(page) for page in (first, second, third)] == ["bd", "fe", "ca"]
    assert [(page.first, page.last) for page in (first, second, third)] == [(1, 2), (3, 4), (5, 6)]
    assert (first.previous, third.next) == ("", "")
    back = cut(segments, TableQuery(size=2, cursor=third.previous))
    assert (names(back), back.first) == ("fe", 3)
    assert names(cut(segments, TableQuery(size=2, cursor=back.previous))) == "bd"


def test_the_first_page_when_the_rows_of_a_link_have_gone(segments: list[Segment]) -> None:
    second = cut(segments, TableQuery(size=4)).next
    Row.objects.filter(text__in="ca").delete()

    assert names(cut(segments, TableQuery(size=4, cursor=second))) == "bdfe"


def test_nothing_has_no_neighbours(segments: list[Segment]) -> None:
    Row.objects.all().delete()

    assert cut(segments, TableQuery()) == Cut([], 0, "", "")


@pytest.mark.parametrize("size", [0, -1, 100_000])
def test_a_size_that_is_none(segments: list[Segment], size: int) -> None:
    with pytest.raises(Invalid, match="A page has"):
        cut(segments, TableQuery(size=size))


def test_a_cursor_of_another_list(segments: list[Segment]) -> None:
    cursor = cut(segments, TableQuery(size=2)).next
    other = [Segment(one.rows, one.keys, f"{one.scope} other", one.row) for one in segments]

    with pytest.raises(Invalid, match="belongs to another list"):
        cut(other, TableQuery(size=2, cursor=cursor))


def test_exports_read_blocks_in_order(segments: list[Segment]) -> None:
    assert ["".join(block) for block in blocks(segments, size=2)] == ["bd", "f", "ec", "a"]


def test_the_scope_of_a_cursor_tells_lists_apart() -> None:
    query = TableQuery(sort="loss", where="x", search="y", status=("b", "a"))

    assert query.scope(1) == TableQuery("loss", "x", ("a", "b"), "y", size=50).scope(1)
    assert query.scope(1) != query.scope(2)
    assert query.is_narrowed
    assert not TableQuery(sort="loss", where=" ", search=" ").is_narrowed


def test_too_many_words_to_look_for() -> None:
    assert check_search("  a b ") == "a b"
    with pytest.raises(Invalid, match="200 characters"):
        check_search("x" * 201)
