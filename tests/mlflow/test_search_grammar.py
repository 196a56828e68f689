"""The filters and orders of mlflow clients, and what they mean as a tree."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import DomainError
from apps.core.filtering import And, Comparison
from apps.mlflow_api.search_grammar import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    Order,
    Searched,
    parse_filter,
    parse_orders,
)

ALL = [RUNS, EXPERIMENTS, REGISTERED_MODELS, MODEL_VERSIONS, LOGGED_MODELS]


def one(text: str, searched: Searched = RUNS) -> Comparison:
    """The only clause of a filter."""
    tree = parse_filter(text, searched)
    assert isinstance(tree, Comparison)
    return tree


def refusal(text: str, searched: Searched = RUNS) -> str:
    with pytest.raises(DomainError) as caught:
        parse_filter(text, searched)
    return caught.value.message


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_filter_asks_for_all(text: str) -> None:
    assert all(parse_filter(text, searched) is None for searched in ALL)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("metrics.loss > 1", "metric.loss"),
        ("metric.loss > 1", "metric.loss"),
        ("metrics.`val loss/at 1k` > 1", "metric.val loss/at 1k"),
        ('metrics."val loss" > 1', "metric.val loss"),
        ("`metrics`.`a.b` > 1", "metric.a.b"),
        ("metrics.a.b>1", "metric.a.b"),
        ("metrics.a/b-c:d >1", "metric.a/b-c:d"),
        ("start_time > 1", "attribute.start_time"),
        ("attr.start_time > 1", "attribute.start_time"),
        ("attributes.created > 1", "attribute.start_time"),
        ("Created > 1", "attribute.start_time"),
    ],
)
def test_keys_are_read_in_every_spelling(text: str, field: str) -> None:
    assert one(text).field == field
    assert one(text).value == 1


@pytest.mark.parametrize(
    "text", ["`run name` = 'a'", "Run name = 'a'", "attribute.`Run Name` = 'a'", "run.run_name='a'"]
)
def test_the_run_name_has_several_names(text: str) -> None:
    assert one(text) == Comparison("attribute.run_name", "=", "a")


@pytest.mark.parametrize(
    ("text", "op"),
    [("=", "="), ("!=", "!="), ("LIKE", "like"), ("ilike", "ilike"), ("iLike", "ilike")],
)
def test_texts_have_their_comparisons(text: str, op: str) -> None:
    assert one(f"params.lr {text} '0.1'").op == op


def test_texts_stand_in_either_quotes() -> None:
    assert one("""tags.a = 'say "hi"'""").value == 'say "hi"'
    assert one('''tags.a = "it's"''').value == "it's"
    assert one("tags.a = 'it''s'").value == "it's"
    assert one("tags.a = ''").value == ""
    assert one("tags.a = 'back\\slash'").value == "back\\slash"


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("-1", -1), ("1.5", 1.5), (".5", 0.5), ("1e-3", 0.001), ("+2", 2)],
)
def test_numbers_are_bare(text: str, number: float) -> None:
    assert one(f"metrics.a = {text}").value == number


def test_a_time_in_milliseconds_stays_whole() -> None:
    value = one("start_time >= 1700000000123").value
    assert value == 1700000000123
    assert isinstance(value, int)


def test_clauses_are_joined_by_and_in_any_case() -> None:
    tree = parse_filter("metrics.a < 1 AND params.b = 'x'and tags.c IS NOT NULL", RUNS)
    assert tree == And(
        (
            Comparison("metric.a", "<", 1),
            Comparison("param.b", "=", "x"),
            Comparison("tag.c", "is not missing"),
        )
    )


def test_lists() -> None:
    assert one("run_id IN ('a', \"b\")").value == ("a", "b")
    assert one("attributes.run_id not in('a')") == Comparison("attribute.run_id", "not in", ("a",))
    assert one("run_id IN ('a',)").value == one("run_id IN ('a' , )").value == ("a",)
    assert one("dataset.name IN ('a')").field == "dataset.name"
    assert one("params.lr IN ('a')", LOGGED_MODELS).field == "param.lr"
    assert one("name IN ('a')", REGISTERED_MODELS).field == "attribute.name"


@pytest.mark.parametrize(
    "text",
    [
        "metrics.a > 1 OR metrics.b > 1",
        "(metrics.a > 1)",
        "metrics.a > 1;",
        "metrics.a > 1 metrics.b > 1",
        "metrics.a > 1 AND",
        "AND metrics.a > 1",
        "metrics.a",
        "metrics.a >",
        "metrics.a <> 1",
        "metrics. > 1",
        "metrics.a > '1'",
        "metrics.a > NaN",
        "metrics.a > 1e999",
        "metrics.a LIKE 'x'",
        "metrics.a IS NULL",
        "params.a > '1'",
        "params.a = 1",
        "params.a = x",
        "params.a = `x`",
        "params.a IN ('x')",
        "tags.a = 'open",
        "tags.`a = 'x'",
        "status > 'RUNNING'",
        "start_time = '1'",
        "start_time LIKE '1%'",
        "start_time IS NULL",
        "run_id IN ()",
        "run_id IN (,)",
        "run_id IN ('a',,)",
        "run_id IN (1)",
        "run_id IN ('a' 'b')",
        "run_id IN ('a'",
        "run_id IN 'a'",
        "status IN ('RUNNING')",
        "dataset.schema = 'x'",
        "nothing = 'x'",
        "things.a = 'x'",
        "tags.a = 'x\x00'",
        "tags.a IS NOT",
        "tags.a NOT LIKE 'x'",
        "= 'x'",
        "'x'",
    ],
)
def test_what_is_not_in_the_grammar_is_refused(text: str) -> None:
    assert refusal(text)


def test_or_is_refused_in_mlflows_words() -> None:
    message = refusal("metrics.a > 1 OR metrics.b > 1")
    assert message.startswith("Invalid clause(s) in filter string: 'OR'")


def test_what_can_be_asked_depends_on_what_is_searched() -> None:
    assert one("creation_time > 5", EXPERIMENTS).field == "attribute.creation_time"
    assert one("version_number > 5", MODEL_VERSIONS).field == "attribute.version_number"
    assert one("tag.`mlflow.prompt.is_prompt` != 'true'", REGISTERED_MODELS).op == "!="
    assert one("model_type = 'x'", LOGGED_MODELS).field == "attribute.model_type"
    assert one("creation_time > 5", LOGGED_MODELS).field == "attribute.creation_timestamp"
    for text in ("metrics.a > 1", "params.a = 'x'", "run_name = 'x'"):
        assert refusal(text, EXPERIMENTS)
        assert refusal(text, REGISTERED_MODELS)


def test_limits() -> None:
    assert refusal("a" * 70_000)
    assert refusal(" AND ".join(["metrics.a > 1"] * 101))

    many = ",".join(["'x'"] * 1_001)
    assert refusal(f"run_id IN ({many})")


class TestOrders:
    def test_ascending_unless_said(self) -> None:
        assert parse_orders(["metrics.loss", "start_time DESC", "params.`a b` asc"], RUNS) == [
            Order("metric.loss"),
            Order("attribute.start_time", descending=True),
            Order("param.a b"),
        ]

    @pytest.mark.parametrize(
        "orders",
        [
            ["metrics.a", "metrics.`a` DESC"],
            ["created", "start_time"],
            [""],
            ["DESC"],
            ["nothing"],
            ["dataset.name"],
            ["metrics.a sideways"],
            ["metrics.a ASC, metrics.b"],
            ["a" * 70_000],
            ["metrics.a"] * 11,
        ],
    )
    def test_what_is_no_order_is_refused(self, orders: list[str]) -> None:
        with pytest.raises(DomainError):
            parse_orders(orders, RUNS)

    def test_models_and_versions_have_theirs(self) -> None:
        assert parse_orders(["timestamp DESC"], REGISTERED_MODELS) == [
            Order("attribute.last_updated_timestamp", descending=True)
        ]
        assert parse_orders(["version_number DESC"], MODEL_VERSIONS)
        with pytest.raises(DomainError):
            parse_orders(["tags.a"], REGISTERED_MODELS)
        with pytest.raises(DomainError):
            parse_orders(["run_id"], MODEL_VERSIONS)


NAMES = st.text(
    st.characters(blacklist_characters="`\x00", blacklist_categories=["Cs"]), min_size=1
)
TEXTS = st.text(st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]))


@given(name=NAMES, value=TEXTS)
def test_any_name_and_any_text_can_be_written(name: str, value: str) -> None:
    quoted = value.replace("'", "''")
    assert one(f"tags.`{name}` = '{quoted}'") == Comparison(f"tag.{name}", "=", value)


@given(text=st.text(), at=st.integers(0, 4))
def test_any_text_is_read_or_refused(text: str, at: int) -> None:
    for attempt in (text, f"tags.a = {text}", f"metrics.{text} > 1"):
        with suppress(DomainError):
            parse_filter(attempt, ALL[at])
        with suppress(DomainError):
            parse_orders([attempt], ALL[at])
