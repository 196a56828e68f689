"""Patterns of the client against Python's own: what is taken means the same, else it is refused."""

import re

import pytest

from apps.core.errors import Invalid
from apps.wandb_api.regexes import MAX_ALTERNATIVES, gapped_texts

TEXTS = [
    "",
    "a",
    "b",
    "ab",
    "abc",
    "a.c",
    "axc",
    "acb",
    "lstm-v1",
    "lstm-v1-x",
    "gru-v2-long",
    "exp-3",
    "exp-33",
    "my exp-3",
    "100%",
    "100x",
    "a_b",
    "a(b)",
    "[x]",
    "Größe",
    "c|d",
    "x^y$",
]
PATTERNS = [
    "",
    "a",
    "^a",
    "b$",
    "^$",
    "^a.c$",
    r"^a\.c$",
    "^a.*$",
    "a.?c",
    "a.+c",
    "^a.*?b",
    "^(lstm|gru)-v[12].+$",
    "^(?:lstm|gru)",
    "lstm|gru",
    "^a|c$",
    "(^a|c$)",
    "^ab?c?$",
    "^a(bc)?$",
    "^(a|b|)$",
    r"exp-\d$",
    r"^exp-3?\d$",
    "^[a-c]$",
    "[ax]b",
    "^100%$",
    r"a\(b\)",
    r"\[x\]",
    "Gr.ße",
    r"c\|d",
    r"x\^y\$$",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_means_what_it_means_in_python(pattern: str) -> None:
    found = gapped_texts(pattern)

    for text in TEXTS:
        fits = any(one.fits(text) for one in found)
        assert fits == bool(re.search(pattern, text)), text


def test_a_percent_sign_stands_for_itself() -> None:
    assert [one.exact for one in gapped_texts("^100%$")] == [["100%"]]


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "a*",
        "a+",
        "a{3}",
        "^*",
        "a**",
        ".**",
        "(a",
        "a)",
        "[a",
        "[]",
        "[^a]",
        "[b-a]",
        "[a-]",
        "a^b",
        "a$b",
        r"\w",
        r"\bword",
        "a\\",
        "(?i)a",
        "(?=a)",
        "(?P<x>a)",
        r"(a)\1",
        "[a-z]" * 2,
        "(a|b)" * 7,
        r"\d\d?",
        "x" * 201,
        "(" * 100 + ")" * 99,
        7,
        None,
    ],
)
def test_whatever_else_is_refused(pattern: object) -> None:
    with pytest.raises(Invalid):
        gapped_texts(pattern)


def test_as_many_alternatives_as_allowed() -> None:
    assert len(gapped_texts("(a|b)" * 6)) == MAX_ALTERNATIVES


def test_many_gaps_are_no_work() -> None:
    (pattern,) = gapped_texts("^" + "a.*" * 65 + "b$")
    assert not pattern.fits("a" * 5_000)
