"""Pages by key: every row once, both ways, with missing values last, and no bad cursor taken."""

import base64
import itertools
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from apps.core.errors import Invalid
from apps.core.paging import Cursor, Key, Page, paginate, parse_size, write_cursor
from tests.core.rows import Row, rows  # noqa: F401 (fixture)

NUMBER = Key("number", "integer")
START = datetime(2026, 1, 1, tzinfo=UTC)
# Ties, missing values, neighbours that differ in the last bit, and both infinities.
VALUES = [0.1, None, 0.1, math.nextafter(0.1, 1), 0.30000000000000004, 0.3, None, 1e308, 5e-324]
VALUES += [-0.5, math.inf, -math.inf, 0.1, None, 2.0, 3.0, 0.1 + 0.2, 1e-9, None, 7.25, 0.1]
TEXTS = ["b", "a", None, "数", ""]


@pytest.fixture
def table(rows: Any) -> Any:  # noqa: F811
    rows.bulk_create(
        Row(
            number=number,
            value=value,
            text=TEXTS[number % 5],
            at=None if number % 7 == 0 else START + timedelta(microseconds=number // 3),
        )
        for number, value in enumerate(VALUES, start=1)
    )
    return rows.all()


def _numbers(page: Page[Any]) -> list[int]:
    return [row.number for row in page.rows]


def _forwards(table: Any, keys: list[Key], size: int) -> list[Page[Any]]:
    pages = [paginate(table, keys, size=size)]
    while pages[-1].next:
        pages.append(paginate(table, keys, size=size, cursor=pages[-1].next))
    return pages


ORDERS = [
    [NUMBER],
    [Key("number", "integer", descending=True)],
    *(
        [replace(key, descending=descending), replace(NUMBER, descending=tie)]
        for key, descending, tie in itertools.product(
            [
                Key("value", "number", nullable=True),
                Key("text", "text", nullable=True),
                Key("at", "time", nullable=True),
            ],
            [False, True],
            [False, True],
        )
    ),
    [
        Key("text", "text", nullable=True),
        Key("value", "number", descending=True, nullable=True),
        NUMBER,
    ],
]


@pytest.mark.parametrize("keys", ORDERS, ids=str)
@pytest.mark.parametrize("size", [1, 4, 21])
def test_pages_hold_every_row_once_both_ways(table: Any, keys: list[Key], size: int) -> None:
    whole = [
        row.number
        for row in table.order_by(
            *(
                F(key.name).desc(nulls_last=True)
                if key.descending
                else F(key.name).asc(nulls_last=True)
                for key in keys
            )
        )
    ]

    pages = _forwards(table, keys, size)

    assert [number for page in pages for number in _numbers(page)] == whole
    assert [page.first for page in pages] == list(range(1, 22, size))
    assert pages[0].previous is None
    for page, following in itertools.pairwise(pages):
        back = paginate(table, keys, size=size, cursor=following.previous)
        assert (_numbers(back), back.first, back.last) == (_numbers(page), page.first, page.last)
        assert back.next == page.next


def test_missing_values_come_last_in_both_directions(table: Any) -> None:
    for descending in (False, True):
        keys = [Key("value", "number", descending, nullable=True), NUMBER]
        page = paginate(table, keys, size=21)

        assert [row.value for row in page.rows[-4:]] == [None] * 4
        assert None not in [row.value for row in page.rows[:-4]]


def test_a_page_says_where_it_is(table: Any) -> None:
    first = paginate(table, [NUMBER], size=10, total=21)
    second = paginate(table, [NUMBER], size=10, total=21, cursor=first.next)
    third = paginate(table, [NUMBER], size=10, total=21, cursor=second.next)

    assert (first.first, first.last, first.total) == (1, 10, 21)
    assert (third.first, third.last, third.next) == (21, 21, None)


def test_an_empty_list_has_no_pages(table: Any) -> None:
    page = paginate(table.none(), [NUMBER])

    assert page == Page([], 50, 0, None, None)
    assert page.last == 0


def test_rows_may_come_and_go_between_pages(table: Any) -> None:
    """Those that existed throughout are seen exactly once."""
    first = paginate(table, [NUMBER], size=5)
    table.filter(number__in=[2, 5, 6, 7]).delete()
    Row.objects.create(number=0)
    second = paginate(table, [NUMBER], size=5, cursor=first.next)

    assert (_numbers(first), _numbers(second)) == ([1, 2, 3, 4, 5], [8, 9, 10, 11, 12])
    # Fewer than a page are left before: the first page is whole instead of short.
    back = paginate(table, [NUMBER], size=5, cursor=second.previous)
    assert (_numbers(back), back.first, back.previous) == ([0, 1, 3, 4, 8], 1, None)


def test_a_page_whose_rows_are_all_gone_leads_back_to_the_end(table: Any) -> None:
    first = paginate(table, [NUMBER], size=5)
    table.filter(number__gt=5).delete()
    gone = paginate(table, [NUMBER], size=5, cursor=first.next)

    assert (_numbers(gone), gone.first, gone.next) == ([], 0, None)
    assert _numbers(paginate(table, [NUMBER], size=5, cursor=gone.previous)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("shape", ["model", "dict"])
def test_a_page_costs_one_query(table: Any, shape: str, django_assert_num_queries: Any) -> None:
    queryset = table if shape == "model" else table.values("number", "value")
    keys = [Key("value", "number", nullable=True), NUMBER]
    first = paginate(queryset, keys, size=5)

    with django_assert_num_queries(1):
        paginate(queryset, keys, size=5, cursor=first.next)


def test_annotations_can_be_keys(table: Any) -> None:
    queryset = table.annotate(negative=-F("number"))
    keys = [Key("negative", "integer")]
    first = paginate(queryset, keys, size=2)

    assert _numbers(paginate(queryset, keys, size=2, cursor=first.next)) == [19, 18]


def _forged(*parts: Any) -> str:
    text = json.dumps(parts, ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


KEYS = [Key("value", "number", nullable=True), Key("text", "text"), Key("at", "time"), NUMBER]
MARK = json.loads(
    base64.urlsafe_b64decode(write_cursor(Cursor(None, True, 0), KEYS) + "==").decode()
)[0]
GOOD = [0.1, "a", "2026-01-01T00:00:00.000000Z", 1]


def test_a_hand_made_cursor_with_right_values_is_taken(table: Any) -> None:
    """So the forgeries below fail for the one thing that is wrong in each."""
    assert paginate(table, KEYS, cursor=_forged(MARK, False, 0, GOOD)).size == 50


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!!",
        "数字",
        "a" * 1_000_000,
        "=",
        "\x00",
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        _forged(),
        _forged(1, 2, 3),
        _forged("other", False, 0, GOOD),
        _forged(MARK, 0, 0, GOOD),
        _forged(MARK, False, -1, GOOD),
        _forged(MARK, False, 2**63, GOOD),
        _forged(MARK, False, "0", GOOD),
        _forged(MARK, False, 1.5, GOOD),
        _forged(MARK, False, 0, None),
        _forged(MARK, False, 0, 7),
        _forged(MARK, False, 0, {}),
        _forged(MARK, False, 0, GOOD[:3]),
        _forged(MARK, False, 0, [*GOOD, 1]),
        _forged(MARK, False, 0, ["x", *GOOD[1:]]),
        _forged(MARK, False, 0, ["NaN", *GOOD[1:]]),
        _forged(MARK, False, 0, [True, *GOOD[1:]]),
        _forged(MARK, False, 0, [[], *GOOD[1:]]),
        _forged(MARK, False, 0, [0.1, 5, *GOOD[2:]]),
        _forged(MARK, False, 0, [0.1, None, *GOOD[2:]]),
        _forged(MARK, False, 0, [0.1, "\x00", *GOOD[2:]]),
        _forged(MARK, False, 0, [0.1, "\ud800", *GOOD[2:]]),
        _forged(MARK, False, 0, [*GOOD[:2], "yesterday", 1]),
        _forged(MARK, False, 0, [*GOOD[:2], 5, 1]),
        _forged(MARK, False, 0, [*GOOD[:3], 2**63]),
        _forged(MARK, False, 0, [*GOOD[:3], 1.0]),
        _forged(MARK, False, 0, [*GOOD[:3], "1"]),
        _forged(MARK, False, 0, [*GOOD[:3], "1; DROP TABLE core_test_row"]),
    ],
)
def test_forged_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(Invalid, match="start from the first page") as refusal:
        paginate(Row.objects.all(), KEYS, cursor=cursor)

    assert refusal.value.field == "cursor"


def test_a_cursor_belongs_to_its_order_and_scope(table: Any) -> None:
    cursor = paginate(table, [NUMBER], size=2, scope="loss < 1").next

    for keys, scope in [
        ([NUMBER], "loss < 2"),
        ([NUMBER], ""),
        ([Key("number", "integer", descending=True)], "loss < 1"),
        ([Key("id", "integer")], "loss < 1"),
    ]:
        with pytest.raises(Invalid):
            paginate(table, keys, size=2, scope=scope, cursor=cursor)


def test_every_cut_of_a_cursor_is_refused(table: Any) -> None:
    cursor = paginate(table, [NUMBER], size=2).next
    assert cursor

    for length in range(1, len(cursor)):
        with pytest.raises(Invalid):
            paginate(table, [NUMBER], size=2, cursor=cursor[:length])


@pytest.mark.parametrize(("text", "size"), [(None, 50), ("", 50), ("1", 1), ("500", 500)])
def test_page_sizes(text: str | None, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "501", "1e9", "all", "٣", " 5", "9" * 1000])
def test_page_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="from 1 to 500"):
        parse_size(text)


def test_a_page_can_carry_other_rows() -> None:
    page: Page[int] = Page([1, 2], 2, 1, "n", None, 5)

    assert page.with_rows(str(row) for row in page.rows) == Page(["1", "2"], 2, 1, "n", None, 5)
