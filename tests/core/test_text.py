"""Exports that no spreadsheet runs, and short forms that stay readable."""

import pytest

from apps.core.text import natural, one_line, safe_cell, short_digest, truncate, truncate_middle


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "＝1",
        "-2+3+cmd|' /C calc'!A0",
    ],
)
def test_formula_cells_are_neutralised(text: str) -> None:
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize("value", ["production", "a=b", "1-2", "", "'x", -1.5, 0, None, True])
def test_other_cells_stay_exact(value: object) -> None:
    assert safe_cell(value) is value


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert truncate("abcdef", 6) == "abcdef"
    assert truncate("abcdefg", 6) == "abcde…"
    assert truncate("ab cdefg", 4) == "ab…"
    assert truncate("ae\u0301bcd", 3) == "a…"


def test_names_are_sorted_as_people_read_them() -> None:
    long = "layer" + "9" * 5000
    names = ["layer10", "Layer2", "b", "layer2/x", long, "layer02", "a", ""]
    assert sorted(names, key=natural) == [
        "",
        "a",
        "b",
        "Layer2",
        "layer02",
        "layer2/x",
        "layer10",
        long,
    ]


def test_paths_are_cut_in_the_middle() -> None:
    assert truncate_middle("folder/deep/model.pkl", 21) == "folder/deep/model.pkl"
    assert truncate_middle("folder/deep/model.pkl", 11) == "folde…l.pkl"


def test_digests_are_shortened_with_and_without_their_kind() -> None:
    assert short_digest("37e2f6fbaa") == short_digest("sha256:37e2f6fbaa") == "37e2f6fb"


def test_log_text_stays_on_one_line_and_shows_what_hides() -> None:
    assert one_line("a\r\nb\x1b[31m\u202ec") == "a\\r\\nb\\x1b[31m\\u202ec"
    assert one_line("数字") == "数字"
    assert one_line("x" * 300) == "x" * 200 + "…"
