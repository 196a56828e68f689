"""Scores side by side: a column of the status table in each row, a version in each column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.artifacts.models import Version
from apps.core.numbers import format_count
from apps.evaluations.models import Result
from apps.evaluations.pairing import MAX_PAIRS, PairedDifference
from apps.registry.models import Column
from apps.web.addresses import version_url
from apps.web.cells import Pill
from apps.web.present.scores import Score, judged_in_pairs, show_score, style_of
from apps.web.present.table import column_note

Scores = Mapping[int, Mapping[int, Result]]


@dataclass(frozen=True, slots=True)
class Contender:
    """A version at the head of a comparison. `role` says why it is there ("production")."""

    title: str
    url: str
    digest: str
    pills: Sequence[Pill] = ()
    role: str = ""


@dataclass(frozen=True, slots=True)
class ComparedRow:
    label: str
    note: str
    n: str
    scores: Sequence[Score]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Scores compared with the base's. `reading` says which uncertainty mutes a difference."""

    contenders: Sequence[Contender]
    rows: Sequence[ComparedRow]
    reading: str


def show_comparison(
    versions: Sequence[Version],
    columns: Sequence[Column],
    scores: Scores,
    *,
    base: Version | None,
    reference: str,
    pills: Mapping[int, Sequence[Pill]] | None = None,
    roles: Mapping[int, str] | None = None,
    names: Mapping[int, str] | None = None,
    paired: Mapping[int, PairedDifference] | None = None,
    unread: int = 0,
) -> Comparison:
    """Every column that one of the versions has a score in; differences are to `base`.

    `names` are what to call versions that are not all of one model, by primary key; `paired` has
    the differences that were taken example by example, by result, and `unread` says how many more
    could have been.
    """
    paired = paired or {}
    rows = []
    for column in columns:
        found = [scores.get(version.artifact_id, {}).get(column.pk) for version in versions]
        known = [score for score in found if score is not None]
        if not known:
            continue
        base_score = scores.get(base.artifact_id, {}).get(column.pk) if base else None
        style = style_of(column, known, is_compared=base_score is not None)
        rows.append(
            ComparedRow(
                label=column.title,
                note=column_note(column),
                n=_examples([score.n for score in known]),
                scores=[
                    judged_in_pairs(
                        show_score(
                            column,
                            score,
                            base=None if version == base else base_score,
                            reference=reference,
                            style=style,
                        ),
                        paired.get(score.pk) if score is not None else None,
                        style,
                    )
                    for version, score in zip(versions, found, strict=True)
                ],
            )
        )
    contenders = [_contender(one, pills or {}, roles or {}, names or {}) for one in versions]
    return Comparison(contenders, rows, _reading(rows, is_paired=bool(paired), unread=unread))


def _reading(rows: Sequence[ComparedRow], *, is_paired: bool, unread: int) -> str:
    """Which uncertainty the differences are held against."""
    if is_paired:
        words = _(
            "Where both versions have scores for the same examples, a difference is judged in "
            "pairs, example by example; elsewhere by the ± of each, not paired."
        )
        return f"{words} {_beyond(unread)}" if unread else words
    deltas = [score.delta for row in rows for score in row.scores if score.delta is not None]
    if all(delta.within_noise is None for delta in deltas):
        return ""
    return _("Differences are judged by the ± of each score, not paired.")


def _beyond(unread: int) -> str:
    """That only so many pairs are read at once."""
    return ngettext(
        "A page reads %(most)s pairs, those in doubt first; %(count)s more is judged by the ±.",
        "A page reads %(most)s pairs, those in doubt first; %(count)s more are judged by the ±.",
        unread,
    ) % {"most": format_count(MAX_PAIRS), "count": format_count(unread)}


def _examples(counts: Sequence[int | None]) -> str:
    """How many examples all of a row's scores were measured on; nothing where they differ."""
    count = counts[0]
    if count is None or any(other != count for other in counts):
        return ""
    return _("n = %(count)s") % {"count": format_count(count)}


def _contender(
    version: Version,
    pills: Mapping[int, Sequence[Pill]],
    roles: Mapping[int, str],
    names: Mapping[int, str],
) -> Contender:
    return Contender(
        title=names.get(version.pk, f"v{version.number}"),
        url=version_url(version),
        digest=version.artifact.short_digest,
        pills=pills.get(version.pk, ()),
        role=roles.get(version.pk, ""),
    )
