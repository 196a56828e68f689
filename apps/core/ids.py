"""Random public ids: short ones that people read aloud, and long ones that nobody guesses."""

import secrets
import string

_LETTERS = string.ascii_lowercase
_LETTERS_AND_DIGITS = string.ascii_lowercase + string.digits


def new_key(length: int = 8) -> str:
    """A short id such as `k3x09ab2`; it starts with a letter so that nothing takes it for a number.

    Eight characters are about 40 bits: unique inside a project by its constraint, never a secret.
    """
    rest = (secrets.choice(_LETTERS_AND_DIGITS) for _ in range(length - 1))
    return secrets.choice(_LETTERS) + "".join(rest)


def new_hex() -> str:
    """128 random bits as 32 hexadecimal digits."""
    return secrets.token_hex(16)
