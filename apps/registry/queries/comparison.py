"""Some versions of a model side by side: what each scored in every column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.accounts.models import User
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.queries import holdings_of, versions_of
from apps.core.errors import Invalid, NotFound
from apps.core.numbers import is_within_noise
from apps.evaluations.models import Result
from apps.evaluations.pairing import PairedDifference, paired_differences
from apps.evaluations.queries import results_of
from apps.registry.models import Column, StatusLabel
from apps.registry.queries.labels import labels_of

MAX_COMPARED = 20


@dataclass(frozen=True)
class Standing:
    """Who holds what in a model, as far as a reader may see it."""

    labels: Sequence[StatusLabel]
    holdings: Sequence[LabelHolding]

    @property
    def first(self) -> StatusLabel | None:
        """The label that versions are measured by: the first exclusive one."""
        return next((label for label in self.labels if label.is_exclusive), None)

    @property
    def lead(self) -> LabelHolding | None:
        """The open holding of that label."""
        return self.holder_of(self.first.name_key) if self.first is not None else None

    def holder_of(self, label_key: str) -> LabelHolding | None:
        return next((held for held in self.holdings if held.label_key == label_key), None)

    def held_by(self, version: Version) -> list[LabelHolding]:
        return [held for held in self.holdings if held.version_id == version.pk]


def standing_of(collection: Collection, user: User | None) -> Standing:
    """Labels and their open holdings, in two queries."""
    return Standing(list(labels_of(collection.team)), list(holdings_of(collection, user)))


def versions_numbered(
    collection: Collection, numbers: Sequence[int], user: User | None
) -> list[Version]:
    """These standing versions in this order, artifact and run loaded. Raises NotFound, Invalid."""
    if not 0 < len(numbers) <= MAX_COMPARED:
        raise Invalid(f"Compare 1 to {MAX_COMPARED} versions.", field="v")
    found = {
        version.number: version
        for version in versions_of(collection, user)
        .filter(number__in=numbers)
        .select_related("artifact__project", "artifact__made_by__project", "linked_by")
        .order_by("number")
    }
    missing = [number for number in numbers if number not in found]
    if missing:
        raise NotFound(f"There is no version {missing[0]} of {collection.name} here.")
    for version in found.values():
        version.collection = collection  # with its team and project, which every link needs
    return [found[number] for number in numbers]


def scores_of(
    artifacts: Sequence[int], columns: Sequence[Column]
) -> Mapping[int, Mapping[int, Result]]:
    """Current results by artifact and column primary key, in one query."""
    wanted = {(column.metric_id, column.golden_set_id): column.pk for column in columns}
    scores: dict[int, dict[int, Result]] = {artifact: {} for artifact in artifacts}
    for result in results_of(set(artifacts), list(wanted)):
        column = wanted.get((result.metric_id, result.golden_set_id))
        if column is not None:
            scores[result.artifact_id][column] = result
    return scores


def paired_to(
    base: Version, columns: Sequence[Column], scores: Mapping[int, Mapping[int, Result]]
) -> dict[int, PairedDifference]:
    """How the others' results differ from those of `base` example by example, by result, where
    both have the same examples (one query). `scores` are those of `scores_of`."""
    return paired_differences(pairs_with(base, columns, scores))


def pairs_with(
    base: Version, columns: Sequence[Column], scores: Mapping[int, Mapping[int, Result]]
) -> list[tuple[Result, Result]]:
    """The others' results, each with that of `base` in the same column.

    First those that the errors of both leave in doubt: only so many are read example by example,
    and what is clear without is clear with it.
    """
    base_scores = scores.get(base.artifact_id, {})
    pairs = [
        (theirs[column.pk], base_scores[column.pk])
        for column in columns
        if column.pk in base_scores
        for artifact, theirs in scores.items()
        if artifact != base.artifact_id and column.pk in theirs
    ]
    return sorted(pairs, key=_is_clear)


def _is_clear(pair: tuple[Result, Result]) -> bool:
    one, base = pair
    if one.value is None or base.value is None:
        return True
    return is_within_noise(one.value, one.stderr, base.value, base.stderr) is False
