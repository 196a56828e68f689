"""Who holds each label now, how good it is, and what that is measured against."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.queries import versions_of
from apps.evaluations.models import Result
from apps.evaluations.queries import results_of
from apps.registry.models import Column, StatusLabel
from apps.registry.queries.labels import exclusive_holdings


@dataclass(frozen=True)
class Holder:
    """One holding with the headline result of its version, and of its reference.

    The reference of the first exclusive label is the version that held it before, of any other the
    holder of that first label.
    """

    holding: LabelHolding
    result: Result | None
    reference: int | None
    reference_result: Result | None


def label_holders(
    collection: Collection,
    holdings: Sequence[LabelHolding],
    labels: Sequence[StatusLabel],
    headline: Column | None,
    user: User | None,
) -> list[Holder]:
    """The holders of exclusive labels in the order of the vocabulary, in two queries.

    `holdings` are those that the reader may see (artifacts.queries.holdings_of).
    """
    exclusive = exclusive_holdings(labels, holdings)
    formers = _formers(exclusive, versions_of(collection, user))
    results = _results([*exclusive, *formers.values()], headline)
    order = {label.name_key: at for at, label in enumerate(labels)}
    first = next((label.name_key for label in labels if label.is_exclusive), None)
    lead = next((held for held in exclusive if held.label_key == first), None)
    holders = []
    # Sorting is stable: of one label the lead stays first.
    for held in sorted(exclusive, key=lambda held: order.get(held.label_key, 999)):
        against = formers.get(held.former_id or 0) if held is lead else lead
        if against is not None and against.version_id == held.version_id:
            against = None
        holders.append(
            Holder(
                holding=held,
                result=results.get(held.version.artifact_id),
                reference=against.version.number if against else None,
                reference_result=results.get(against.version.artifact_id) if against else None,
            )
        )
    return holders


def _formers(
    holdings: Iterable[LabelHolding], versions: QuerySet[Version]
) -> dict[int, LabelHolding]:
    """The holdings before these whose version still stands, by primary key."""
    keys = [held.former_id for held in holdings if held.former_id is not None]
    found = LabelHolding.objects.filter(pk__in=keys, version__in=versions.values("pk"))
    return {held.pk: held for held in found.select_related("version")}


def _results(holdings: Iterable[LabelHolding], headline: Column | None) -> dict[int, Result]:
    if headline is None:
        return {}
    pair = (headline.metric_id, headline.golden_set_id)
    found = results_of({held.version.artifact_id for held in holdings}, [pair])
    return {
        result.artifact_id: result
        for result in found
        if (result.metric_id, result.golden_set_id) == pair
    }
