"""The query box: what is read, what is refused where, and which rows are found."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db.models import Q
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import Invalid
from apps.core.filtering import (
    And,
    Comparison,
    Field,
    FilterError,
    Not,
    Op,
    Or,
    Tree,
    column,
    parse,
    to_q,
    unparse,
)
from tests.core.rows import Row, rows  # noqa: F401 (fixture)

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8
).filter(str.strip)
SCALARS = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
COMPARISONS = (
    st.builds(
        Comparison, NAMES, st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "~", "!~"]), SCALARS
    )
    | st.builds(
        Comparison,
        NAMES,
        st.sampled_from(["in", "not in"]),
        st.lists(SCALARS, min_size=1, max_size=3).map(tuple),
    )
    | st.builds(Comparison, NAMES, st.sampled_from(["is missing", "is not missing"]))
)
TREES = st.recursive(
    COMPARISONS,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", None),
        ("  \n ", None),
        ("loss@10k < 0.2", Comparison("loss@10k", "<", 0.2)),
        ("a=1", Comparison("a", "=", 1)),
        ("`Loss @ 10k` >= -1.5e-3", Comparison("Loss @ 10k", ">=", -0.0015)),
        ("`a\\`b` = 'it\\'s'", Comparison("a`b", "=", "it's")),
        ('a = "\\\\"', Comparison("a", "=", "\\")),
        ("val/loss.best-1 <= +5", Comparison("val/loss.best-1", "<=", 5)),
        ("status = production", Comparison("status", "=", "production")),
        ("at > 2026-01-31", Comparison("at", ">", "2026-01-31")),
        ("n = 10k", Comparison("n", "=", "10k")),
        ("n = 9223372036854775807", Comparison("n", "=", 2**63 - 1)),
        ("n = 9223372036854775808", Comparison("n", "=", 2.0**63)),
        ("t in ('a', b, 3)", Comparison("t", "in", ("a", "b", 3))),
        ("t NOT IN (1)", Comparison("t", "not in", (1,))),
        ("t is missing", Comparison("t", "is missing")),
        ("t Is Not Missing", Comparison("t", "is not missing")),
        ("`and` = 1", Comparison("and", "=", 1)),
        (
            'status = "production" or loss@10k < 0.2 and not n = 1',
            Or(
                (
                    Comparison("status", "=", "production"),
                    And((Comparison("loss@10k", "<", 0.2), Not(Comparison("n", "=", 1)))),
                )
            ),
        ),
        (
            "(a = 1 or b = 2) and c ~ x",
            And(
                (
                    Or((Comparison("a", "=", 1), Comparison("b", "=", 2))),
                    Comparison("c", "~", "x"),
                )
            ),
        ),
        ("損失 < 1", Comparison("損失", "<", 1)),
        ("a = '{{7*7}}${x}'", Comparison("a", "=", "{{7*7}}${x}")),
    ],
)
def test_queries_are_read(text: str, tree: Tree | None) -> None:
    assert parse(text) == tree
    assert parse(unparse(tree)) == tree


@given(TREES)
def test_every_tree_survives_its_text(tree: Tree) -> None:
    assert parse(unparse(tree)) == tree


@given(st.text(max_size=60) | st.text("ab`\"'\\()<>=!~,.+-1e9 notriandsmg\0\ud800", max_size=60))
def test_nothing_but_a_refusal_ever_comes_out(text: str) -> None:
    try:
        tree = parse(text)
    except FilterError as error:
        assert 0 <= error.position <= len(text) + 1  # noqa: PT017 - any text may be refused
        return
    assert parse(unparse(tree)) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss <", "at 7: expected a value after <"),
        ("loss < and", "at 8: expected a value after <"),
        ("loss", "at 5: expected a comparison such as = or < after loss"),
        ("loss 5", "at 6: expected a comparison such as = or < after loss"),
        ("< 5", "at 1: expected a field name"),
        ('"a" = 5', "at 1: expected a field name"),
        ("`` = 5", "at 1: a field name is empty"),
        ("not", "at 4: expected a field name"),
        ("a = 1 b = 2", "at 7: expected and, or, or the end"),
        ("a = 1)", "at 6: expected and, or, or the end"),
        ("(a = 1", "at 7: expected )"),
        ("a = 'x", "at 5: this quote is never closed"),
        ("a = 'x\\", "at 5: this quote is never closed"),
        ("a in ()", "at 7: expected a value after ("),
        ("a in (1,)", "at 9: expected a value after ,"),
        ("a in 1", "at 6: expected ("),
        ("a not 1", "at 7: expected the word in"),
        ("a is 1", "at 6: expected the word missing"),
        ("a = 1e999", "at 5: this number is too large"),
        ("a = " + "9" * 400, "at 5: this number is too large"),
        ("a = ٣", "at 5: unexpected ٣"),
        ("a = 1; drop table x", "at 6: unexpected ;"),
        ("a = {{7*7}}", "at 5: unexpected {"),
        ("a == 1", "at 4: expected a value after ="),
        ("a = --1", "at 5: unexpected --1"),
        ("a = '\x00'", "at 6: this character is not allowed"),
        ("a = \u202e", "at 5: unexpected U+202E"),
    ],
)
def test_a_refusal_names_the_place_and_the_remedy(text: str, message: str) -> None:
    with pytest.raises(FilterError) as refusal:
        parse(text)

    assert refusal.value.message == message
    assert isinstance(refusal.value, Invalid)
    assert refusal.value.field == "filter"


def _list_of(count: int) -> str:
    return f"a in ({','.join(['1'] * count)})"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(" * 33 + "a=1" + ")" * 33, "nested too deep; 32 levels"),
        ("not " * 33 + "a=1", "nested too deep; 32 levels"),
        (" or ".join(["a=1"] * 101), "too many conditions; 100"),
        (_list_of(201), "too many values in one list; 200"),
        ("(" * 10_000 + "a=1" + ")" * 10_000, "too long; 2000"),
        (" and ".join(["a=1"] * 10_000), "too long; 2000"),
        (_list_of(100_000), "too long; 2000"),
        ("a = '" + "x" * 1_000_000 + "'", "too long; 2000"),
    ],
)
def test_limits_are_kept(text: str, says: str) -> None:
    with pytest.raises(FilterError, match=says):
        parse(text)


def test_what_is_just_within_the_limits_is_read() -> None:
    assert parse("(" * 32 + "a=1" + ")" * 32) == Comparison("a", "=", 1)
    assert isinstance(parse(" or ".join(["a=1"] * 100)), Or)
    assert parse(_list_of(200)) == Comparison("a", "in", (1,) * 200)


# Trees on rows ------------------------------------------------------------------------------------

FIELDS = {
    "number": column("number", "integer"),
    "Loss @ 10k": column("value", "number"),
    "text": column("text", "text"),
    "status": column("text", "choice", choices=("production", "staging")),
    "created": column("at", "time"),
}


@pytest.fixture
def table(rows: Any) -> Any:  # noqa: F811
    rows.bulk_create(
        [
            Row(number=1, value=0.1, text="production", at=datetime(2026, 1, 1, tzinfo=UTC)),
            Row(number=2, value=0.2, text="staging", at=datetime(2026, 2, 1, tzinfo=UTC)),
            Row(number=3, value=-0.5, text="", at=None),
            Row(number=4, value=None, text=None, at=datetime(2026, 3, 1, tzinfo=UTC)),
            Row(number=5, value=0.3, text="50%_a\\b'\"", at=datetime(2026, 4, 1, tzinfo=UTC)),
        ]
    )
    return rows.order_by("number")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("`Loss @ 10k` < 0.2", [1, 3]),
        ("`loss @ 10K` <= 0.2", [1, 2, 3]),
        ("`Loss @ 10k` = 0.1", [1]),
        # A missing number matches no comparison, however it is put.
        ("`Loss @ 10k` != 0.1", [2, 3, 5]),
        ("not `Loss @ 10k` = 0.1", [2, 3, 5]),
        ("not `Loss @ 10k` < 0.2", [2, 5]),
        ("not not `Loss @ 10k` < 0.2", [1, 3]),
        ("`Loss @ 10k` in (0.1, 0.3)", [1, 5]),
        ("`Loss @ 10k` not in (0.1, 0.3)", [2, 3]),
        ("`Loss @ 10k` is missing", [4]),
        ("not `Loss @ 10k` is missing", [1, 2, 3, 5]),
        # A missing text is an empty text.
        ("status = production", [1]),
        ("status = Production", [1]),
        ("status != production", [2, 3, 4, 5]),
        ("not status = production", [2, 3, 4, 5]),
        ("status not in (production, staging)", [3, 4, 5]),
        ("status is missing", [3, 4]),
        ("status is not missing", [1, 2, 5]),
        ("text = Production", []),
        ("text ~ STAG", [2]),
        ("text !~ stag", [1, 3, 4, 5]),
        ("text ~ '%_'", [5]),
        ("text ~ '_'", [5]),
        ("text ~ 'a\\\\b\\'\"'", [5]),
        ("text = '50%_a\\\\b\\'\"'", [5]),
        ('text = "\' OR 1=1 --"', []),
        ("text = 2024", []),
        ("created >= 2026-02-01 and created < 2026-04-01", [2, 4]),
        ("not created >= 2026-02-01", [1]),
        ("created is missing", [3]),
        ("number in (1, 2) or status = staging", [1, 2]),
        ("not (number > 1 and number < 5)", [1, 5]),
        ("not (number = 1 or `Loss @ 10k` > 0)", [3]),
        ("number = 9223372036854775807", []),
    ],
)
def test_rows_are_found(table: Any, text: str, found: list[int]) -> None:
    assert [row.number for row in table.filter(to_q(parse(text), FIELDS))] == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("statu = 1", "at 1: there is no field statu; did you mean status?"),
        (
            "a = 1 and owner__password = 1",
            "at 1: there is no field a; the fields are created, Loss @ 10k, number, status, text",
        ),
        ("number = 1 and value__isnull = 1", "at 16: there is no field value__isnull"),
        ("pk = 1", "at 1: there is no field pk"),
        ("_connector = x", "at 1: there is no field _connector"),
        ("`Loss @ 10k` < x", "at 1: Loss @ 10k is a number; x is not"),
        ("`Loss @ 10k` = nan", "at 1: Loss @ 10k is a number; nan is not"),
        ("`Loss @ 10k` = '0.1'", "at 1: Loss @ 10k is a number; 0.1 is not"),
        ("`Loss @ 10k` in (1, x)", "at 1: Loss @ 10k is a number; x is not"),
        ("`Loss @ 10k` ~ 1", "at 1: Loss @ 10k is a number; it cannot be compared with ~"),
        ("number = 0.5", "at 1: number is a whole number; 0.5 is not"),
        ("number < 1e30", "at 1: number is a whole number"),
        ("text < b", "at 1: text is a text; it cannot be compared with <"),
        ("status = prod", "at 1: status is never prod; it is one of production, staging"),
        ("status in (production, x)", "at 1: status is never x"),
        ("created < yesterday", "at 1: created is a time; write it like 2026-01-31"),
        ("created < 5", "at 1: created is a time"),
        ("created = 2026-01-01", "at 1: created is a time; it cannot be compared with ="),
    ],
)
def test_what_does_not_fit_the_fields_is_refused(text: str, message: str) -> None:
    with pytest.raises(FilterError) as refusal:
        to_q(parse(text), FIELDS)

    assert refusal.value.message.startswith(message)


def test_no_condition_matches_all() -> None:
    assert to_q(None, FIELDS) == Q()


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("x = 3", ("=", 3)),
        ("x < 0.5", ("<", 0.5)),
        ("x = adam", ("=", "adam")),
        ("x ~ 3", ("~", "3")),
        ("not x = adam", ("!=", "adam")),
        ("x in (adam, 3)", ("in", ("adam", 3))),
        ("x is missing", ("is missing", None)),
    ],
)
def test_a_field_of_numbers_and_texts_is_asked_as_the_value_says(
    text: str, asked: tuple[object, ...]
) -> None:
    heard: list[tuple[object, ...]] = []

    def hear(op: Op, value: object) -> Q:
        heard.append((op, value))
        return Q()

    to_q(parse(text), {"x": Field("either", hear)})

    assert heard == [asked]


def test_no_text_comes_before_or_after_another() -> None:
    field = column("x", "either")

    with pytest.raises(FilterError, match="< compares with a number; adam is not one"):
        to_q(parse("x < adam"), {"x": field})
