"""Keeping states of tables by name: saving, changing, sharing and deleting views.

A view is a link with a name, and shows to each reader what that reader may see. What is shared is
the view's own text: its name, and the words of its filter. A person's own views concern nobody
else, so their events belong to no team and stand on nobody's page of activity.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.artifacts.models import Collection
from apps.artifacts.services import collection_subject
from apps.audit.actors import Subject
from apps.audit.services import record
from apps.core.errors import Conflict, Forbidden, Invalid, NotFound
from apps.core.names import clean_name, clean_text, name_key
from apps.evaluations.models import GoldenSet
from apps.evaluations.services import golden_set_subject
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.projects.services import project_subject
from apps.registry.choices import Sharing
from apps.registry.models import Column, SavedView
from apps.registry.queries.views import Viewed, rights_over, table_of, view_numbered

MAX_VIEWS = 200
MAX_STATE = 8_000


class ViewExists(Conflict):
    """There is a view of that name already."""


@dataclass(frozen=True)
class ViewChange:
    """What is to be different about a view; what is None stays."""

    name: str | None = None
    state: str | None = None
    sharing: Sharing | None = None


def save_view(
    *,
    viewed: Viewed,
    name: str,
    state: str,
    access: Access,
    sharing: Sharing = Sharing.PRIVATE,
    at: datetime | None = None,
) -> SavedView:
    """Keep a state of a table, the query of its address, under a new name.

    Every reader may keep views; sharing one takes the right to log. Raises ViewExists.
    """
    access = _access_at(viewed, access)
    access.require(Action.LOG if sharing == Sharing.TEAM else Action.KEEP)
    name = clean_name(name, field="name", max_length=64)
    at = at or timezone.now()
    view = SavedView(
        team=access.team,
        name=name,
        name_key=name_key(name),
        state=_clean_state(state),
        sharing=sharing,
        owner=access.user,
        created_at=at,
        changed_at=at,
        **table_of(viewed),
    )
    with transaction.atomic():
        if SavedView.objects.filter(owner=access.user, **table_of(viewed)).count() >= MAX_VIEWS:
            raise Invalid(f"{MAX_VIEWS} views of one table are enough; delete some.", field="name")
        _write(view)
        _record("view.saved", view, viewed, access, after=_facts(view), at=at)
    return view


@transaction.atomic
def change_view(
    *,
    viewed: Viewed,
    view: SavedView,
    change: ViewChange,
    access: Access,
    at: datetime | None = None,
) -> SavedView:
    """Rename a view, give it another state, share it or take it back. Changing nothing is no event.

    Raises NotFound, Forbidden, ViewExists, and Conflict for a default that is to be private.
    """
    access = _access_at(viewed, access)
    view = _locked(viewed, view, access)
    before = _facts(view)
    if change.name is not None:
        view.name = clean_name(change.name, field="name", max_length=64)
        view.name_key = name_key(view.name)
    if change.state is not None:
        view.state = _clean_state(change.state)
    was_shared = view.sharing == Sharing.TEAM
    if change.sharing is not None and change.sharing != view.sharing:
        _check_sharing(view, change.sharing, access)
        view.sharing = change.sharing
    after = _facts(view)
    if after == before:
        return view
    view.changed_at = at or timezone.now()
    _write(view)
    _record(
        "view.changed",
        view,
        viewed,
        access,
        before={key: value for key, value in before.items() if after[key] != value},
        after={key: value for key, value in after.items() if before[key] != value},
        is_public=was_shared or view.sharing == Sharing.TEAM,
        at=at,
    )
    return view


@transaction.atomic
def delete_view(
    *, viewed: Viewed, view: SavedView, access: Access, at: datetime | None = None
) -> None:
    """Forget a view; where it was the default, the table is shown as curators set its columns."""
    access = _access_at(viewed, access)
    view = _locked(viewed, view, access)
    pk = view.pk
    view.delete()
    view.pk = pk
    _record("view.deleted", view, viewed, access, before=_facts(view), at=at)


@transaction.atomic
def set_default_view(
    *,
    viewed: Viewed,
    view: SavedView | None,
    access: Access,
    at: datetime | None = None,
) -> None:
    """Make one of the team's views what the bare address of its table shows; None: none of them.

    Takes a curator. Raises NotFound, Conflict for a view of somebody's own.
    """
    access = _access_at(viewed, access)
    access.require(Action.CURATE)
    views = SavedView.objects.filter(**table_of(viewed))
    former = views.select_for_update(no_key=True).filter(is_default=True).first()
    if view is not None:
        view = _standing(viewed, view, access)
        if view.sharing != Sharing.TEAM:
            raise Conflict("Share the view first: the default is shown to everybody.")
    shown = view or former
    if shown is None or (former and former.pk) == (view and view.pk):
        return
    if former is not None:
        former.is_default = False
        former.save(update_fields=["is_default"])
    if view is not None:
        view.is_default = True
        try:
            with transaction.atomic():
                view.save(update_fields=["is_default"])
        except IntegrityError as error:
            raise Conflict("Somebody has chosen another default meanwhile. Look again.") from error
    _record(
        "view.default_changed",
        shown,
        viewed,
        access,
        before={"default": former.name if former else None},
        after={"default": view.name if view else None},
        at=at,
    )


def _access_at(viewed: Viewed, access: Access) -> Access:
    """The caller's access where the table is. Raises NotFound for one that is hidden."""
    if viewed.team_id != access.team.pk:
        raise NotFound("There is no such table here.")
    if isinstance(viewed, GoldenSet):
        if viewed.artifact is not None:
            # The data must be the caller's to see; the leaderboard itself is the team's.
            access.within(viewed.artifact.project)
        return access
    project = viewed if isinstance(viewed, Project) else viewed.project
    is_here = project is not None and access.project is not None and access.project == project
    return access if is_here else access.within(project)


