"""The JSON parser takes JSON, refuses everything else in the same way, and stays quick."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import Invalid, TooLarge
from apps.core.jsontext import canonical, dump, integer, number, parse

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_dumped_is_read_back_exactly(value: Any) -> None:
    assert parse(dump(value), max_depth=100) == value
    assert parse(canonical(value).encode(), max_depth=100) == value
    assert parse(json.dumps(value), max_depth=100) == value


@given(st.binary(max_size=60) | st.text(max_size=60, alphabet='[]{}",:\\u0dE+-.1eNafn \n\x00'))
def test_nothing_but_a_refusal_ever_comes_out(data: bytes | str) -> None:
    try:
        value = parse(data, max_depth=8)
    except Invalid:
        return
    assert value == json.loads(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"{'a':1}",
        b"[1 2]",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"0x1",
        b"nul",
        b"True",
        b"[1]x",
        b'"a',
        b'"\n"',
        b'"\x00"',
        b'"\\x41"',
        b"/* */1",
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"-1E+400",
        b"[" + b"9" * 400 + b".0]",
        b"9" * 5000,
        b'"\\u0000"',
        b'{"\\u0000":1}',
        b'"\\ud800"',
        b'["\\udc00\\ud800"]',
        b'{"\\uD800":1}',
        "\ud800",
        b'{"role":1,"role":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":1,"\\u0061":2}',
    ],
)
def test_what_is_not_clean_json_is_refused(data: bytes | str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(data)

    assert refusal.value.message.isprintable()


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"1", 1),
        (b' "a" ', "a"),
        (b'"\\ud83d\\ude00 \\\\u0000"', "😀 \\u0000"),
        (b"9007199254740993", 2**53 + 1),
        (b"18446744073709551616", 2**64),
        (b"1e308", 1e308),
        (b"1.7976931348623157e308", 1.7976931348623157e308),
        (b"5e-324", 5e-324),
        (b"1e-999", 0.0),
        (b"0.1", 0.1),
        (b'["[[[[[[[[[[", "\\"[[[[[[[[[[", "\\\\"]', ["[" * 10, '"' + "[" * 10, "\\"]),
    ],
)
def test_values_are_exact(data: bytes, value: object) -> None:
    assert parse(data, max_depth=3) == value


def test_negative_zero_keeps_its_sign() -> None:
    assert math.copysign(1, parse("-0.0")) == -1


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'[{"a":' * 50_000 + b"1" + b"}]" * 50_000,
        b"[" * 33 + b"]" * 33,
        b'["\\"", ' + b"[" * 33 + b"]" * 33 + b"]",
        b"[" + b"[" * 40 + b"]" * 40,
    ],
)
def test_deep_nesting_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        parse(data)


def test_depth_is_counted_exactly() -> None:
    assert parse("[" * 32 + "]" * 32)
    assert parse('{"a":[' * 16 + "]}" * 16)
    wide = "[" + ",".join(["[[1]]"] * 50) + "]"
    assert parse(wide, max_depth=3)
    with pytest.raises(Invalid, match="nested too deep; 2 levels"):
        parse(wide, max_depth=2)


def test_large_bodies_are_refused_before_they_are_read() -> None:
    with pytest.raises(TooLarge, match="10 bytes"):
        parse(b"[" + b"1," * 10 + b"1]", max_bytes=10)
    with pytest.raises(TooLarge):
        parse("数" * 4, max_bytes=10)


def test_nonfinite_words_are_taken_where_a_client_sends_them() -> None:
    nan, infinity, large = parse("[NaN, -Infinity, 1e999]", allow_nonfinite=True)

    assert math.isnan(nan)
    assert (infinity, large) == (-math.inf, math.inf)


def test_what_goes_out_is_strict_json() -> None:
    value = {"b": [math.nan, (math.inf, -math.inf)], "a": "数字"}

    assert dump(value) == '{"b":["NaN",["Infinity","-Infinity"]],"a":"数字"}'
    assert canonical(value) == '{"a":"数字","b":["NaN",["Infinity","-Infinity"]]}'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (0.1, 0.1),
        (-0.0, -0.0),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        (2**63, 2.0**63),
    ],
)
def test_numbers(value: object, expected: float) -> None:
    assert number(value, "value") == expected


def test_nan_is_a_number() -> None:
    assert math.isnan(number("NaN", "value"))


@pytest.mark.parametrize("value", [None, True, "1", "nan", "inf", "", [], {}, 10**400])
def test_what_is_no_number_is_refused_by_name(value: object) -> None:
    with pytest.raises(Invalid, match="value") as refusal:
        number(value, "value")

    assert refusal.value.field == "value"


@pytest.mark.parametrize("value", [0, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_integers_are_exact(value: int) -> None:
    assert integer(value, "step") == value


@pytest.mark.parametrize("value", [None, True, "1", 1.0, 1.5, 2**63, -(2**63) - 1, 10**400, []])
def test_what_is_no_64_bit_integer_is_refused(value: object) -> None:
    with pytest.raises(Invalid, match="step"):
        integer(value, "step")


def test_integers_have_bounds() -> None:
    with pytest.raises(Invalid, match="between 0 and 10"):
        integer(11, "step", 0, 10)


def test_what_no_database_can_store_is_mended_on_request() -> None:
    text = r'{"a\u0000": ["\ud83d\ude00 \ud83d", "b\u0000"], "c": 1}'

    with pytest.raises(Invalid):
        parse(text)

    assert parse(text, mend_texts=True) == {"a\ufffd": ["\U0001f600 \ufffd", "b\ufffd"], "c": 1}
