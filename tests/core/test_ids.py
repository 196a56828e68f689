"""Random ids have the shape that addresses and clients expect."""

import re

import pytest

from apps.core.ids import new_hex, new_key


@pytest.mark.parametrize("length", [8, 1, 20])
def test_keys_start_with_a_letter_and_are_lower_base36(length: int) -> None:
    keys = {new_key(length) for _ in range(200)}

    assert all(re.fullmatch(r"[a-z][a-z0-9]*", key) and len(key) == length for key in keys)


def test_keys_do_not_repeat() -> None:
    assert len({new_key() for _ in range(1_000)}) == 1_000


def test_hex_ids_are_128_bits() -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", new_hex())
    assert new_hex() != new_hex()
