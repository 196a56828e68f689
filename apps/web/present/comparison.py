"""Scores side by side: a column of the status table in each row, a version in each column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.artifacts.models import Version
from apps.core.numbers import format_count
from apps.evaluations.models import Result
from apps.registry.models import Column
from apps.web.addresses import version_url
from apps.web.present.scores import Score, show_score, style_of
from apps.web.present.table import Pill, column_note

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
    """The first contender's scores are compared with the last's, or each with the base's."""

    contenders: Sequence[Contender]
    rows: Sequence[ComparedRow]


def show_comparison(
    versions: Sequence[Version],
    columns: Sequence[Column],
    scores: Scores,
    *,
    base: Version | None,
    reference: str,
    pills: Mapping[int, Sequence[Pill]] | None = None,
    roles: Mapping[int, str] | None = None,
) -> Comparison:
    """Every column that one of the versions has a score in; differences are to `base`."""
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
                    show_score(
                        column,
                        score,
                        base=None if version == base else base_score,
                        reference=reference,
                        style=style,
                    )
                    for version, score in zip(versions, found, strict=True)
                ],
            )
        )
    return Comparison([_contender(one, pills or {}, roles or {}) for one in versions], rows)


def _examples(counts: Sequence[int | None]) -> str:
    """How many examples all of a row's scores were measured on; nothing where they differ."""
    count = counts[0]
    if count is None or any(other != count for other in counts):
        return ""
    return _("n = %(count)s") % {"count": format_count(count)}


def _contender(
    version: Version, pills: Mapping[int, Sequence[Pill]], roles: Mapping[int, str]
) -> Contender:
    return Contender(
        title=f"v{version.number}",
        url=version_url(version),
        digest=version.artifact.short_digest,
        pills=pills.get(version.pk, ()),
        role=roles.get(version.pk, ""),
    )
