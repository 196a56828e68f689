"""A registry model whose versions come from projects that not everybody sees.

Whatever address is tried, a version from a hidden project is not there: not on a page, not in a
download, not as the former holder of a label, not in a count.
"""

import re
from dataclasses import dataclass

import pytest

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.artifacts.models import Version
from apps.artifacts.services import ensure_collection, link_version
from apps.projects.choices import Visibility
from apps.registry.services.promotion import promote_version
from tests.registry.builders import Story, acting, make_project, make_story, make_user
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

MODEL = "/main/models/MNIST"
CANARY = "canary-7f3a"


@dataclass
class World:
    """v1 from an open project, v2 from a private one; v2 held production before v1 does."""

    story: Story
    admin: User
    open: Version
    hidden: Version


@pytest.fixture
def world() -> World:
    story = make_story()
    admin = make_user("admin_person", Role.ADMIN)
    registry = story.registry("MNIST")
    opened = story.link(story.version({"loss@10k": 0.3}).artifact, registry)
    secret = Story(
        story.team,
        admin,
        admin,
        story.viewer,
        make_project(story.team, "secret", Visibility.PRIVATE),
        story.model,
        story.golden_sets,
    )
    model = ensure_collection(
        name=CANARY, type="model", access=secret.access, project=secret.project
    )
    made = secret.version({"loss@10k": 0.1}, model=model, note=CANARY, metadata={"x": CANARY})
    hidden = link_version(artifact=made.artifact, collection=registry, access=acting(admin))
    for version, reason in ((hidden, CANARY), (opened, "back to the open one")):
        promote_version(version=version, label="production", access=acting(admin), reason=reason)
    return World(story, admin, opened, hidden)


@pytest.mark.parametrize(
    "path",
    [
        "/versions/2",
        "/versions/2/promote",
        "/versions/2/labels/production/remove",
        "/versions/2/files/data.bin",
        "/compare?v=1&v=2",
    ],
)
def test_a_hidden_version_and_a_missing_one_look_the_same(world: World, path: str) -> None:
    client = browser(world.story.curator)

    hidden, missing = client.get(MODEL + path), client.get(MODEL + path.replace("2", "9"))

    assert hidden.status_code == missing.status_code == 404
    assert client.post(MODEL + path, {"label": "staging", "reason": "x"}).status_code in (404, 405)
    assert CANARY not in text_of(hidden)
    assert browser(world.admin).get(MODEL + "/versions/2").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "",
        "?sort=loss@10k",
        "?filter=version+%3E+0",
        f"?q={CANARY}",
        "/versions/1",
        "/versions/1/promote",
        "/history",
        "/history?show=events",
        "/table.csv",
    ],
)
def test_nothing_of_it_is_on_other_pages(world: World, path: str) -> None:
    response = browser(world.story.curator).get(MODEL + path)

    assert response.status_code == 200
    body = (
        b"".join(response.streaming_content)  # type: ignore[attr-defined]
        if response.streaming
        else response.content
    ).decode()
    # The words that were searched for stand in the box again.
    body = body.replace(f'value="{CANARY}"', "").replace(f"q={CANARY}", "")
    assert CANARY not in body
    assert re.search(r"\bv2\b|Version 2\b|versions/2\b", body) is None
    assert world.hidden.artifact.digest[:8] not in body
    assert "0.1000" not in body


def test_a_label_does_not_go_back_to_a_hidden_version(world: World) -> None:
    client = browser(world.story.curator)
    address = f"{MODEL}/labels/production/rollback"
    data = {"reason": "x", "holder": "1:production"}

    asked = text_of(client.get(address))
    assert CANARY not in asked
    assert "There is no earlier holder of production to go back to." in asked
    assert client.post(address, data).status_code == 404
    assert world.open.holdings.filter(held_until=None).exists()
    assert browser(world.admin).post(address, data).status_code == 302
    assert world.hidden.holdings.filter(held_until=None).exists()
