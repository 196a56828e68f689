"""Making and recognising API keys and one-time tokens.

An API key is `ms-` and 40 characters of [A-Za-z0-9]: 34 random ones (202 bits) and a checksum of
six, so that secret scanners can tell a real key from a look-alike. Both the wandb and the mlflow
client accept this shape; older wandb lines want exactly 40 characters after the dash.
"""

import hashlib
import re
import secrets
import string
import zlib

from django.utils.crypto import salted_hmac

PREFIX = "ms"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH = 34
CHECKSUM_LENGTH = 6
KEY_PATTERN = re.compile(rf"{PREFIX}-[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}\Z", re.ASCII)


def new_api_key() -> str:
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return f"{PREFIX}-{body}{_checksum(body)}"


def api_key_from(seed: str) -> str:
    """The key that belongs to a seed: always the same, and known to nobody without our secret."""
    number = int.from_bytes(salted_hmac("apps.accounts.api_key", seed, algorithm="sha512").digest())
    body = ""
    for _ in range(RANDOM_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        body += ALPHABET[index]
    return f"{PREFIX}-{body}{_checksum(body)}"


def is_api_key(text: str) -> bool:
    """Whether the text has the shape and the checksum of a key; says nothing of its validity."""
    if not KEY_PATTERN.match(text):
        return False
    body = text[len(PREFIX) + 1 :]
    return body[RANDOM_LENGTH:] == _checksum(body[:RANDOM_LENGTH])


def new_token() -> str:
    """A one-time token for a URL (256 bits)."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """The form in which a secret is stored. The secrets are random, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    letters = ""
    for _ in range(CHECKSUM_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        letters = ALPHABET[index] + letters
    return letters
