"""Pages of a model of which several versions are in one stage, as mlflow's clients put them."""

import pytest

from apps.accounts.choices import Role
from apps.artifacts.models import LabelHolding
from apps.registry.services.promotion import promote_version
from apps.registry.services.stages import move_to_stage
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

MODEL = "/main/digits/models/candidates"


@pytest.fixture
def world() -> build.Table:
    """v1 and v2 are in production, v2 has the label itself as well, v3 is in staging."""
    world = build.table()
    access = build.access(world.curator, project=world.project)
    first, second, third = world.versions
    promote_version(version=second, label="production", access=access)
    for version, stage in ((first, "production"), (second, "production"), (third, "staging")):
        move_to_stage(version=version, stage=stage, access=access)
    return world


def stages(world: build.Table) -> dict[int, str]:
    held = LabelHolding.objects.standing().filter(collection=world.collection, is_stage=True)
    return dict(held.values_list("version__number", "label"))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/main/models",
        MODEL,
        f"{MODEL}/history",
        f"{MODEL}/versions/1",
        f"{MODEL}/versions/2",
        f"{MODEL}/versions/1/promote",
        f"{MODEL}/versions/3/promote",
        f"{MODEL}/versions/1/labels/production/remove",
        f"{MODEL}/compare?v=1&v=2&v=3",
        "/main/settings/labels",
        "/main/golden-sets/digits-10k",
        "/main/activity",
        "/search?q=production",
        "/admin/artifacts/version/",
        "/admin/artifacts/labelholding/",
    ],
)
def test_every_page_shows_several_holders(world: build.Table, path: str) -> None:
    admin = build.user(role=Role.ADMIN)

    assert browser(admin).get(path).status_code == 200


def test_a_label_of_a_version_is_shown_once(world: build.Table) -> None:
    def pills() -> int:
        page = text_of(browser(world.viewer).get(f"{MODEL}/versions/2"))
        return page.count('<span class="pill hue-green"><span>production</span></span>')

    both = pills()
    access = build.access(world.curator, project=world.project)
    move_to_stage(version=world.versions[1], stage=None, access=access)

    assert both == pills() > 0


def test_the_history_says_which_holding_is_a_stage(world: build.Table) -> None:
    history = text_of(browser(world.viewer).get(f"{MODEL}/history"))

    assert history.count("several versions may be in") == 3


def test_undoing_the_removal_of_a_stage_gives_the_stage_back(world: build.Table) -> None:
    page = browser(world.curator)
    page.post(f"{MODEL}/versions/1/labels/production/remove", {"reason": "wrong"})
    assert stages(world) == {2: "production", 3: "staging"}

    fields = {"label": "production", "holder": ":production", "as_stage": "on", "reason": "back"}
    page.post(f"{MODEL}/versions/1/promote", fields)

    assert stages(world) == {1: "production", 2: "production", 3: "staging"}


def test_promoting_on_the_page_takes_every_stage(world: build.Table) -> None:
    fields = {"label": "production", "holder": "2:production", "reason": "the best"}

    response = browser(world.curator).post(f"{MODEL}/versions/3/promote", fields)

    assert response.status_code == 302
    assert stages(world) == {3: "staging"}
