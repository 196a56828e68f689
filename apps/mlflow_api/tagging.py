"""Tags and params of models as they stand in a request."""

from collections.abc import Mapping
from typing import Final

from apps.mlflow_api.limits import check_key, value_of
from apps.mlflow_api.wire import Params

MAX_TAG_VALUE: Final = 100_000
MAX_TAGS: Final = 1_000


def pair(params: Params, *, max_value: int = MAX_TAG_VALUE) -> tuple[str, str]:
    """One tag: `key` and `value` of a message."""
    return check_key(params), value_of(params, max_length=max_value)


def pairs_in(
    params: Params, name: str, *, most: int = MAX_TAGS, max_value: int = MAX_TAG_VALUE
) -> Mapping[str, str]:
    """A list of tags or params; of a key that stands there twice the last counts."""
    return dict(pair(one, max_value=max_value) for one in params.messages(name, most=most))
