"""What is in the bin of a team or of a project, and what the reader may know of it.

A project, a collection, a version and a run lie in four tables. A page of the bin reads a page of
each, merges them and cuts: as many queries for three things as for a hundred thousand.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet, Value

from apps.accounts.models import Team, User
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, Version
from apps.audit.models import EventSubject
from apps.bin.choices import Kind
from apps.core.errors import NotFound
from apps.core.limits import PAGE_SIZE
from apps.core.paging import Key, Page, make_page, read_cursor, seek
from apps.projects.access import Access
from apps.projects.models import Project
from apps.runs.models import Run

Row = Project | Collection | Version | Run

_NEWEST_FIRST = [
    Key("deleted_at", "time", descending=True),
    Key("rank", "integer"),
    Key("pk", "integer", descending=True),
]
_KINDS = tuple(Kind)


@dataclass(frozen=True)
class BinItem:
    """One thing in the bin: who put it there, when and why, and when it goes for good."""

    kind: Kind
    row: Row
    team: Team
    project: Project | None
    name: str
    deleted_at: datetime
    deleted_by: User | None
    goes_at: datetime
    reason: str = ""

    @property
    def key(self) -> str:
        """How addresses name it."""
        return f"{self.kind}-{self.row.pk}"

    @property
    def is_model(self) -> bool:
        """Whether it is a collection that people call a model."""
        return isinstance(self.row, Collection) and self.row.type == MODEL


def bin_page(access: Access, *, cursor: str | None = None, size: int = PAGE_SIZE) -> Page[BinItem]:
    """What is in the bin of the project of `access`, or of its whole team; newest first.

    Five queries: one for each kind, and one for the reasons.
    """
    scope = f"bin {access.team.pk} {access.project and access.project.pk}"
    place = read_cursor(cursor, _NEWEST_FIRST, scope)
    rows: list[Any] = []
    for kind, found in _rows(access).items():
        ranked = found.annotate(rank=Value(_KINDS.index(kind)))
        rows += seek(ranked, _NEWEST_FIRST, place)[: size + 1]
    backwards = place is not None and place.backwards
    rows.sort(key=lambda row: (-row.deleted_at.timestamp(), row.rank, -row.pk), reverse=backwards)
    page = make_page(rows[: size + 1], _NEWEST_FIRST, place, size=size, scope=scope)
    reasons = _reasons(page.rows)
    return page.with_rows(_item(row, reasons) for row in page.rows)


def bin_item(access: Access, key: str) -> BinItem:
    """One thing that is in the bin, by its key. Raises NotFound."""
    word, _dash, digits = key.partition("-")
    if word in Kind.values and digits.isascii() and digits.isdigit() and len(digits) < 19:
        row = _rows(access)[Kind(word)].filter(pk=int(digits)).first()
        if row is not None:
            return _item(row, _reasons([row]))
    raise NotFound("There is no such thing in the bin here: it was restored, or removed for good.")


def whole_bin() -> Iterable[BinItem]:
    """Everything in every bin, oldest first: what garbage collection goes through."""
    rows: list[Any] = []
    for found in (
        _deleted(Project.with_deleted.filter(purged_at=None).select_related("team", "deleted_by")),
        _collections(Collection.with_deleted.all()),
        _versions(Version.objects.all()),
        _runs(Run.with_deleted.all()),
    ):
        rows += found.order_by("deleted_at", "pk").iterator()
    rows.sort(key=lambda row: row.deleted_at)
    return (_item(row, {}) for row in rows)


def _rows(access: Access) -> dict[Kind, QuerySet[Any]]:
    """The rows of each kind that are in this bin and that the reader may see.

    What lies inside a deleted project or collection is not told one by one: it comes back with it.
    """
    team, project, user = access.team, access.project, access.user
    projects = Project.with_deleted.filter(team=team, purged_at=None)
    collections = Collection.with_deleted.filter(team=team)
    versions = Version.objects.filter(collection__team=team, collection__deleted_at=None)
    runs = Run.with_deleted.filter(project__team=team, project__deleted_at=None)
    if project is not None:
        projects = projects.none()
        collections = collections.filter(project=project)
        versions = versions.filter(collection__project=project)
        runs = Run.with_deleted.filter(project=project)
    elif user is not None:
        visible = Project.objects.visible_to(user).values("pk")
        projects = projects.visible_to(user)
        collections = collections.visible_to(user)
        versions = versions.filter(
            Q(collection__project=None) | Q(collection__project__in=visible),
            artifact__project__in=visible,
        )
        runs = runs.filter(project__in=visible)
    return {
        Kind.PROJECT: _deleted(projects.select_related("team", "deleted_by")),
        Kind.COLLECTION: _collections(collections),
        Kind.VERSION: _versions(versions),
        Kind.RUN: _runs(runs),
    }


def _deleted(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.filter(deleted_at__isnull=False)


def _collections(rows: QuerySet[Any]) -> QuerySet[Any]:
    return _deleted(rows).select_related("team", "project", "deleted_by")


def _versions(rows: QuerySet[Any]) -> QuerySet[Any]:
    return _deleted(rows.filter(purged_at=None)).select_related(
        "collection__team", "collection__project", "artifact__project", "deleted_by"
    )


def _runs(rows: QuerySet[Any]) -> QuerySet[Any]:
    # Texts that may be long and that no list of the bin shows.
    return _deleted(rows).select_related("project__team", "deleted_by").defer("config", "notes")


def _item(row: Any, reasons: dict[tuple[str, int], str]) -> BinItem:
    kind = kind_of(row)
    project: Project | None
    match row:
        case Project():
            team, project, name = row.team, None, row.name
        case Collection():
            team, project, name = row.team, row.project, row.name
        case Version():
            team, project = row.collection.team, row.collection.project
            name = f"{row.collection.name} v{row.number}"
        case _:
            team, project, name = row.project.team, row.project, row.name
    return BinItem(
        kind=kind,
        row=row,
        team=team,
        project=project,
        name=name,
        deleted_at=row.deleted_at,
        deleted_by=row.deleted_by,
        goes_at=row.deleted_at + timedelta(days=team.retention_days),
        reason=reasons.get((kind, row.pk), ""),
    )


def kind_of(row: Row) -> Kind:
    """What kind of thing a row is."""
    kinds = {
        Project: Kind.PROJECT,
        Collection: Kind.COLLECTION,
        Version: Kind.VERSION,
        Run: Kind.RUN,
    }
    return kinds[type(row)]


def _reasons(rows: Iterable[Row]) -> dict[tuple[str, int], str]:
    """Why each of these was deleted: the audit log knows, and is the one place that does."""
    wanted = Q(pk__in=[])
    by_kind: dict[Kind, list[int]] = {}
    for row in rows:
        by_kind.setdefault(kind_of(row), []).append(row.pk)
    for kind, keys in by_kind.items():
        wanted |= Q(kind=kind, object_id__in=keys, event__kind=f"{kind}.deleted")
    subjects = EventSubject.objects.filter(wanted).select_related("event").order_by("event_id")
    return {(one.kind, one.object_id): one.event.reason for one in subjects}
