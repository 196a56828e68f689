"""A run's config as the client has it: each value in a wrapper, `{"lr": {"value": 0.1}}`.

It is kept unwrapped. Under `_wandb` the client keeps things of its own: telemetry, its machine, and
rules for metrics (`m`).
"""

from collections.abc import Mapping
from typing import Any

from apps.core.errors import Invalid
from apps.core.jsontext import dump, parse
from apps.runs.metric_rules import read_rules

OWN = "_wandb"
# How old clients number the form of the file; nothing of the author's.
FORM = "wandb_version"


def read_object(text: str, field: str) -> dict[str, Any]:
    """The object in a JSON string of the client. NaN may stand in it, and what no text can hold is
    mended: a script whose config comes from a binary file starts all the same. Raises Invalid."""
    value = parse(text, allow_nonfinite=True, mend_texts=True) if text.strip() else {}
    if not isinstance(value, dict):
        raise Invalid(f"{field} must be a JSON object.", field=field)
    return value


def unwrapped(text: str) -> dict[str, object]:
    """The config in the client's JSON string. Raises Invalid."""
    return {
        key: value["value"] if isinstance(value, Mapping) and "value" in value else value
        for key, value in read_object(text, "config").items()
        if key != FORM
    }


def wrapped(config: Mapping[str, object]) -> str:
    """The config as a JSON string for the client."""
    return dump({key: {"value": value} for key, value in config.items()})


def metric_rules_in(config: Mapping[str, object]) -> str | None:
    """What the config says of metrics, as a run keeps it; None where it says nothing."""
    own = config.get(OWN)
    entries = own.get("m") if isinstance(own, Mapping) else None
    return read_rules(entries).dump() if entries is not None else None


def forked_from(config: Mapping[str, object]) -> str:
    """The id of the run that this one goes on from at some step; empty where it begins anew."""
    own = config.get(OWN)
    point = own.get("branch_point") if isinstance(own, Mapping) else None
    return str(point.get("run_id") or "") if isinstance(point, Mapping) else ""


def own_values(config: Mapping[str, object], keys: list[str] | None) -> str:
    """The client's own part of a config under these keys (None: all), as a JSON string."""
    own = config.get(OWN)
    values = dict(own) if isinstance(own, Mapping) else {}
    return dump(values if keys is None else {key: values[key] for key in keys if key in values})
