"""Reading status labels and who holds them."""

from collections.abc import Iterable, Sequence

from django.db.models import Count, QuerySet

from apps.accounts.models import Team, User
from apps.artifacts.models import Collection, LabelHolding, LabelHoldingQuerySet
from apps.artifacts.queries import holdings_of
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.projects.models import Project
from apps.registry.choices import Colour
from apps.registry.models import StatusLabel


def labels_of(team: Team) -> QuerySet[StatusLabel]:
    """The team's vocabulary in its order."""
    return StatusLabel.objects.filter(team=team).order_by("position", "name_key")


def colours_of(teams: Iterable[int]) -> dict[tuple[int, str], str]:
    """The colour of each label of these teams by team and canonical name (one query)."""
    labels = StatusLabel.objects.filter(team__in=set(teams))
    return {(label.team_id, label.name_key): label.colour for label in labels}


def holders_of(label: StatusLabel) -> LabelHoldingQuerySet:
    """The holdings of a label that are open, in every model of its team."""
    return LabelHolding.objects.filter(
        collection__team=label.team_id, label_key=label.name_key, held_until=None
    )


def holder_counts(team: Team) -> dict[str, int]:
    """How many versions hold each label now, by canonical name (one query)."""
    found = LabelHolding.objects.filter(collection__team=team, held_until=None).order_by()
    return {
        row["label_key"]: row["held"]
        for row in found.values("label_key").annotate(held=Count("version", distinct=True))
    }


def label_named(team: Team, name: str) -> StatusLabel:
    """A label of the team's vocabulary. Raises NotFound."""
    found = StatusLabel.objects.filter(team=team, name_key=name_key(name)).first()
    if found is None:
        raise NotFound(f"There is no label {name!r} in the team {team.name}.")
    return found


def label_rules(team: Team, name: str) -> StatusLabel:
    """The team's label of that name; for a word outside the vocabulary an unsaved one with the
    rules that such words have: exclusive, not protected, grey."""
    key = name_key(name)
    found = StatusLabel.objects.filter(team=team, name_key=key).first()
    return found or StatusLabel(
        team=team, name=name, name_key=key, colour=Colour.SLATE, position=1_000
    )


def current_holding(
    collection: Collection, label: StatusLabel, *, user: User | None = None
) -> LabelHolding | None:
    """Who holds an exclusive label now, if the user may see it; None sees all.

    The lead: where versions are in the stage of that name, the holder as such comes first, then the
    newest of those.
    """
    holdings = holdings_of(collection, user).filter(label_key=label.name_key)
    return holdings.select_related("version__artifact__project", "given_by").first()


def label_history(
    collection: Collection, label: str | None = None, *, user: User | None = None
) -> QuerySet[LabelHolding]:
    """Who held which label from when to when, newest first, as far as the user may see it.

    Removed versions stay in it. In the registry those whose source is hidden from the user do not
    (see artifacts.queries.versions_of); None sees all.
    """
    holdings = LabelHolding.objects.filter(collection=collection)
    if user is not None and collection.project_id is None:
        visible = Project.objects.visible_to(user).values("pk")
        holdings = holdings.filter(version__artifact__project__in=visible)
    if label is not None:
        holdings = holdings.filter(label_key=name_key(label))
    return holdings.select_related("version", "given_by", "former__version").order_by(
        "-held_from", "-pk"
    )


def exclusive_holdings(
    labels: Iterable[StatusLabel], holdings: Iterable[LabelHolding]
) -> list[LabelHolding]:
    """Of these holdings those of exclusive labels, be they stages; `labels` is the vocabulary."""
    shared = {label.name_key for label in labels if not label.is_exclusive}
    return [held for held in holdings if held.label_key not in shared]


def baseline_holding(
    labels: Sequence[StatusLabel], holdings: Sequence[LabelHolding]
) -> LabelHolding | None:
    """The holding that scores are compared with: that of the first exclusive label."""
    first = next((label for label in labels if label.is_exclusive), None)
    if first is None:
        return None
    return next((held for held in holdings if held.label_key == first.name_key), None)
