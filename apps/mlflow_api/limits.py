"""The limits and forms that mlflow's own server holds its clients to."""

import posixpath
from typing import Final

from apps.mlflow_api.errors import invalid, invalid_value, missing_value
from apps.mlflow_api.wire import Params

MAX_KEY: Final = 250
MAX_PARAM_VALUE: Final = 6_000
MAX_TAG_VALUE: Final = 8_000
MAX_EXPERIMENT_TAG_VALUE: Final = 20_000
MAX_RESULTS: Final = 50_000

MAX_BATCH_BYTES: Final = 1_000_000
MAX_BATCH_METRICS: Final = 1_000
MAX_BATCH_PARAMS: Final = 100
MAX_BATCH_TAGS: Final = 100
MAX_BATCH_ENTITIES: Final = 1_000

_KEY_MARKS: Final = "/_.- :"


def check_key(params: Params, name: str = "key", *, max_length: int = MAX_KEY) -> str:
    """The name of a metric, parameter or tag. Raises INVALID_PARAMETER_VALUE."""
    key = params.text(name, required=True)
    if _is_plain(key) and len(key) <= max_length:
        return key
    if len(key) > max_length:
        raise invalid(
            f"'{params.name(name)}' exceeds the maximum length of {max_length} characters"
        )
    if not all(character.isalnum() or character in _KEY_MARKS for character in key):
        raise invalid_value(
            params.name(name),
            key,
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), "
            "spaces ( ), colon(:) and slashes (/).",
        )
    raise invalid_value(
        params.name(name),
        key,
        "Names may be treated as files in certain cases, and must not resolve to other names when "
        f"treated as such. This name would resolve to {posixpath.normpath(key)!r}.",
    )


def _is_plain(key: str) -> bool:
    """Whether a key has no strange signs and is no path that leads elsewhere."""
    if key.isidentifier():
        return True
    is_known = all(character.isalnum() or character in _KEY_MARKS for character in key)
    return (
        is_known
        and posixpath.normpath(key) == key
        and key != "."
        and not key.startswith(("..", "/"))
    )


def value_of(params: Params, *, max_length: int | None = None, required: bool = False) -> str:
    """The text of a parameter or tag; it may be empty, unless it is missing altogether."""
    if required and not params.has("value"):
        raise missing_value(params.name("value"))
    return params.text("value", max_length=max_length)


def cut_value_of(params: Params, *, length: int, required: bool = False) -> str:
    """The same of a run, cut off where it is too long: clients (seen in 2.22 and 3.17) send it
    whole and count on the server for that."""
    return value_of(params, required=required)[:length]


def max_results_of(params: Params, *, default: int, most: int = MAX_RESULTS) -> int:
    """How many rows a page has. Raises INVALID_PARAMETER_VALUE."""
    return params.integer("max_results", default, minimum=1, maximum=most)
