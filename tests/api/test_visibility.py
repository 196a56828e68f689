"""What lies in a project that the caller may not see is not there, by whatever way."""

import pytest

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.artifacts.services import link_version
from apps.projects.services import set_project_role
from apps.registry.services.promotion import promote_version
from tests import build
from tests.api.conftest import Caller, World, caller, refused, rows


@pytest.fixture
def run(world: World) -> str:
    return build.run(world.secret.editor, world.secret.project, name="hidden-run").key


def without(text: str, *names: str) -> str:
    for name in names:
        text = text.replace(name, "…")
    return text


def test_hidden_and_missing_are_the_same_bytes(world: World, run: str) -> None:
    key = world.secret.versions[0].artifact.key
    pairs = [
        ("/projects/secret", "/projects/absent"),
        (f"/projects/secret/runs/{run}", f"/projects/absent/runs/{run}"),
        ("/projects/secret/models/hidden-model", "/projects/absent/models/hidden-model"),
        ("/projects/secret/events", "/projects/absent/events"),
        (f"/artifacts/{key}", f"/artifacts/{'0' * 32}"),
        (f"/artifacts/{key}/files/data.bin", f"/artifacts/{'0' * 32}/files/data.bin"),
        (f"{world.project}/artifacts/{key}", f"{world.project}/artifacts/{'0' * 32}"),
    ]
    for hidden, missing in pairs:
        for method in ("GET", "PUT", "POST", "DELETE"):
            one = world.curator.send(method, hidden)
            other = world.curator.send(method, missing)
            assert one.status_code == other.status_code != 200
            names = ("secret", "absent", key, "0" * 32)
            assert without(
                one.content.decode().replace(one.headers["X-Request-ID"], ""), *names
            ) == (
                without(other.content.decode().replace(other.headers["X-Request-ID"], ""), *names)
            )


def test_its_ids_are_refused_in_every_position(world: World, run: str) -> None:
    key = world.secret.versions[0].artifact.key
    before = rows()

    refused(world.curator.post("/models/MNIST/versions", {"artifact": key}), 404)
    refused(world.curator.post("/golden-sets", {"name": "mine", "artifact": key}), 404)
    results = {"results": [{"metric": "loss", "value": 1.0}]}
    refused(world.curator.post(f"/artifacts/{key}/results", results), 404)
    path = f"/artifacts/{world.artifact}/results"
    refused(world.curator.post(path, {**results, "run": run}), 404)

    assert rows() == before


def test_lists_hold_nothing_of_it(world: World) -> None:
    listed = "".join(
        world.curator.get(path).content.decode()
        for path in ("/projects", "/models", "/golden-sets", "/metrics", "/events?size=500")
    )

    assert "secret" not in listed
    assert "hidden" not in listed


@pytest.fixture
def registry(world: World) -> None:
    """A registry model with v1 from an open and v2 from the private project, in production."""
    owner: User = world.secret.editor
    model = build.collection(owner, None, "MNIST")
    open_artifact = world.table.versions[0].artifact
    for artifact in (open_artifact, world.secret.versions[0].artifact):
        version = link_version(artifact=artifact, collection=model, access=build.access(owner))
        promote_version(version=version, label="production", access=build.access(owner))


@pytest.mark.usefixtures("registry")
def test_a_registry_model_shows_what_each_reader_may_see(world: World) -> None:
    owner = caller(world.secret.editor)

    def numbers(who: Caller) -> list[int]:
        return [one["number"] for one in who.get("/models/MNIST/versions").json()["items"]]

    assert (numbers(owner), numbers(world.curator)) == ([2, 1], [1])
    table = world.curator.get("/models/MNIST/table").json()
    assert (table["total"], table["matching"], table["baseline"]) == (1, 1, None)
    assert world.curator.get("/models/MNIST/labels/production").json()["holders"] == []
    assert owner.get("/models/MNIST/labels/production").json()["holders"][0]["version"] == 2
    history = world.curator.get("/models/MNIST/labels/production/history").json()["items"]
    assert [one["version"] for one in history] == [1]
    (row,) = world.curator.get("/models").json()["items"]
    assert (row["version_count"], row["holder"]) == (1, None)
    for path in ("/versions/2", "/versions/2/results", "/versions/2/events"):
        refused(world.curator.get(f"/models/MNIST{path}"), 404)
    events = world.curator.get("/models/MNIST/events").content.decode()
    assert "v2" not in events
    assert "v2" in owner.get("/models/MNIST/events").content.decode()


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("value", [0.5, "NaN"])
def test_what_only_hidden_versions_were_scored_by_is_named_nowhere(
    world: World, value: float | str
) -> None:
    """Results make metrics and columns; those of a hidden project are not the team's to read."""
    owner = caller(world.secret.editor)
    key = world.secret.versions[0].artifact.key
    data = owner.post("/projects/secret/artifacts", {"type": "dataset", "collection": "data"})
    held_out = data.json()["artifact"]["key"]
    golden_set = {"name": "canary-set", "title": "canary", "artifact": held_out}
    assert owner.post("/golden-sets", golden_set).status_code == 201
    scores = [
        {"metric": "canary-metric", "value": value},
        {"metric": "loss", "value": value, "golden_set": "canary-set"},
    ]
    assert owner.post(f"/artifacts/{key}/results", {"results": scores}).status_code == 200
    # A result in the open, on a golden set that not every reader may know of.
    for path in (f"/artifacts/{world.artifact}/results", f"/artifacts/{key}/results"):
        assert owner.post(path, {"results": scores[1:]}).status_code == 200
    model = f"{world.project}/models/{world.table.collection.name}"
    paths = ["/metrics", "/models", "/models/MNIST", "/models/MNIST/table", f"{model}/table", model]
    paths += ["/models/MNIST/table?format=csv", f"{model}/table?format=csv"]

    for path in paths:
        assert "canary" not in read(world.viewer, path), path
    refused(world.viewer.get("/metrics/canary-metric"), 404)
    refused(world.viewer.get("/models/MNIST/table?sort=canary-metricintraining"), 400)
    for path in ("/metrics", "/models/MNIST/table", f"{model}/table"):
        assert "canary" in read(owner, path), path


def read(who: Caller, path: str) -> str:
    answer = who.get(path)
    assert answer.status_code == 200
    return answer.getvalue().decode()


@pytest.mark.usefixtures("registry")
def test_rolling_back_to_a_hidden_version_names_nothing(world: World) -> None:
    version = {"version": 1, "reason": "back to ours"}
    assert world.curator.put("/models/MNIST/labels/production", version).status_code == 200

    body = refused(world.curator.post("/models/MNIST/labels/production/rollback", {}), 404)

    assert "secret" not in str(body)


def test_the_role_counts_where_the_artifact_lives(world: World) -> None:
    """An editor of the team who may only read a private project cannot write by the team's way."""
    reader = build.user("reader", role=Role.EDITOR)
    set_project_role(
        user=reader,
        role=Role.VIEWER,
        access=build.access(world.secret.editor, project=world.secret.project),
    )
    key = world.secret.versions[0].artifact.key
    who = caller(reader)
    before = rows()

    assert who.get(f"/artifacts/{key}").status_code == 200
    results = {"results": [{"metric": "loss", "value": 1.0}]}
    refused(who.post(f"/artifacts/{key}/results", results), 403)
    assert rows() == before
