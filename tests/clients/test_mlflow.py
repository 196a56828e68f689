"""The unmodified mlflow client, both of its lines, does all that it can do elsewhere."""

import json
import re

import pytest

from apps.core.numbers import format_value
from tests.clients.conftest import NewSdk
from tests.clients.lines import MLFLOW_LINES

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("line", MLFLOW_LINES)
def test_every_call_is_answered(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    # Deleting an experiment takes an admin.
    seat = client.installation.seat("admin")

    ran = client.run("mlflow_tour", seat)

    made = ran.answer
    # Registered when the file said "one": what the run wrote later changes nothing.
    assert made["sealed"] == "one"
    pages = client.installation.visitor(seat)
    project = client.installation.python(
        "from apps.projects.models import Project\n"
        f"print(Project.objects.get(pk={made['experiment']}).name)"
    )
    run = pages.get(f"/{seat.team}/{project}/runs/{made['run']}")
    assert "parent" in run
    assert "child 1" in run
    assert format_value(0.25) in run
    assert "model/name" in run
    model = pages.get(f"/{seat.team}/models/tour-model")
    assert "production" in model.lower()


@pytest.mark.parametrize("line", MLFLOW_LINES)
def test_a_model_goes_round_and_predicts_the_same(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    seat = client.installation.seat("curator")

    ran = client.run("mlflow_model", seat)

    pages = client.installation.visitor(seat)
    page = pages.get(f"/{seat.team}/models/iris")
    assert "champion" in page
    assert "staging" in page
    if line.startswith("mlflow-3"):
        # The golden-set columns come from metrics that were logged with a model and a data set.
        assert "iris-150" in page
        for accuracy in ran.answer["accuracy"]:
            assert format_value(accuracy) in page
    # The address that the client prints.
    (link,) = set(re.findall(rf"/#(/experiments/\d+/runs/{ran.answer['run']})", ran.output))
    assert ran.answer["experiment"] in link


@pytest.mark.parametrize("line", MLFLOW_LINES)
def test_a_protected_label_is_refused_in_words(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    editor, curator = client.installation.seats("editor", "curator")

    refusal = client.run("mlflow_promote", editor, "production").answer
    assert refusal["code"] == "PERMISSION_DENIED"
    assert "curator" in refusal["message"]
    assert client.run("mlflow_promote", curator, "production").answer == {"aliases": ["production"]}

    history = client.installation.visitor(curator).get(f"/{curator.team}/models/guarded/history")
    assert curator.user in history
    assert json.dumps(editor.key) not in history
