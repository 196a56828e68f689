"""The links that clients print lead to the right pages, with the rights of who follows them."""

import pytest

from apps.accounts.choices import Role
from apps.artifacts.models import Collection
from apps.artifacts.services import link_version
from apps.projects.models import Project
from apps.registry.services.promotion import promote_version
from apps.runs.models import Run
from tests import build
from tests.web.visits import browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def table() -> build.Table:
    """A model with two versions in a project, both of them in the registry as MNIST too."""
    table = build.table((0.5, 0.3))
    shelf = build.collection(table.editor, None, "MNIST")
    for version in table.collection.versions.order_by("number"):
        link_version(
            artifact=version.artifact, collection=shelf, access=build.access(table.curator)
        )
    return table


@pytest.fixture
def run(table: build.Table) -> Run:
    return build.run(table.editor, table.project)


class TestMlflow:
    def follow(self, table: build.Table, address: str) -> str:
        answer = browser(table.viewer).get(f"/go/mlflow/{address}")
        assert answer.status_code == 302
        return str(answer["Location"])

    def test_a_run_whatever_its_experiment_is_called(self, table: build.Table, run: Run) -> None:
        page = f"/main/digits/runs/{run.key}"
        for rest in ("", "/artifacts", "/model-metrics"):
            assert self.follow(table, f"experiments/7/runs/{run.key}{rest}") == page

    def test_an_experiment_is_a_project(self, table: build.Table) -> None:
        assert self.follow(table, f"experiments/{table.project.pk}") == "/main/digits"

    def test_registered_models_and_their_versions(self, table: build.Table) -> None:
        assert self.follow(table, "models/MNIST") == "/main/models/MNIST"
        assert self.follow(table, "models/MNIST/versions/2") == "/main/models/MNIST/versions/2"

    def test_a_logged_model_by_its_id(self, table: build.Table) -> None:
        key = table.collection.versions.get(number=1).artifact.key
        found = self.follow(table, f"experiments/7/models/m-{key}")
        assert found == "/main/digits/models/candidates/versions/1"

    @pytest.mark.parametrize(
        "address",
        [
            *("experiments/99999999", "experiments/0", "experiments/x", "experiments/²"),
            *("experiments/1/runs/nothing", "experiments/1/models/m-x", "models/nothing"),
            *("models/MNIST/versions/9", "models/MNIST/versions/x", "elsewhere", "//evil.example"),
            "experiments/" + "9" * 30,
        ],
    )
    def test_what_is_not_there_is_searched_for(self, table: build.Table, address: str) -> None:
        assert self.follow(table, address).startswith("/search?q=")

    def test_what_is_hidden_is_the_same_as_what_is_not_there(self, run: Run) -> None:
        stranger = browser(build.user(role=Role.ADMIN, team_name="others"))
        for address in (
            f"experiments/1/runs/{run.key}",
            f"experiments/{Project.objects.get(name='digits').pk}",
            "models/MNIST",
        ):
            assert stranger.get(f"/go/mlflow/{address}")["Location"].startswith("/search?q=")

    def test_who_is_not_signed_in_is_asked_to(self, run: Run) -> None:
        answer = browser().get(f"/go/mlflow/experiments/1/runs/{run.key}")
        assert answer.status_code == 302
        assert answer["Location"].startswith(
            "/sign-in?next=%2Fgo%2Fmlflow%2Fexperiments%2F1%2Fruns"
        )


class TestWandb:
    @pytest.mark.parametrize(
        ("address", "page"),
        [
            (
                "/main/digits/artifacts/model/candidates/v2",
                "/main/digits/models/candidates/versions/2",
            ),
            (
                "/main/digits/artifacts/model/candidates/latest",
                "/main/digits/models/candidates/versions/2",
            ),
            (
                "/main/digits/artifacts/model/candidates/staging",
                "/main/digits/models/candidates/versions/1",
            ),
            ("/main/registry", "/main/models"),
            ("/main/model-registry", "/main/models"),
            ("/main/wandb-registry-model", "/main/models"),
            ("/main/model-registry/artifacts", "/main/artifacts"),
            ("/main/model-registry/artifacts/model", "/main/artifacts"),
            ("/main/model-registry/artifacts/model/MNIST", "/main/models/MNIST"),
            ("/main/model-registry/artifacts/model/MNIST/v1", "/main/models/MNIST/versions/1"),
            (
                "/main/wandb-registry-model/artifacts/model/MNIST/latest",
                "/main/models/MNIST/versions/2",
            ),
            (
                "/main/registry/model?selectionPath=main%2Fmodel-registry%2FMNIST"
                "&view=membership&version=v1",
                "/main/models/MNIST/versions/1",
            ),
            (
                "/orgs/main/registry/model?selectionPath=main%2Fwandb-registry-model%2FMNIST"
                "&view=membership&version=v2",
                "/main/models/MNIST/versions/2",
            ),
            (
                "/main/registry/model?selectionPath=main%2Fmodel-registry%2FMNIST",
                "/main/models/MNIST",
            ),
        ],
    )
    def test_leads_to(self, table: build.Table, address: str, page: str) -> None:
        first = table.collection.versions.get(number=1)
        promote_version(version=first, label="staging", access=build.access(table.curator))
        answer = browser(table.viewer).get(address)
        assert (answer.status_code, answer["Location"]) == (302, page)

    @pytest.mark.parametrize(
        "address",
        [
            "/main/registry/model?selectionPath=main%2Fmodel-registry%2Fnothing",
            "/main/registry/model?selectionPath=main%2Fmodel-registry%2FMNIST&version=v9",
            "/main/model-registry/artifacts/dataset/MNIST/v1",
            "/main/digits/artifacts/model/candidates/unheld",
            "/orgs/others/registry/model",
        ],
    )
    def test_what_is_not_there(self, table: build.Table, address: str) -> None:
        assert Collection.objects.filter(name="MNIST").exists()
        assert browser(table.viewer).get(address).status_code == 404

    def test_strangers_are_led_nowhere(self, table: build.Table) -> None:
        stranger = browser(build.user(role=Role.ADMIN, team_name="others"))
        for address in ("/main/registry", "/main/model-registry/artifacts/model/MNIST/v1"):
            assert stranger.get(address).status_code == 404
