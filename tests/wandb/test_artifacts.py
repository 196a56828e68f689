"""Logging artifacts: from CreateArtifact to CommitArtifact."""

import json

import pytest

from apps.artifacts.models import ArtifactVersion, Collection, RunArtifact, Version
from apps.artifacts.tags import tags_of
from tests import build
from tests.wandb.artifact_client import COMMIT, CREATE, Logging, digest_of, get, md5_of, put
from tests.wandb.conftest import Caller

pytestmark = pytest.mark.django_db

MANIFEST_OF = """
query FetchArtifactManifest($id: ID!) {
  artifact(id: $id) { currentManifest { file { directUrl } } }
}
"""


def manifest_of(caller: Caller, artifact_id: str) -> dict[str, object]:
    found = caller.ask(MANIFEST_OF, id=artifact_id)
    text = get(found["artifact"]["currentManifest"]["file"]["directUrl"])
    manifest: dict[str, object] = json.loads(text)
    return manifest


def test_what_is_logged_is_sealed_as_version_0(editor: Caller) -> None:
    place = build.project(editor.user)
    run = build.run(editor.user, place)
    logging = Logging(
        editor,
        "net",
        {"model.h5": b"weights", "notes/a.txt": b"words"},
        run=run.key,
        aliases=["latest", "best"],
        tags=["fast"],
        metadata='{"acc": 0.9, "odd": NaN}',
        step=7,
    )

    artifact_id = logging.log()

    version = Version.objects.get()
    assert (version.number, version.collection.name, version.collection.type) == (0, "net", "model")
    artifact = version.artifact
    assert artifact.files.count() == 2
    assert json.loads(artifact.metadata) == {"acc": 0.9, "odd": "NaN"}
    assert tags_of(artifact) == {"fast": ""}
    assert list(version.holdings.values_list("label", flat=True)) == ["best"]
    edge = RunArtifact.objects.get()
    assert (edge.run, edge.direction, edge.step) == (run, "made", 7)
    served = manifest_of(editor, artifact_id)
    assert {path: entry["digest"] for path, entry in served["contents"].items()} == {  # type: ignore[attr-defined]
        "model.h5": md5_of(b"weights"),
        "notes/a.txt": md5_of(b"words"),
    }
