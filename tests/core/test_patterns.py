"""LIKE and ILIKE mean the same on both databases."""

import pytest

from apps.core import filtering
from apps.core.filtering import Comparison, Not, Op, Tree
from apps.runs.models import Run
from tests import build

pytestmark = pytest.mark.django_db

NAMES = ["plain", "Plain", "100%", "100 per cent", "a_b", "acb", "a\\b", "[x]*", "x", "two\nlines"]
FIELDS = {"name": filtering.column("name", "text")}


@pytest.fixture(autouse=True)
def runs() -> None:
    owner = build.user()
    place = build.project(owner)
    for name in NAMES:
        run = build.run(owner, place)
        # Whatever a name may be elsewhere: the pattern must stand it.
        Run.objects.filter(pk=run.pk).update(name=name)


def found(tree: Tree) -> set[str]:
    return set(Run.objects.filter(filtering.to_q(tree, FIELDS)).values_list("name", flat=True))


@pytest.mark.parametrize(
    ("op", "pattern", "names"),
    [
        ("like", "plain", {"plain"}),
        ("ilike", "plain", {"plain", "Plain"}),
        ("like", "p%", {"plain"}),
        ("ilike", "P%N", {"plain", "Plain"}),
        ("like", "100%", {"100%", "100 per cent"}),
        ("like", "a_b", {"a_b", "acb", "a\\b"}),
        ("like", "a\\_", {"a\\b"}),
        ("like", "%\\%", {"a\\b"}),
        ("like", "[x]*", {"[x]*"}),
        ("like", "%]%", {"[x]*"}),
        ("like", "?", set()),
        ("like", "two%", {"two\nlines"}),
        ("like", "", set()),
        ("like", "%", set(NAMES)),
        ("not like", "%", set()),
        ("not ilike", "%A%", set(NAMES) - {"plain", "Plain", "a_b", "acb", "a\\b"}),
    ],
)
def test_patterns(op: Op, pattern: str, names: set[str]) -> None:
    assert found(Comparison("name", op, pattern)) == names
    assert found(Not(Comparison("name", op, pattern))) == set(NAMES) - names
