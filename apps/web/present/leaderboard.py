"""The leaderboard of a golden set in words: places, ties, scores and what leads elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.artifacts.models import LabelHolding
from apps.core.numbers import format_count
from apps.evaluations.choices import Better
from apps.evaluations.models import GoldenSet, MetricDefinition, Result
from apps.registry.models import Column, StatusLabel
from apps.registry.queries.leaderboard import Leaderboard, Rank
from apps.web.addresses import model_url, version_url
from apps.web.cells import Pill
from apps.web.present.people import Moment, moment
from apps.web.present.scores import Score, Style, judged_in_pairs, show_score, style_of
from apps.web.present.table import pills_of


@dataclass(frozen=True, slots=True)
class Line:
    """One row. `is_tied`: the difference to the first lies within the uncertainty."""

    place: str
    is_tied: bool
    is_first: bool
    model: str
    model_url: str
    where: str
    version: str
    version_url: str
    digest: str
    pills: Sequence[Pill]
    scores: Sequence[Score]
    logged: Moment | None


@dataclass(frozen=True, slots=True)
class Board:
    """What the page shows of a leaderboard; `reading` says how to read it."""

    heads: Sequence[str]
    lines: Sequence[Line]
    shown: str
    reading: str


def show_leaderboard(
    board: Leaderboard,
    golden_set: GoldenSet,
    held: Mapping[int, Sequence[LabelHolding]],
    labels: Sequence[StatusLabel],
) -> Board:
    """`held` are the labels of each version by primary key."""
    columns = [_column(metric, golden_set) for metric in board.metrics]
    styles = _styles(columns, board)
    by_key = {label.name_key: label for label in labels}
    lines = [
        _line(rank, position, board, columns, styles, held.get(rank.version.pk, ()), by_key)
        for position, rank in enumerate(board.ranks, start=board.first)
    ]
    return Board(
        heads=[metric.title for metric in board.metrics],
        lines=lines,
        shown=_("%(first)s–%(last)s of %(total)s")
        % {
            "first": format_count(board.first),
            "last": format_count(board.first + len(lines) - 1),
            "total": format_count(board.total),
        }
        if lines
        else "",
        reading=_reading(board, lines),
    )


def _column(metric: MetricDefinition, golden_set: GoldenSet) -> Column:
    """A metric as a column of this one table, which nobody has stored."""
    return Column(title=metric.title, metric=metric, golden_set=golden_set)


def _styles(columns: Sequence[Column], board: Leaderboard) -> list[Style]:
    found = [
        [rank.results[column.metric_id] for rank in board.ranks if column.metric_id in rank.results]
        for column in columns
    ]
    return [
        style_of(column, results, is_compared=column.metric_id == board.metric.pk)
        for column, results in zip(columns, found, strict=True)
    ]


def _line(
    rank: Rank,
    position: int,
    board: Leaderboard,
    columns: Sequence[Column],
    styles: Sequence[Style],
    held: Sequence[LabelHolding],
    labels: Mapping[str, StatusLabel],
) -> Line:
    version = rank.version
    collection = version.collection
    own = rank.results.get(board.metric.pk)
    scores = [
        _score(column, rank.results.get(column.metric_id), board, style)
        for column, style in zip(columns, styles, strict=True)
    ]
    is_first = own is not None and board.leader is not None and own.pk == board.leader.pk
    place = 1 if is_first else position  # one version may stand in several models
    return Line(
        place=format_count(place) if board.metric.better != Better.NEITHER else "",
        is_tied=not is_first and _is_tied(scores[0]),
        is_first=is_first,
        model=str(collection),
        model_url=model_url(collection),
        where=str(collection.project) if collection.project else _("registry"),
        version=f"v{version.number}",
        version_url=version_url(version),
        digest=version.artifact.short_digest,
        pills=pills_of([one.label for one in held], labels, is_latest=False),
        scores=scores,
        logged=moment(version.linked_at),
    )


def _score(column: Column, result: Result | None, board: Leaderboard, style: Style) -> Score:
    """A score; by the metric that decides, with the difference to the first of the list."""
    leads = board.leader
    is_other = result is not None and leads is not None and result.pk != leads.pk
    base = leads if is_other and column.metric_id == board.metric.pk else None
    score = show_score(column, result, base=base, reference=_("the first"), style=style)
    paired = board.paired.get(result.pk) if result is not None else None
    return judged_in_pairs(score, paired, style)


def _is_tied(score: Score) -> bool:
    if score.delta is None:
        return False
    return bool(score.delta.within_noise) or score.delta.text == "="


def _reading(board: Leaderboard, lines: Sequence[Line]) -> str:
    if board.metric.better == Better.NEITHER:
        return _("Highest first; nobody has said which way this metric improves.")
    if any(line.is_tied for line in lines):
        return _("Tied: the difference to the first lies within the uncertainty.")
    return _("Differences are to the first; ± is the standard error.")
