"""Deleting, restoring and purging over HTTP."""

import pytest

from apps.artifacts.models import LabelHolding
from apps.projects.models import Project
from apps.registry.services.promotion import promote_version
from apps.runs.models import Run
from apps.runs.services import finish_run
from tests import build
from tests.api.conftest import World, caller, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(world: World) -> Run:
    """An ended run, so that nothing goes with it."""
    allowed = build.access(world.table.editor, project=world.table.project)
    return finish_run(run=world.run, access=allowed)


def test_a_run_there_and_back(world: World, run: Run) -> None:
    address = f"{world.project}/runs/{run.key}"
    gone = world.editor.delete(f"{address}?reason=diverged")

    assert gone.status_code == 200
    body = gone.json()
    assert (body["item"], body["kind"], body["name"]) == (f"run-{run.pk}", "run", "first")
    assert (body["reason"], body["deleted_by"]) == ("diverged", world.table.editor.username)
    assert body["project"] == world.table.project.name
    assert body["goes_at"] > body["deleted_at"]
    for place in (world.project, ""):
        assert world.viewer.get(f"{place}/bin").json() == {"items": [body], "next": None}

    back = world.editor.post(f"{world.project}/bin/{body['item']}/restore")

    assert back.json() == {"item": body["item"], "kind": "run", "name": "first"}
    assert world.viewer.get(address).status_code == 200
    assert world.viewer.get("/bin").json()["items"] == []
    refused(world.editor.post(f"{world.project}/bin/{body['item']}/restore"), 404)


def test_a_client_that_logs_to_a_deleted_run_is_told(world: World, run: Run) -> None:
    address = f"{world.project}/runs/{run.key}"
    world.editor.delete(address)

    for path, body in (
        ("/points", {"rows": [{"step": 1, "values": {"loss": 1}}]}),
        ("/console", {"lines": [{"number": 0, "text": "hello"}]}),
        ("/heartbeat", None),
        ("/finish", {"state": "failed"}),
        ("/resume", None),
    ):
        assert "is in the bin" in refused(world.editor.post(address + path, body), 404)["detail"]
    assert (
        "in its bin"
        in refused(world.editor.post(f"{world.project}/runs", {"key": run.key}), 409)["detail"]
    )


def test_what_goes_with_it_takes_force_and_a_reason(world: World) -> None:
    allowed = build.access(world.table.curator, project=world.table.project)
    promote_version(version=world.table.versions[2], label="production", access=allowed)
    address = f"{world.project}/models/candidates/versions/3"

    told = refused(world.curator.delete(f"{address}?reason=bad"), 409)["detail"]
    assert "candidates v3 (production)" in told
    assert "force=true" in told
    refused(world.curator.delete(f"{address}?force=true"), 400, "reason")
    assert LabelHolding.objects.filter(held_until=None).exists()

    assert world.curator.delete(f"{address}?force=true&reason=bad").status_code == 200
    assert not LabelHolding.objects.filter(held_until=None).exists()
    assert "in the bin" in refused(world.viewer.get(address), 404)["detail"]


def test_a_model_and_a_project(world: World, run: Run) -> None:
    model = world.curator.delete(f"{world.project}/models/candidates?reason=old")
    assert (model.status_code, model.json()["kind"]) == (200, "collection")
    refused(world.viewer.get(f"{world.project}/models/candidates"), 404)

    refused(world.curator.delete(world.project), 403)
    project = world.admin.delete(f"{world.project}?reason=old")
    assert (project.status_code, project.json()["project"]) == (200, None)
    refused(world.viewer.get(world.project), 404)
    # What is inside it is told no more: it comes back with it.
    assert [item["kind"] for item in world.viewer.get("/bin").json()["items"]] == ["project"]

    refused(world.curator.post(f"/bin/{project.json()['item']}/restore"), 403)
    assert world.admin.post(f"/bin/{project.json()['item']}/restore").status_code == 200
    assert world.viewer.get(world.project).status_code == 200


def test_purging_is_the_admins(world: World, run: Run) -> None:
    item = world.editor.delete(f"{world.project}/runs/{run.key}").json()["item"]
    address = f"{world.project}/bin/{item}"

    refused(world.curator.delete(address), 403)
    assert world.admin.delete(address).json() == {"item": item, "kind": "run", "name": "first"}
    refused(world.admin.delete(address), 404)
    assert not Run.with_deleted.filter(pk=run.pk).exists()
    # The key is free again.
    assert world.editor.post(f"{world.project}/runs", {"key": run.key}).status_code == 201


def test_downloads_end_with_the_last_place(world: World) -> None:
    address = f"{world.project}/artifacts/{world.artifact}/files/data.bin"
    assert world.viewer.get(address).status_code == 200

    world.curator.delete(f"{world.project}/models/candidates/versions/1?reason=leaked")

    refused(world.viewer.get(address), 404)
    refused(world.viewer.get(f"{world.project}/artifacts/{world.artifact}"), 404)


def test_the_bin_of_a_private_project_is_private(world: World) -> None:
    owner = caller(world.secret.curator)
    owner.delete("/projects/secret/models/hidden-model/versions/1?reason=old")
    assert len(owner.get("/bin").json()["items"]) == 1

    assert world.curator.get("/bin").json()["items"] == []
    refused(world.curator.get("/projects/secret/bin"), 404)
    assert Project.objects.filter(name="secret").exists()
