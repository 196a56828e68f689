"""The quickstart of the W&B client runs as it stands, and everything that it logged is there."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from apps.core.numbers import format_value
from tests.clients.conftest import NewSdk
from tests.clients.lines import WANDB_LINES
from tests.clients.reading import shows_figures, sign_in

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("line", WANDB_LINES)
def test_the_quickstart_fills_a_page_of_the_registry(line: str, sdk: NewSdk, page: Page) -> None:
    client = sdk(line)
    seat = client.installation.seat("editor")

    ran = client.run("snippet", seat)

    (link,) = set(re.findall(rf"/{seat.team}/models_quickstart/runs/[a-z0-9]+", ran.output))
    (summary_file,) = client.folder.glob("wandb/run-*/files/wandb-summary.json")
    acc = json.loads(summary_file.read_text())["acc"]
    installation = client.installation
    sign_in(page, installation, seat)
    # As a person goes: the model, its version, and from there the file and the run.
    page.goto(f"{installation.url}/{seat.team}/models/MNIST")
    page.get_by_role("link", name=re.compile("^MNIST:")).first.click()
    expect(page).to_have_url(f"{installation.url}/{seat.team}/models/MNIST/versions/0")
    measured = page.get_by_role("region", name="At the end of its run")
    expect(measured.locator("dl")).to_have_text(re.compile(rf"^\s*acc\s*{format_value(acc)}\s*$"))
    expect(page.locator("svg.lineage")).to_contain_text("my_mod")
    expect(page.locator("#files")).to_contain_text("my_model.h5")
    measured.get_by_role("link").click()
    expect(page).to_have_url(installation.url + link)
    shows_figures(page, "acc", [acc])
    expect(page.locator("#state")).to_contain_text("finished")
    expect(page.get_by_role("region", name="Made")).to_contain_text("my_model.h5")

    (made,) = client.folder.glob("my_model.h5")
    files = client.installation.visitor(seat)
    path = f"/{seat.team}/models/MNIST/versions/0/files/my_model.h5"
    assert files.download(path) == made.read_bytes()
    state = client.installation.python(
        "from apps.runs.models import Run\n"
        f"run = Run.objects.get(project__team__name='{seat.team}')\n"
        "from apps.series.services import *\n"
        "from apps.artifacts.models import *\n"
        "print(run.state, run.exit_code, run.artifact_edges.get().direction)\n"
        "version = Version.objects.get(collection__name='MNIST', collection__project=None,"
        " collection__team=run.project.team)\n"
        "print(version.number, version.artifact.made_by == run,"
        " [file.path for file in version.artifact.files.all()])\n"
    )
    assert state.splitlines() == ["finished 0 made", "0 True ['my_model.h5']"]


@pytest.mark.parametrize("line", WANDB_LINES)
def test_a_wrong_key_ends_the_script_with_words(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    seat = client.installation.seat("editor")
    seat.key = "ms-" + "0" * 40

    ran = client.attempt("snippet", seat)

    assert ran.code != 0
    assert "key" in ran.output.lower()
