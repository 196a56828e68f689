"""The audit history and the label history as one reader may see them."""

import pytest

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.artifacts.models import Collection, Version
from apps.artifacts.services import collection_subject, link_version
from apps.projects.models import Project
from apps.registry.queries.history import history
from apps.registry.queries.labels import label_history
from apps.registry.services.promotion import promote_version
from tests import build

pytestmark = pytest.mark.django_db


def link(owner: User, place: Project, registry: Collection, data: bytes) -> Version:
    """A version of a project's own model, linked into the registry."""
    own = build.collection(owner, place, f"from-{place.name}")
    made = build.version(owner, own, data=data)
    return link_version(artifact=made.artifact, collection=registry, access=build.access(owner))


@pytest.fixture
def admin() -> User:
    return build.user("admin", role=Role.ADMIN)


@pytest.fixture
def viewer() -> User:
    return build.user("viewer", role=Role.VIEWER)


@pytest.fixture
def registry(admin: User) -> Collection:
    """A registry model: v1 from an open project, v2 from a private one, both once production."""
    shared = build.project(admin, "open")
    secret = build.project(admin, "secret", private=True)
    model = build.collection(admin, None, "MNIST")
    for version in (link(admin, shared, model, b"1"), link(admin, secret, model, b"2")):
        promote_version(version=version, label="production", access=build.access(admin))
    return model


def test_events_that_name_hidden_things_are_left_out(
    admin: User, viewer: User, registry: Collection
) -> None:
    everything = history(registry.team, admin)
    visible = history(registry.team, viewer)

    assert len(everything.rows) == len(history(registry.team, None).rows)
    names = {subject.name for event in visible.rows for subject in event.subjects.all()}
    assert "MNIST:v1" in names
    assert not any("secret" in name or "v2" in name for name in names)
    assert not any("secret" in event.payload for event in visible.rows)


def test_the_history_of_one_thing(viewer: User, registry: Collection) -> None:
    page = history(registry.team, viewer, subject=collection_subject(registry))

    assert [event.kind for event in page.rows] == [
        "label.moved",
        "version.linked",
        "collection.created",
    ]


def test_paging_leaves_nothing_out(admin: User, registry: Collection) -> None:
    whole = [event.sequence for event in history(registry.team, admin).rows]
    paged: list[int] = []
    cursor = None
    while True:
        page = history(registry.team, admin, cursor=cursor, size=2)
        paged += [event.sequence for event in page.rows]
        cursor = page.next
        if cursor is None:
            break

    assert paged == whole


def test_label_history_leaves_out_hidden_versions(
    admin: User, viewer: User, registry: Collection
) -> None:
    def numbers(user: User | None) -> list[int]:
        found = label_history(registry, "production", user=user)
        return [holding.version.number for holding in found]

    assert numbers(None) == numbers(admin) == [2, 1]
    assert numbers(viewer) == [1]
