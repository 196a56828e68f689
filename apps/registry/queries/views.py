"""Saved views: the states of a table that a reader may come back to by name."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from apps.accounts.models import User
from apps.artifacts.models import Collection
from apps.core.errors import NotFound
from apps.evaluations.models import GoldenSet
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.registry.choices import Sharing
from apps.registry.models import SavedView

# What has a table: a model its status table, a project its runs, a golden set its leaderboard.
Viewed = Collection | Project | GoldenSet


@dataclass(frozen=True)
class Rights:
    """What a reader may do with one view."""

    change: bool
    share: bool
    unshare: bool
    set_default: bool


def table_of(viewed: Viewed) -> dict[str, Viewed]:
    """Which of the three a saved view points at, as a condition and as its fields."""
    if isinstance(viewed, Collection):
        return {"collection": viewed}
    if isinstance(viewed, Project):
        return {"project": viewed}
    return {"golden_set": viewed}


def views_of(viewed: Viewed, user: User | None) -> QuerySet[SavedView]:
    """The views of a table that the user may see: the team's, and the user's own (None: those of
    the team alone). By name.

    The caller has checked that the user may see the table itself.
    """
    is_own = Q(owner=user) if user is not None else Q()
    views = SavedView.objects.filter(Q(sharing=Sharing.TEAM) | is_own, **table_of(viewed))
    return views.select_related("owner").order_by("name_key", "pk")


def view_numbered(viewed: Viewed, pk: int, user: User | None) -> SavedView:
    """One view of the table by primary key. Raises NotFound, also for somebody else's own."""
    found = views_of(viewed, user).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such saved view of this table.")
    return found


def rights_over(view: SavedView, access: Access) -> Rights:
    """The rules of saved views: one's own belong to oneself, the team's to those who log, and the
    default, which everybody is shown, to curators."""
    is_own = access.user is not None and view.owner_id == access.user.pk
    may_curate = access.allows(Action.CURATE)
    if view.sharing == Sharing.PRIVATE:
        may_change = is_own and access.allows(Action.KEEP)
    else:
        may_change = may_curate or (is_own and access.allows(Action.LOG) and not view.is_default)
    is_shared = view.sharing == Sharing.TEAM
    return Rights(
        change=may_change,
        share=may_change and not is_shared and access.allows(Action.LOG),
        unshare=may_change and is_shared and is_own and not view.is_default,
        set_default=may_curate and is_shared,
    )
