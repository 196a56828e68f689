"""What a run logged: rows, system figures, output, summary, and how far each stream has come.

Rows are JSON texts in `history`, objects in `sampledHistory`; and the client counts the last step
in with the second, not with the first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.core.errors import Invalid, TooLarge
from apps.core.jsontext import dump, dump_bare, parse
from apps.core.times import to_text
from apps.runs.choices import CONSOLE, EVENTS, HISTORY, Stream
from apps.runs.history import (
    HistoryKeys,
    event_rows,
    history_rows,
    last_figures,
    last_row,
    line_counts,
    sampled_rows,
    summaries,
)
from apps.runs.history import history_keys as keys_of_histories
from apps.runs.models import ConsoleLine, Run
from apps.runs.queries import console_of, last_lines, run_in
from apps.runs.streams import rewind_run as rewind
from apps.series.choices import SeriesKind
from apps.wandb_api import places
from apps.wandb_api.connections import MAX_FIRST
from apps.wandb_api.context import Context
from apps.wandb_api.schema import field_of, mutation
from apps.wandb_api.types.runs import RunNode

DEFAULT_SAMPLES = 500
MAX_SAMPLES = 100_000
MAX_SPECS = 50
MAX_SPEC_KEYS = 2_000
DEFAULT_LINES = 1_000


@field_of("Run")
def history(
    node: RunNode,
    *,
    min_step: int | None = None,
    max_step: int | None = None,
    samples: int | None = None,
) -> list[str]:
    """Rows as JSON texts, up to but without `maxStep`."""
    rows = history_rows(
        node.row,
        min_step=min_step,
        max_step=None if max_step is None else max_step - 1,
        limit=_samples(samples),
    )
    return [dump_bare(row) for row in rows]


@field_of("Run")
def sampled_history(node: RunNode, *, specs: list[Any]) -> list[list[dict[str, Any]]]:
    """For each spec the rows that have all its keys, up to and with its `maxStep`."""
    if len(specs) > MAX_SPECS:
        raise TooLarge(f"{len(specs)} specs at once; {MAX_SPECS} at most.")
    return [_sampled(node.row, spec) for spec in specs]


def _sampled(run: Run, spec: Any) -> list[dict[str, Any]]:
    spec = parse(spec) if isinstance(spec, str) else spec
    if not isinstance(spec, Mapping):
        raise Invalid("A spec must be one JSON object.", field="specs")
    keys = spec.get("keys") or []
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise Invalid("keys must be a list of names.", field="keys")
    if len(keys) > MAX_SPEC_KEYS:
        raise TooLarge(f"{len(keys)} keys at once; {MAX_SPEC_KEYS} at most.")
    first, last = _whole(spec, "minStep"), _whole(spec, "maxStep")
    samples = _whole(spec, "samples")
    if first is not None and last is not None and last - first == samples:
        # Old clients (0.17, 0.23) page with as many samples as there are steps below `maxStep`,
        # and ask for that one again with the next page.
        last -= 1
    bounds = {"min_step": first, "max_step": last}
    limit = _samples(samples)
    if not keys:
        return history_rows(run, **bounds, limit=limit)
    return sampled_rows(run, keys, **bounds, limit=limit)


@field_of("Run")
def parquet_history(node: RunNode, *, live_keys: list[str] | None = None) -> dict[str, Any]:
    """There are no files of old rows to fetch: every row is live, and the client asks for pages."""
    return {"parquetUrls": [], "liveData": []}


@field_of("Run")
def history_keys(node: RunNode) -> dict[str, Any]:
    """What rows have values of, with how many; `wandb verify` looks for the last number."""
    found: HistoryKeys = node.together(keys_of_histories)
    keys = {
        key.name: {
            "typeCounts": [
                {"type": kind, "count": count}
                for kind, count in (("number", key.numbers), ("string", key.objects))
                if count
            ],
            "monotonic": key.is_rising,
        }
        | ({} if key.last is None else {"previousValue": key.last})
        for key in found.keys
    }
    return {
        "sets": [],
        "keys": keys,
        "lastStep": -1 if found.last_step is None else found.last_step,
    }


@field_of("Run")
def events(node: RunNode, *, samples: int | None = None) -> list[str]:
    """System figures as JSON texts."""
    return [dump_bare(row) for row in event_rows(node.row, limit=_samples(samples))]


@field_of("Run")
def summary_metrics(node: RunNode) -> str:
    return dump_bare(node.together(summaries, {}))


@field_of("Run")
def system_metrics(node: RunNode) -> str:
    return dump_bare(node.together(_system_figures, {}))


@field_of("Run")
def history_line_count(node: RunNode) -> int:
    return _lines(node, HISTORY)


@field_of("Run")
def events_line_count(node: RunNode) -> int:
    return _lines(node, EVENTS)


@field_of("Run")
def log_line_count(node: RunNode) -> int:
    return _lines(node, CONSOLE)


@field_of("Run")
def history_tail(node: RunNode) -> str:
    """A JSON text with a list of JSON texts: the last row, by which a resumed run goes on."""
    row = last_row(node.row)
    return dump([] if row is None else [dump_bare(row)])


@field_of("Run")
def events_tail(node: RunNode) -> str:
    rows = event_rows(node.row, limit=2)
    return dump([dump_bare(row) for row in rows[-1:]])


@field_of("Run")
def log_lines(
    node: RunNode,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    use_improved_pagination: bool | None = None,
) -> dict[str, Any]:
    """Lines of output from `after` on, or the last ones; a cursor is the number of a line."""
    if last is not None:
        lines, more = last_lines(node.row, limit=_size(last)), False
    else:
        size = _size(first)
        found = console_of(node.row, after=_number(after), limit=size + 1)
        lines, more = found[:size], len(found) > size
    return {
        "edges": [{"node": _line(line), "cursor": str(line.number)} for line in lines],
        "pageInfo": {
            "endCursor": str(lines[-1].number) if lines else None,
            "hasNextPage": more,
        },
    }


@mutation
def rewind_run(
    context: Context,
    *,
    run_name: str,
    metric_name: str,
    metric_value: float,
    entity_name: str | None = None,
    project_name: str | None = None,
) -> dict[str, Any]:
    """Take a run back to a step."""
    if metric_name != "_step" or not metric_value.is_integer() or abs(metric_value) >= 2**53:
        raise Invalid("A run is rewound to a whole _step.", field="metricName")
    access = places.project_access(context, entity_name, project_name)
    run = rewind(run=run_in(access.here, run_name), step=int(metric_value), access=access)
    return {"rewoundRun": RunNode(context, run)}


def _system_figures(runs: Sequence[Run]) -> Mapping[int, dict[str, Any]]:
    return last_figures(runs, SeriesKind.SYSTEM)


def _lines(node: RunNode, stream: str) -> int:
    counts: dict[str, int] = node.together(line_counts, {})
    return counts.get(stream, 0)


def _line(line: ConsoleLine) -> dict[str, Any]:
    return {
        "number": line.number,
        "timestamp": to_text(line.at) if line.at else "",
        "level": "error" if line.stream == Stream.ERROR else "",
        "label": "",
        "line": line.text,
    }


def _samples(asked: int | None) -> int:
    if asked is None:
        return DEFAULT_SAMPLES
    return max(0, min(asked, MAX_SAMPLES))


def _size(asked: int | None) -> int:
    return DEFAULT_LINES if asked is None else max(1, min(asked, MAX_FIRST))


def _number(cursor: str | None) -> int:
    if not cursor:
        return -1
    if not (cursor.isascii() and cursor.isdigit()) or len(cursor) > 9:
        raise Invalid("This cursor belongs to another list; start from the first page.")
    return int(cursor)


def _whole(spec: Mapping[str, Any], name: str) -> int | None:
    value = spec.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise Invalid(f"{name} must be a whole number.", field=name)
    return value
