"""Tags and params as they stand in a request: what may be one, and reading lists of them."""

import posixpath
import re
from collections.abc import Mapping
from typing import Final

from apps.mlflow_api.errors import invalid, invalid_value
from apps.mlflow_api.models import MAX_TAG_KEY
from apps.mlflow_api.wire import Params

MAX_TAG_VALUE: Final = 100_000
MAX_TAGS: Final = 1_000

_KEY: Final = re.compile(r"[/\w.\- :]+")


def check_key(key: str, name: str) -> str:
    """A key as the protocol has it, which is one of a path too. Raises INVALID_PARAMETER_VALUE."""
    if len(key) > MAX_TAG_KEY:
        raise invalid(f"'{name}' exceeds the maximum length of {MAX_TAG_KEY} characters.")
    if not _KEY.fullmatch(key):
        raise invalid_value(
            name,
            key,
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), "
            "spaces ( ), colon(:) and slashes (/).",
        )
    normal = posixpath.normpath(key)
    if normal != key or normal == "." or normal.startswith(("..", "/")):
        raise invalid_value(name, key, "It must be in the normal form of a path.")
    return key


def pair(params: Params, *, max_value: int = MAX_TAG_VALUE) -> tuple[str, str]:
    """One tag: `key` and `value` of a message."""
    key = check_key(params.text("key", required=True), params.name("key"))
    return key, params.text("value", max_length=max_value)


def pairs_in(
    params: Params, name: str, *, most: int = MAX_TAGS, max_value: int = MAX_TAG_VALUE
) -> Mapping[str, str]:
    """A list of tags or params; of a key that stands there twice the last counts."""
    return dict(pair(one, max_value=max_value) for one in params.messages(name, most=most))
