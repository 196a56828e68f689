"""What the tests of the bin are about: a model in use, with runs around it, and its registry."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.artifacts.models import Collection, Version
from apps.artifacts.services import link_version, note_use
from apps.audit.models import Event
from apps.bin.queries.items import BinItem, bin_page
from apps.projects.access import Access
from apps.projects.models import Project
from apps.registry.services.promotion import promote_version
from apps.runs.models import Run
from tests import build


@dataclass
class World:
    """`digits` made three versions; the second is in the registry and in production there, and a
    run of the project `papers` used the third."""

    table: build.Table
    admin: User
    trained: Run
    elsewhere: Project
    user: Run
    registry: Collection
    linked: Version

    @property
    def project(self) -> Project:
        return self.table.project

    @property
    def versions(self) -> list[Version]:
        return self.table.versions

    def access(self, person: User, *, in_project: bool = True) -> Access:
        return build.access(person, project=self.project if in_project else None)

    def registry_access(self, person: User) -> Access:
        return build.access(person)


def world() -> World:
    table = build.table()
    admin = build.user(role=Role.ADMIN)
    trained = build.run(table.editor, table.project, name="training")
    made = build.version(table.editor, table.collection, made_by=trained)
    table.versions.append(made)
    elsewhere = build.project(table.editor, "papers")
    user = build.run(table.editor, elsewhere, name="report")
    note_use(
        run=user,
        artifact=table.versions[2].artifact,
        access=build.access(table.editor, project=elsewhere),
    )
    registry = build.collection(table.editor, None, "Digits")
    linked = link_version(
        artifact=table.versions[1].artifact,
        collection=registry,
        access=build.access(table.editor),
    )
    promote_version(version=linked, label="production", access=build.access(table.curator))
    return World(table, admin, trained, elsewhere, user, registry, linked)


def silent(run: Run) -> Run:
    """The run as it is when nobody has heard of it for an hour."""
    run.heartbeat_at = timezone.now() - timedelta(hours=1)
    run.save(update_fields=["heartbeat_at"])
    return run


def in_bin(access: Access) -> list[BinItem]:
    return bin_page(access).rows


def last_event() -> Event:
    return Event.objects.latest("sequence")


def kinds_since(sequence: int) -> list[str]:
    events = Event.objects.filter(sequence__gt=sequence).order_by("sequence")
    return list(events.values_list("kind", flat=True))
