"""The story behind the report "MNIST Model Status": data sets, trainings, an evaluation, a page."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from apps.core.numbers import format_value
from tests.clients.conftest import NewSdk
from tests.clients.installation import Client, Seat
from tests.clients.lines import WANDB_LINES

pytestmark = pytest.mark.slow

STEPS = 12
# As curators name what was found.
NAME_COLUMNS = """
from apps.accounts.models import User
from apps.artifacts.models import Collection
from apps.audit.actors import Actor
from apps.projects.access import access_to
from apps.registry.queries.columns import columns_in
from apps.registry.services.columns import ColumnSpec, update_columns
user = User.objects.get(username="{seat.user}")
access = access_to(user=user, actor=Actor(user_id=user.pk, name=user.username),
                   team="{seat.team}", project="mnist")
model = Collection.objects.get(team=access.team, project__name="mnist",
                               name="mnist_model_candidates")
columns = columns_in(model, user)
titles = {{column.golden_set.name: column for column in columns}}
print(sorted(column.title for column in columns))
update_columns(collection=model, access=access, specs=[
    ColumnSpec(titles["mnist_ds:v0"].pk, "Loss @ 10k", True),
    ColumnSpec(titles["mnist_ds:v1"].pk, "Loss @ 1k", True),
])
"""


def tell_the_story(client: Client, seat: Seat) -> dict[str, Any]:
    """Run all scripts; what the evaluation found, and the runs that trained."""
    assert client.run("mnist_dataset", seat, "10").answer["version"] == "v0"
    assert client.run("mnist_dataset", seat, "5").answer["version"] == "v1"
    trained = [client.run("mnist_train", seat, str(seed), str(STEPS)).answer for seed in (1, 2, 3)]
    assert [one["version"] for one in trained] == ["v0", "v1", "v2"]
    assert {(one["dataset"], one["examples"]) for one in trained} == {("v1", 5)}
    evaluated = client.run("mnist_evaluate", seat, "mnist_ds:v0", "mnist_ds:latest").answer
    return {**evaluated, "trained": trained}


@pytest.mark.parametrize("line", WANDB_LINES)
def test_the_model_page_is_the_report(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    seat = client.installation.seat("curator")

    story = tell_the_story(client, seat)

    titles = client.installation.python(NAME_COLUMNS.format(seat=seat))
    assert titles == "['Ce loss @ mnist_ds:v0', 'Ce loss @ mnist_ds:v1']"
    pages = client.installation.visitor(seat)
    page = pages.get(f"/{seat.team}/mnist/models/mnist_model_candidates")
    assert "Loss @ 10k" in page
    assert "Loss @ 1k" in page
    for losses in story["losses"].values():
        assert set(losses) == {"v0", "v1"}
        for loss in losses.values():
            assert format_value(loss) in page
    table = pages.get(f"/{seat.team}/mnist/models/mnist_model_candidates/table.csv")
    promoted = [line for line in table.splitlines() if "production" in line]
    assert len(promoted) == 1
    assert re.match(rf'"?v?{story["best"][1:]}\b', promoted[0]), table

    for one in story["trained"]:
        run = pages.get(f"/{seat.team}/mnist/runs/{one['run']}")
        assert one["name"] in run
        assert "train/loss" in run
        assert format_value(one["losses"][-1]) in run
        assert "mnist_ds" in run
        assert "mnist_model_candidates" in run
    history = pages.get(f"/{seat.team}/mnist/models/mnist_model_candidates/history")
    assert seat.user in history


@pytest.mark.browser
def test_a_browser_shows_every_number(sdk: NewSdk, page: Page) -> None:
    client = sdk(WANDB_LINES[0])
    installation = client.installation
    seat = installation.seat("curator")
    story = tell_the_story(client, seat)
    link = installation.manage("login_link", "--user", seat.user)
    page.goto(installation.url + urlsplit(link).path)
    page.get_by_role("main").get_by_role("button").first.click()

    page.goto(f"{installation.url}/{seat.team}/mnist/models/mnist_model_candidates")

    table = page.get_by_role("table").first
    for losses in story["losses"].values():
        for loss in losses.values():
            expect(table).to_contain_text(format_value(loss))
    expect(table.locator("tbody .pill").filter(has_text="production")).to_have_count(1)
    page.goto(f"{installation.url}/{seat.team}/mnist/runs/{story['trained'][0]['run']}")
    expect(page.get_by_role("main")).to_contain_text("train/loss")
    expect(page.get_by_role("main")).to_contain_text(
        format_value(story["trained"][0]["losses"][-1])
    )
