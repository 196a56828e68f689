"""What the W&B client does beside the quickstart: each on three lines of the client."""

import json
import re

import pytest

from apps.core.numbers import format_value
from tests.clients.conftest import NewSdk
from tests.clients.lines import WANDB_LINES

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("line", WANDB_LINES)]

# What a run holds, as one line.
STATE = """
import json
from apps.runs.models import Run
from apps.runs.choices import HISTORY
from apps.series.models import Series
from apps.artifacts.models import ArtifactVersion
run = Run.objects.get(key="{key}", project__team__name="{team}")
rows = Series.objects.get(owner_id=run.pk, kind="rows", key=HISTORY).count
made = ArtifactVersion.objects.filter(made_by=run, state="sealed").exclude(type="job")
print(json.dumps([run.state, rows, run.console.count(), made.count(), run.summary.count()]))
"""


def test_everything_that_a_run_logs_is_on_its_page(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    seat = client.installation.seat("editor")

    tour = client.run("tour", seat, "0.2").answer

    pages = client.installation.visitor(seat)
    path = "/" + "/runs/".join(tour["path"].rsplit("/", 1))
    page = pages.get(path)
    for words in ("tour 0.2", "first", "what this is about", "a group", "a line on the console"):
        assert words in page
    for key in ("loss", "val/loss", "odd", "nested.b.c", "picture", "predictions", "weights"):
        assert key in page
    assert "Too hot" in page
    assert pages.get(f"{path}/files/notes.txt") == "notes to keep\n"
    assert format_value(0.4) in page
    assert "<script>alert(1)" not in page


def test_the_public_api_reads_changes_and_deletes(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    seat = client.installation.seat("curator")
    tour = client.run("tour", seat, "0.1").answer
    client.run("tour", seat, "0.2")

    gone = client.run("read_back", seat, tour["path"]).answer

    assert gone["gone"]


def test_a_run_is_resumed(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    seat = client.installation.seat("editor")

    resumed = client.run("resume", seat).answer

    page = client.installation.visitor(seat).get(f"/{seat.team}/resumes/runs/the-run")
    assert "second part" in page
    # This line of the client numbers its output from 0 again, over what was there.
    assert ("first part" in page) == (line != "wandb-0.23")
    assert "nobody" in resumed["refused"]


def test_an_offline_run_is_synced_and_only_once(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    seat = client.installation.seat("editor")
    logged = client.run("log_some", seat, "25", WANDB_MODE="offline").answer
    sync = [str(client.python.parent / "wandb"), "sync", "--include-synced", logged["folder"]]
    state = STATE.format(key=logged["id"], team=seat.team)

    first = client.command(sync, seat)
    assert first.code == 0, first.output
    after = client.installation.python(state)
    second = client.command(sync, seat)

    assert second.code == 0, second.output
    state_word, rows, lines, made, _ = json.loads(after)
    assert (state_word, rows, made) == ("finished", 25, 1)
    assert lines >= 1
    assert client.installation.python(state) == after


def test_an_offline_run_is_imported_and_a_sync_adds_nothing(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    seat = client.installation.seat("editor")
    logged = client.run("log_some", seat, "25", WANDB_MODE="offline").answer
    state = STATE.format(key=logged["id"], team=seat.team)

    told = client.installation.manage("import_wandb", logged["folder"], "--user", seat.user)
    imported = json.loads(client.installation.python(state))
    sync = [str(client.python.parent / "wandb"), "sync", "--include-synced", logged["folder"]]
    synced = client.command(sync, seat)

    assert "later/" in told
    assert imported[:2] == ["finished", 25]
    assert imported[3] == 1
    assert synced.code == 0, synced.output
    after = json.loads(client.installation.python(state))
    assert (after[1], after[3]) == (25, 1)


def test_who_has_logged_in_needs_no_variable(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    seat = client.installation.seat("editor")
    key, seat.key = seat.key, ""
    wandb = str(client.python.parent / "wandb")

    done = client.command([wandb, "login", "--host", client.installation.url, key], seat)
    assert done.code == 0, done.output
    ran = client.run("snippet", seat)

    assert f"/{seat.team}/models_quickstart/runs/" in ran.output


def test_a_protected_label_is_refused_in_words(line: str, sdk: NewSdk) -> None:
    client = sdk(line)

    ran = client.run("protected", client.installation.seat("editor"))

    assert "curator" in ran.answer["refused"]


def test_another_team_is_not_there(line: str, sdk: NewSdk) -> None:
    client = sdk(line)
    seat, stranger = client.installation.seat("curator"), client.installation.seat("admin")
    ran = client.run("snippet", seat)
    (run,) = set(re.findall(r"models_quickstart/runs/([a-z0-9]+)", ran.output))

    refused = client.run(
        "intrude", stranger, seat.team, "models_quickstart", run, f"run-{run}-my_model.h5"
    )

    assert len(refused.answer) == 6
    assert "intrusion" not in client.installation.python(
        "from apps.projects.models import Project; print(list(Project.objects.values_list('name')))"
    )