def _standing(viewed: Viewed, view: SavedView, access: Access) -> SavedView:
    """The view as it is now, held until commit. Raises NotFound."""
    locked = SavedView.objects.select_for_update(no_key=True).filter(pk=view.pk).first()
    if locked is None:
        raise NotFound("This view has been deleted.")
    return view_numbered(viewed, view.pk, access.user)


def _locked(viewed: Viewed, view: SavedView, access: Access) -> SavedView:
    view = _standing(viewed, view, access)
    if view.sharing == Sharing.PRIVATE:
        access.require(Action.KEEP)
    else:
        access.require(Action.LOG if rights_over(view, access).change else Action.CURATE)
    return view


def _check_sharing(view: SavedView, sharing: Sharing, access: Access) -> None:
    rights = rights_over(view, access)
    if sharing == Sharing.TEAM and not rights.share:
        access.require(Action.LOG)
    if sharing == Sharing.PRIVATE and view.is_default:
        raise Conflict("This view is the default: choose another default first.")
    if sharing == Sharing.PRIVATE and not rights.unshare:
        raise Forbidden("Only whoever saved a view can take it back from the team.")


def _write(view: SavedView) -> None:
    """Save; the constraints of the table decide whether the name is free."""
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        whose = "The team has" if view.sharing == Sharing.TEAM else "You have"
        raise ViewExists(
            f"{whose} a view {view.name!r} of this table already; choose another name."
        ) from error


def _clean_state(state: str) -> str:
    return clean_text(state, field="state", max_length=MAX_STATE, multiline=False).removeprefix("?")


def _facts(view: SavedView) -> dict[str, object]:
    return {"name": view.name, "state": view.state, "sharing": str(view.sharing)}


def _record(
    kind: str,
    view: SavedView,
    viewed: Viewed,
    access: Access,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    is_public: bool | None = None,
    at: datetime | None = None,
) -> None:
    if is_public is None:
        is_public = view.sharing == Sharing.TEAM
    subjects = [Subject("view", view.pk, view.name)]
    record(
        kind=kind,
        actor=access.actor,
        subjects=[*subjects, _subject(viewed), *_columns(viewed, before, after)]
        if is_public
        else subjects,
        team_id=access.team.pk if is_public else None,
        project_id=_project_id(viewed) if is_public else None,
        before=before,
        after=after,
        at=at,
    )


def _columns(viewed: Viewed, *facts: dict[str, object] | None) -> list[Subject]:
    """The columns that these states name: their names are for those alone who may know of them."""
    states = [parse_qs(str(fact["state"])) for fact in facts if fact and "state" in fact]
    words = {word for state in states for values in state.values() for word in values}
    if not isinstance(viewed, Collection) or not words:
        return []
    columns = Column.objects.filter(collection=viewed).order_by("position", "pk")
    return [
        Subject("column", column.pk, column.title)
        for column in columns
        if any(column.slug in word for word in words)
    ]


def _subject(viewed: Viewed) -> Subject:
    if isinstance(viewed, Collection):
        return collection_subject(viewed)
    if isinstance(viewed, GoldenSet):
        return golden_set_subject(viewed)
    return project_subject(viewed)


def _project_id(viewed: Viewed) -> int | None:
    if isinstance(viewed, Project):
        return viewed.pk
    if isinstance(viewed, Collection):
        return viewed.project_id
    return viewed.artifact.project_id if viewed.artifact else None
