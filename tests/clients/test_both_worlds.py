"""One store behind two doors: what one client logs and promotes is what the other reads."""

import pytest

from tests.clients.conftest import NewSdk

pytestmark = pytest.mark.slow


def test_a_model_and_its_label_are_the_same_through_both(sdk: NewSdk) -> None:
    wandb, mlflow = sdk("wandb-0.31"), sdk("mlflow-3")
    seat = wandb.installation.seat("curator")

    digests = wandb.run("shared_wandb", seat, "log").answer["digests"]
    assert mlflow.run("shared_mlflow", seat, "read").answer == {
        "version": "0",
        "digests": digests[:1],
        "all": [0, 1],
    }

    mlflow.run("shared_mlflow", seat, "move", "1")
    moved = {"version": "v1", "digests": digests[1:]}
    assert wandb.run("shared_wandb", seat, "read").answer == moved

    wandb.run("shared_wandb", seat, "move", "0")
    assert mlflow.run("shared_mlflow", seat, "read").answer["version"] == "0"

    added = mlflow.run("shared_mlflow", seat, "add").answer
    assert added["version"] == "2"
    back = wandb.run("shared_wandb", seat, "read").answer
    assert back == {"version": "v2", "digests": added["digests"]}

    pages = wandb.installation.visitor(seat)
    history = pages.get(f"/{seat.team}/models/shared/history")
    # Given four times, by the owner of the key each time.
    assert history.count("champion") >= 4
    assert seat.user in history
