"""The quickstart of the W&B client runs as it stands, and everything that it logged is there."""

import json
import re

import pytest

from apps.core.numbers import format_value
from tests.clients.conftest import NewSdk
from tests.clients.lines import WANDB_LINES

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("line", WANDB_LINES)
def test_the_quickstart_fills_a_page_of_the_registry(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    seat = client.installation.seat("editor")

    ran = client.run("snippet", seat)

    pages = client.installation.visitor(seat)
    model = pages.get(f"/{seat.team}/models/MNIST")
    assert f"/{seat.team}/models/MNIST/versions/0" in model
    version = pages.get(f"/{seat.team}/models/MNIST/versions/0")
    (link,) = set(re.findall(rf"/{seat.team}/models_quickstart/runs/[a-z0-9]+", ran.output))
    assert link in version
    file = re.search(r'href="([^"]*my_model\.h5[^"]*)"', version)
    assert file, version
    assert "my_model.h5" in pages.get(file[1])

    (summary_file,) = client.folder.glob("wandb/run-*/files/wandb-summary.json")
    summary = json.loads(summary_file.read_text())
    run = pages.get(link)
    assert "acc" in run
    assert format_value(summary["acc"]) in run
    assert "finished" in run.lower()
    assert "my_model.h5" in run
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
