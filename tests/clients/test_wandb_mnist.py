"""The story behind the report "MNIST Model Status": data sets, trainings, an evaluation, a page."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.core.numbers import format_value
from tests.clients.conftest import NewSdk
from tests.clients.installation import Client, Seat
from tests.clients.lines import WANDB_LINES
from tests.clients.reading import cell_of, shows_figures, shows_points, shows_value, sign_in

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
def test_the_model_page_is_the_report(line: str, sdk: NewSdk, page: Page) -> None:
    client = sdk(line)
    installation = client.installation
    seat = installation.seat("curator")
    project = f"{installation.url}/{seat.team}/mnist"

    story = tell_the_story(client, seat)

    titles = installation.python(NAME_COLUMNS.format(seat=seat))
    assert titles == "['Ce loss @ mnist_ds:v0', 'Ce loss @ mnist_ds:v1']"
    sign_in(page, installation, seat)
    page.goto(f"{project}/models/mnist_model_candidates")
    heads = page.locator("#versions thead")
    expect(heads).to_contain_text("Loss @ 10k")
    expect(heads).to_contain_text("Loss @ 1k")
    for version, losses in story["losses"].items():
        row = page.locator("#versions tbody tr").filter(
            has=page.locator(f'a[href$="/versions/{version[1:]}"]')
        )
        shows_value(cell_of(row, "Loss @ 10k"), losses["v0"])
        shows_value(cell_of(row, "Loss @ 1k"), losses["v1"])
        promoted = row.locator(".pill").filter(has_text="production")
        expect(promoted).to_have_count(1 if version == story["best"] else 0)

    for one in story["trained"]:
        page.goto(f"{project}/runs/{one['run']}")
        expect(page.get_by_role("heading", level=1)).to_have_text(one["name"])
        accuracies = [1 - loss / 3 for loss in one["losses"]]
        for metric, values in (("train/loss", one["losses"]), ("train/acc", accuracies)):
            shows_figures(page, metric, values)
            shows_points(page, metric, values)
        expect(page.get_by_role("region", name="Used")).to_contain_text("mnist_ds:v1")
        expect(page.get_by_role("region", name="Made")).to_contain_text(
            f"mnist_model_candidates:{one['version']}"
        )
        page.goto(f"{project}/models/mnist_model_candidates/versions/{one['version'][1:]}")
        for values in (one["losses"], accuracies):
            expect(page.get_by_role("region", name="At the end of its run")).to_contain_text(
                format_value(values[-1])
            )
    page.goto(f"{project}/models/mnist_model_candidates/history")
    expect(page.locator("#history tbody tr")).to_contain_text([seat.user])
