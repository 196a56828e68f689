"""One score for the eye: its value, its uncertainty, its difference to another."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from django.utils.translation import gettext as _

from apps.core.numbers import (
    DEFAULT_FORMAT,
    MISSING,
    Delta,
    Direction,
    format_count,
    format_delta,
    format_uncertainty,
    format_value,
    is_within_noise,
)
from apps.evaluations.choices import Better
from apps.evaluations.pairing import PairedDifference
from apps.registry.models import Column
from apps.registry.queries.table import better_of, format_of


class Measured(Protocol):
    """What has a value with its uncertainty: a cell of the table, or a result."""

    @property
    def value(self) -> float | None: ...
    @property
    def stderr(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def n(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Style:
    """How the scores of one column are written, so that their digits stand in line.

    `shape` names the parts that every cell of it leaves room for.
    """

    format: str
    shape: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """A score in words. `is_missing`: never recorded; a NaN is a value like any other."""

    label: str
    value: str
    plus_minus: str
    title: str
    delta: Delta | None
    is_best: bool
    is_missing: bool
    shape: str = ""

    @property
    def delta_class(self) -> str:
        """The class of components/delta.html, which the long table writes out by hand."""
        if self.delta is None or self.delta.better is None:
            return ""
        if self.delta.within_noise:
            return " is-noise"
        return " is-better" if self.delta.better else " is-worse"

    @property
    def delta_words(self) -> str:
        """The difference in words, with what the uncertainty makes of it."""
        if self.delta is None or not self.delta.within_noise:
            return self.delta.words if self.delta else ""
        return f"{self.delta.words} ({_('within the uncertainty')})"


def style_of(column: Column, scores: Iterable[Measured], *, is_compared: bool) -> Style:
    """How to write these scores of a column that are shown together."""
    scores = list(scores)
    has_errors = any(score.stderr is not None for score in scores)
    if is_compared:
        shape = "" if has_errors else "is-bare"
    else:
        shape = "is-pair" if has_errors else "is-plain"
    return Style(common_format(format_of(column), [score.value for score in scores]), shape)


def common_format(spec: str, values: Sequence[float | None]) -> str:
    """For "auto", the decimals that give a middling value four digits, where that suits all."""
    sizes = sorted(
        abs(value) for value in values if value is not None and math.isfinite(value) and value
    )
    if spec != DEFAULT_FORMAT or not sizes:
        return spec
    decimals = 3 - math.floor(math.log10(sizes[len(sizes) // 2]))
    if not 0 <= decimals <= 8 or sizes[0] < 10.0**-decimals or sizes[-1] >= 1e7:
        return spec
    return f"fixed:{decimals}" if decimals else "integer"


def direction_of(column: Column) -> Direction:
    better = better_of(column)
    return "" if better == Better.NEITHER else "lower" if better == Better.LOWER else "higher"


def show_score(
    column: Column,
    score: Measured | None,
    *,
    base: Measured | None = None,
    reference: str = "",
    best: float | None = None,
    style: Style | None = None,
) -> Score:
    """A score of a column, compared with `base`, which is the score of `reference`."""
    if score is None:
        return Score(column.title, MISSING, "", _("not evaluated"), None, False, True)
    spec = style.format if style else format_of(column)
    return Score(
        label=column.title,
        value="NaN" if score.value is None else format_value(score.value, spec),
        plus_minus=format_uncertainty(score.stderr, spec),
        title=_details(score, spec),
        delta=delta_between(column, score, base, reference) if base is not None else None,
        is_best=score.value is not None and score.value == best,
        is_missing=False,
        shape=style.shape if style else "is-plain",
    )


def judged_in_pairs(score: Score, paired: PairedDifference | None, style: Style) -> Score:
    """The score with the difference judged, and told, by its own standard error."""
    if score.delta is None or paired is None:
        return score
    words = _("%(words)s; %(difference)s %(error)s over %(n)s examples in pairs") % {
        "words": score.delta.words,
        "difference": format_value(paired.difference, style.format),
        "error": format_uncertainty(paired.stderr, style.format),
        "n": format_count(paired.n),
    }
    noise = is_within_noise(paired.difference, paired.stderr, 0.0, 0.0)
    return replace(score, delta=replace(score.delta, words=words, within_noise=noise))


def delta_between(
    column: Column, score: Measured | None, base: Measured | None, reference: str
) -> Delta | None:
    """How a score differs from another of the same column; None where one is missing or NaN."""
    if score is None or base is None:
        return None
    return format_delta(
        score.value,
        base.value,
        direction_of(column),
        format_of(column),
        reference=reference,
        stderr=score.stderr,
        base_stderr=base.stderr,
    )


def _details(score: Measured, spec: str) -> str:
    """What the cell has no room for."""
    parts = []
    if score.n is not None:
        parts.append(_("n = %(count)s") % {"count": format_count(score.n)})
    if score.low is not None and score.high is not None:
        low, high = format_value(score.low, spec), format_value(score.high, spec)
        parts.append(_("interval %(low)s to %(high)s") % {"low": low, "high": high})
    elif score.stderr is not None:
        parts.append(_("± is the standard error"))
    return ", ".join(parts)
