"""What a W&B client's define_metric comes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.choices import Role
from apps.runs.metric_rules import MetricRule, MetricRules, read_rules, rules_of
from apps.runs.models import Run
from tests import build

# As the client sends them: the fields of its message by number.
SENT = [
    {"1": "epoch", "6": [3]},
    {"1": "val/loss", "5": 1, "6": [1, 3], "7": [1, 4], "8": 1},
    {"2": "val/*", "5": 1, "6": [1]},
    {"1": "internal", "6": [2, 3], "7": [6]},
]


def test_rules_are_read_by_field_number() -> None:
    rules = read_rules(SENT)

    assert rules.rules == (
        MetricRule(name="epoch"),
        MetricRule(name="val/loss", step="epoch", summary=("min", "best"), goal="minimize"),
        MetricRule(glob="val/*", step="epoch"),
        MetricRule(name="internal", summary=("none",), hidden=True),
    )


def test_a_rule_by_name_counts_before_a_glob() -> None:
    rules = read_rules([{"2": "*", "6": [2]}, {"1": "loss", "4": "epoch"}])

    assert rules.of("loss") == MetricRule(name="loss", step="epoch")
    assert not rules.is_hidden("loss")
    assert rules.is_hidden("other")
    assert rules.step_of("other") == ""


@pytest.mark.parametrize(
    ("glob", "key", "covered"),
    [
        ("val/*", "val/loss", True),
        ("val/*", "train/loss", False),
        ("*", "anything\nat all", True),
        ("v.l", "val", False),
        ("[a]*", "a", False),
    ],
)
def test_a_glob_knows_only_the_star(glob: str, key: str, covered: bool) -> None:
    rules = read_rules([{"2": glob, "4": "epoch"}])

    assert (rules.step_of(key) == "epoch") is covered


@pytest.mark.django_db
def test_a_run_keeps_its_rules() -> None:
    editor = build.user(role=Role.EDITOR)
    run = build.run(editor, build.project(editor))
    Run.objects.filter(pk=run.pk).update(metric_rules=read_rules(SENT).dump())

    run.refresh_from_db()

    assert rules_of(run) == read_rules(SENT)
    assert run.metric_rules.startswith('[{"name":"epoch"},{"name":"val/loss","step":"epoch"')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*"12345678", "x"]), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(JSON)
def test_nothing_that_a_client_sends_is_refused(entries: object) -> None:
    rules = read_rules(entries)

    assert isinstance(rules, MetricRules)
    assert isinstance(rules.of("loss"), MetricRule)
