"""The opaque ids of the wire: standard base64 of `Kind:<number>`.

The client decodes some of them (an artifact's into the hex of `wandb-artifact://` references, a
project's `internalId` into the number by which it filters), so they are no secrets and no rights.
"""

import base64
import binascii

# Registries are no projects and have no row; their numbers lie above those of all rows.
REGISTRY_NUMBERS_FROM = 10**12


def encode(kind: str, number: int | str) -> str:
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


def decode(kind: str, text: str | None) -> int | None:
    """The number in an id of this kind; None for any other text."""
    word = decode_word(kind, text)
    if word is None or not (word.isascii() and word.isdigit()) or len(word) > 18:
        return None
    return int(word)


def decode_word(kind: str, text: str | None) -> str | None:
    """What stands behind the kind in an id; None for any other text."""
    if not text or len(text) > 1_000:
        return None
    try:
        found, mark, word = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return word if mark and found == kind else None
