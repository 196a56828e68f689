"""What a run logged besides numbers: histograms, pictures, tables, texts.

A picture, a table or any other medium is a file of the run that the logged value names by its path.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.artifacts.choices import Direction
from apps.artifacts.models import RunArtifact
from apps.artifacts.queries import first_places
from apps.core.numbers import format_count, format_value
from apps.core.paging import Key, paginate
from apps.core.text import truncate
from apps.runs.files import storable_path
from apps.runs.models import Run
from apps.series.models import ObjectPoint
from apps.series.queries import object_keys, objects_of
from apps.web.addresses import place_url, view_url
from apps.web.charts import sparkline
from apps.web.run_page import RunPage
from apps.web.stored import Shelf

SHOWN_KEYS = 200
HISTORY_SIZE = 25
NEWEST_FIRST = (
    Key("step", "integer", descending=True),
    Key("pk", "integer", descending=True),
)
MAX_TEXT = 400
MAX_BINS = 512
# The type that W&B's client gives the artifact of a logged table.
RUN_TABLE = "run_table"
# Of the pictures of one value.
SHOWN_PICTURES = 8
MAX_PATHS = 2_000
MAX_PATH = 1_024
MAX_CAPTION = 80
MAX_MEDIUM = 100_000


@dataclass(frozen=True, slots=True)
class Medium:
    """A file of the run that was logged: where to see it, and for a picture where to get it."""

    url: str
    caption: str
    image_url: str = ""


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """One logged value: what it is, what it says, and for a histogram its shape."""

    key: str
    step: str
    at: str
    kind: str
    text: str
    drawing: SafeString | str = ""
    media: Sequence[Medium] = ()
    more: str = ""
    count: str = ""
    url: str = ""


def object_row(
    point: ObjectPoint, files: "LoggedFiles", *, count: int = 0, url: str = ""
) -> ObjectRow:
    kind, text, drawing = _described(point)
    media, more = files.media(point)
    return ObjectRow(
        key=point.key,
        step=format_count(point.step),
        at=_moment(point.at),
        kind=kind,
        text=" ".join(filter(None, [text, files.missing(point)])),
        drawing=drawing,
        media=media,
        more=more,
        count=format_count(count) if count else "",
        url=url,
    )


class LoggedTables:
    """The artifacts that keep logged tables with their pictures: in the file of the run, W&B's
    client writes a word where a picture stands. Two queries where there is a table.
    """

    def __init__(self, run: Run, user: User | None, points: Iterable[ObjectPoint]) -> None:
        self._names = {point.pk: name for point in points if (name := _table_name(point))}
        found = RunArtifact.objects.filter(
            run=run,
            direction=Direction.MADE,
            artifact__type=RUN_TABLE,
            artifact__files__path__in=set(self._names.values()),
        ).values_list("artifact__files__path", "step", "artifact")
        self._made = list(found[:MAX_PATHS]) if self._names else []
        artifacts = {artifact for _path, _step, artifact in self._made}
        self._places = first_places(artifacts, user) if artifacts else {}

    def url(self, point: ObjectPoint) -> str:
        """The table as it was logged at this step; or the only one, for clients that do not say
        at which step. Empty when neither is there.
        """
        name = self._names.get(point.pk)
        made = [(step, artifact) for path, step, artifact in self._made if path == name]
        fitting = [one for one in made if one[0] == point.step] or made
        place = self._places.get(fitting[0][1]) if len(fitting) == 1 else None
        return view_url(place_url(place), name) if place and name else ""


def _table_name(point: ObjectPoint) -> str:
    """The path of a logged table in its artifact."""
    value = _value_of(point)
    if not isinstance(value, Mapping) or value.get("_type") != "table-file":
        return ""
    path = value.get("artifact_path")
    return path.rpartition("/")[2][:MAX_PATH] if isinstance(path, str) else ""


class LoggedFiles:
    """Which of the files that logged values name the run keeps. One query, three with tables."""

    def __init__(
        self, run: Run, user: User | None, shelf: Shelf, points: Sequence[ObjectPoint]
    ) -> None:
        self._shelf = shelf
        self._tables = LoggedTables(run, user, points)
        self._named = {point.pk: _named(_value_of(point)) for point in points}
        wanted = sorted({path for named in self._named.values() for path, _caption in named})
        found = shelf.files.filter(path__in=wanted[:MAX_PATHS]).values_list("path", flat=True)
        self._there = set(found) if wanted else set()

    def media(self, point: ObjectPoint) -> tuple[Sequence[Medium], str]:
        """What there is to see of a value, and how many pictures more there are."""
        if url := self._tables.url(point):
            return [Medium(url, _("Open the table"))], ""
        named = [one for one in self._named.get(point.pk, ()) if one[0] in self._there]
        shown = [self._medium(path, caption) for path, caption in named[:SHOWN_PICTURES]]
        more = len(named) - len(shown)
        return shown, _("and %(count)s more") % {"count": format_count(more)} if more else ""

    def missing(self, point: ObjectPoint) -> str:
        """The file that a value names and the run does not keep, or not yet."""
        if self._tables.url(point):
            return ""
        gone = [path for path, _caption in self._named.get(point.pk, ()) if path not in self._there]
        if not gone:
            return ""
        return _("(%(path)s is not among the run's files)") % {"path": truncate(gone[0], MAX_TEXT)}

    def _medium(self, path: str, caption: str) -> Medium:
        return Medium(
            url=self._shelf.view_url(path),
            caption=truncate(caption or path.rpartition("/")[2], MAX_CAPTION),
            image_url=self._shelf.image_url(path) if path.lower().endswith(_PICTURES) else "",
        )


# What the client writes of its pictures; whether one may be shown is decided by its bytes.
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


def _value_of(point: ObjectPoint) -> object:
    try:
        value: object = json.loads(point.value)
    except ValueError:
        return None
    return value


def _named(value: object) -> list[tuple[str, str]]:
    """The paths that a value names, with their captions: one, or a list of pictures."""
    if not isinstance(value, Mapping):
        return []
    if value.get("_type") == "images/separated":
        paths, captions = value.get("filenames"), value.get("captions")
    else:
        paths, captions = [value.get("path")], [value.get("caption")]
    if not isinstance(paths, list):
        return []
    words = captions if isinstance(captions, list) else []
    words = [*words, *[""] * (len(paths) - len(words))]
    return [
        (storable_path(path), caption if isinstance(caption, str) else "")
        for path, caption in zip(paths, words, strict=False)
        if isinstance(path, str) and 0 < len(path) <= MAX_PATH
    ][:MAX_PATHS]


def _described(point: ObjectPoint) -> tuple[str, str, SafeString | str]:
    value = _value_of(point)
    if value is None and point.value != "null":
        return _("text"), truncate(point.value, MAX_TEXT), ""
    if isinstance(value, str):
        return _("text"), truncate(value, MAX_TEXT), ""
    if isinstance(value, Mapping):
        # The names are those of the wandb client; anybody may log the same shapes.
        kind = str(value.get("_type") or "")
        counts, edges = _bins(value, kind)
        if counts:
            return _("histogram"), _spread(counts, edges), _shape(point, counts)
        if kind:
            return _kind_words(kind), _facts(value), ""
    return _("value"), truncate(json.dumps(value, ensure_ascii=False), MAX_TEXT), ""


def _kind_words(kind: str) -> str:
    """What the client calls a kind of medium, in plain words."""
    known = {
        "image-file": _("picture"),
        "images/separated": _("pictures"),
        "table-file": _("table"),
        # Its file has the rows that this step added.
        "incremental-table-file": _("part of a table"),
        "html-file": _("HTML"),
        "plotly-file": _("figure"),
        "audio-file": _("sound"),
        "video-file": _("video"),
        "object3D-file": _("3D object"),
        "molecule-file": _("molecule"),
        "histogram": _("histogram"),
    }
    return known.get(kind) or truncate(kind, 40)


def medium_words(text: str) -> str:
    """What kind of medium a value of the summary is; empty for any other value."""
    if not text.startswith("{") or len(text) > MAX_MEDIUM:
        return ""
    try:
        value = json.loads(text)
    except ValueError:
        return ""
    kind = value.get("_type") if isinstance(value, dict) else None
    return _kind_words(kind) if isinstance(kind, str) else ""


def _bins(value: Mapping[str, object], kind: str) -> tuple[list[float], list[float]]:
    """How many values lie in each bin of a histogram, and the edges; empty for anything else."""
    counts = _numbers(value.get("values") if kind == "histogram" else value.get("counts"))
    edges = _numbers(value.get("bins") or value.get("edges"))
    packed = value.get("packedBins")
    if not edges and isinstance(packed, Mapping):
        # Bins of one width are written as their first edge, width and number.
        edges = _unpacked([packed.get(key) for key in ("min", "size", "count")])
    return counts, edges


def _unpacked(packed: list[object]) -> list[float]:
    found = _numbers(packed)
    if len(found) != 3 or not 0 < found[2] <= MAX_BINS:
        return []
    low, width, count = found
    return [low, low + width * count]


def _numbers(value: object) -> list[float]:
    """The value if it is a list of numbers that can be drawn."""
    if not isinstance(value, list) or not 0 < len(value) <= MAX_BINS:
        return []
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in value):
        return []
    return [float(one) for one in value]


def _spread(counts: Sequence[float], edges: Sequence[float]) -> str:
    """How many values lie where."""
    words = {"count": format_value(sum(counts)), "bins": len(counts)}
    if not edges:
        return _("%(count)s values in %(bins)s bins") % words
    words |= {"low": format_value(min(edges)), "high": format_value(max(edges))}
    return _("%(count)s values in %(bins)s bins from %(low)s to %(high)s") % words


def _shape(point: ObjectPoint, counts: Sequence[float]) -> SafeString | str:
    label = _("Histogram of %(key)s at step %(step)s") % {"key": point.key, "step": point.step}
    # No bin is marked.
    return sparkline(counts, label=label, dot=-1)


def _facts(value: Mapping[str, object]) -> str:
    """How large a medium is, and whatever else the client says of it in plain values."""
    if isinstance(value.get("nrows"), int) and isinstance(value.get("ncols"), int):
        words = {"rows": value["nrows"], "columns": value["ncols"]}
        return _("%(rows)s rows, %(columns)s columns") % words
    if isinstance(value.get("width"), int) and isinstance(value.get("height"), int):
        return f"{value['width']} × {value['height']}"
    parts = [
        f"{name}: {one}"
        for name, one in value.items()
        if not name.startswith("_") and name not in _SAID and isinstance(one, str | int | float)
    ]
    return truncate(", ".join(parts), MAX_TEXT)


# Of a file the link says more.
_SAID = {"path", "sha256", "size", "caption", "artifact_path"}


def _moment(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return ""


@dataclass(frozen=True, slots=True)
class Objects:
    """The keys of a run, each with its newest value; or the history of one key."""

    rows: Sequence[ObjectRow]
    key: str = ""
    all_url: str = ""
    foot: Mapping[str, str] | None = None


def objects_shown(
    run: Run, page: RunPage, address: str, shelf: Shelf, user: User | None
) -> Objects:
    """Two queries for the keys, one for a history; and up to three for the files they name."""
    if page.key:
        return _history(run, page, address, shelf, user)
    keys = object_keys(owner_id=run.pk, limit=SHOWN_KEYS)
    files = LoggedFiles(run, user, shelf, [found.newest for found in keys])
    rows = [
        object_row(
            found.newest,
            files,
            count=found.count,
            url=replace(page, key=found.newest.key, cursor="").address(address),
        )
        for found in keys
    ]
    return Objects(rows)


def _history(run: Run, page: RunPage, address: str, shelf: Shelf, user: User | None) -> Objects:
    """The newest first."""
    found = paginate(
        objects_of(owner_id=run.pk, keys=[page.key]),
        NEWEST_FIRST,
        cursor=page.cursor,
        size=HISTORY_SIZE,
        scope=page.key,
    )

    def at(cursor: str | None) -> str:
        return "" if cursor is None else replace(page, cursor=cursor).address(address)

    files = LoggedFiles(run, user, shelf, found.rows)
    foot = {"previous_url": at(found.previous), "next_url": at(found.next), "target": "view"}
    return Objects(
        [object_row(point, files) for point in found.rows],
        key=page.key,
        all_url=replace(page, key="", cursor="").address(address),
        foot=foot,
    )
