"""A client that logs artifacts as wandb-core does: the same requests in the same order."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from tests.wandb.conftest import Caller

CREATE = """
mutation CreateArtifact($input: CreateArtifactInput!) {
  createArtifact(input: $input) { ...CreatedArtifact }
}
fragment CreatedArtifact on CreateArtifactPayload {
  artifact { id state artifactSequence { id latestArtifact { id versionIndex } } }
}
"""
MANIFEST = """
mutation CreateArtifactManifest($artifactID: ID!, $baseArtifactID: ID, $name: String!,
    $digest: String!, $entityName: String!, $projectName: String!, $runName: String!,
    $manifestType: ArtifactManifestType!, $includeUpload: Boolean!) {
  createArtifactManifest(input: {artifactID: $artifactID, baseArtifactID: $baseArtifactID,
      name: $name, digest: $digest, entityName: $entityName, projectName: $projectName,
      runName: $runName, type: $manifestType}) {
    artifactManifest {
      id
      file {
        id
        uploadUrl @include(if: $includeUpload)
        uploadHeaders @include(if: $includeUpload)
      }
    }
  }
}
"""
UPDATE_MANIFEST = """
mutation UpdateArtifactManifest($artifactManifestID: ID!, $digest: String, $baseArtifactID: ID,
    $includeUpload: Boolean!) {
  updateArtifactManifest(input: {artifactManifestID: $artifactManifestID, digest: $digest,
      baseArtifactID: $baseArtifactID}) {
    artifactManifest { id file { id uploadUrl @include(if: $includeUpload) } }
  }
}
"""
FILES = """
mutation CreateArtifactFiles($input: CreateArtifactFilesInput!) {
  createArtifactFiles(input: $input) {
    files { edges { node {
      storagePath uploadUrl uploadHeaders
      uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } }
      artifact { id }
    } } }
  }
}
"""
COMMIT = """
mutation CommitArtifact($artifactID: ID!) {
  commitArtifact(input: {artifactID: $artifactID}) { artifact { id digest } }
}
"""


def md5_of(data: bytes) -> str:
    """The MD5 in base64, as manifests have it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def digest_of(contents: Mapping[str, Mapping[str, Any]]) -> str:
    """The artifact's digest as the client computes it."""
    whole = hashlib.md5(b"wandb-artifact-manifest-v1\n", usedforsecurity=False)
    for path in sorted(contents):
        whole.update(f"{path}:{contents[path]['digest']}\n".encode())
    return whole.hexdigest()


def manifest_text(contents: Mapping[str, Mapping[str, Any]]) -> bytes:
    return json.dumps(
        {
            "version": 1,
            "storagePolicy": "wandb-storage-policy-v1",
            "storagePolicyConfig": {"storageLayout": "V2"},
            "contents": contents,
        }
    ).encode()


def put(address: str, data: bytes) -> Any:
    return Client().put(urlsplit(address).path, data, content_type="application/octet-stream")


def get(address: str) -> bytes:
    """What a signed address leads to, asked for without a key."""
    answer = Client().get(urlsplit(address).path)
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


@dataclass
class Logging:
    """One logging of an artifact: `log()` does all of it, the steps are there to be varied."""

    caller: Caller
    name: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    references: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    type: str = "model"
    project: str = "digits"
    entity: str = "main"
    run: str | None = None
    aliases: Sequence[str] = ("latest",)
    tags: Sequence[str] = ()
    metadata: str | None = None
    client_id: str = field(default_factory=lambda: secrets.token_hex(64))
    distributed_id: str | None = None
    step: int | None = None
    digest: str | None = None
    manifest_type: str = "FULL"

    @property
    def contents(self) -> dict[str, dict[str, Any]]:
        entries: dict[str, dict[str, Any]] = {
            path: {"digest": md5_of(data), "size": len(data)} for path, data in self.files.items()
        }
        return entries | {path: dict(entry) for path, entry in self.references.items()}

    @property
    def input(self) -> dict[str, Any]:
        return {
            "entityName": self.entity,
            "projectName": self.project,
            "artifactTypeName": self.type,
            "artifactCollectionName": self.name,
            "artifactCollectionNames": None,
            "runName": self.run,
            "digest": self.digest or digest_of(self.contents),
            "digestAlgorithm": "MANIFEST_MD5",
            "aliases": [
                {"alias": alias, "artifactCollectionName": self.name} for alias in self.aliases
            ],
            "tags": [{"tagName": tag} for tag in self.tags],
            "metadata": self.metadata,
            "historyStep": self.step,
            "enableDigestDeduplication": True,
            "clientID": self.client_id,
            "sequenceClientID": f"sequence-{self.name}",
            "distributedID": self.distributed_id,
            "clientMutationId": None,
            "description": None,
            "storageRegion": None,
            "ttlDurationSeconds": None,
            "labels": None,
        }

    def create(self) -> dict[str, Any]:
        found: dict[str, Any] = self.caller.ask(CREATE, input=self.input)
        return found["createArtifact"]["artifact"]

    def announce(self, artifact_id: str, digest: str = "") -> dict[str, Any]:
        found = self.caller.ask(MANIFEST, **self.announcing(artifact_id, digest))
        return found["createArtifactManifest"]["artifactManifest"]

    def announcing(self, artifact_id: str, digest: str = "") -> dict[str, Any]:
        return {
            "artifactID": artifact_id,
            "baseArtifactID": None,
            "name": "wandb_manifest.json",
            "digest": digest,
            "entityName": self.entity,
            "projectName": self.project,
            "runName": self.run or "",
            "manifestType": self.manifest_type,
            "includeUpload": bool(digest),
        }

    def ask_files(self, artifact_id: str, manifest_id: str = "") -> list[dict[str, Any]]:
        asked = [
            {
                "artifactID": artifact_id,
                "name": path,
                "md5": md5_of(data),
                "artifactManifestID": manifest_id,
                "mimetype": None,
                "uploadPartsInput": None,
            }
            for path, data in self.files.items()
        ]
        found = self.caller.ask(FILES, input={"artifactFiles": asked, "storageLayout": "V2"})
        return [edge["node"] for edge in found["createArtifactFiles"]["files"]["edges"]]

    def send_files(self, artifact_id: str) -> None:
        nodes = self.ask_files(artifact_id)
        for node, data in zip(nodes, self.files.values(), strict=True):
            if node["uploadUrl"] is not None:
                assert put(node["uploadUrl"], data).status_code == 200

    def send_manifest(self, artifact_id: str, text: bytes | None = None) -> None:
        text = manifest_text(self.contents) if text is None else text
        announced = self.announce(artifact_id, md5_of(text))
        answer = put(announced["file"]["uploadUrl"], text)
        assert answer.status_code == 200, answer.content

    def send(self) -> str:
        """Everything but the commit; the id. Nothing is sent of what is there already."""
        created = self.create()
        artifact_id = str(created["id"])
        if created["state"] == "COMMITTED":
            return artifact_id
        if self.manifest_type == "FULL":
            self.announce(artifact_id)
            self.send_files(artifact_id)
            self.send_manifest(artifact_id)
            return artifact_id
        announced = self.announce(artifact_id)
        self.send_files(artifact_id)
        text = manifest_text(self.contents)
        found = self.caller.ask(
            UPDATE_MANIFEST,
            artifactManifestID=announced["id"],
            digest=md5_of(text),
            baseArtifactID=None,
            includeUpload=True,
        )
        address = found["updateArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"]
        assert put(address, text).status_code == 200
        return artifact_id

    def commit(self, artifact_id: str) -> dict[str, Any]:
        found = self.caller.ask(COMMIT, artifactID=artifact_id)
        return found["commitArtifact"]["artifact"]

    def log(self) -> str:
        """The id of the committed artifact."""
        return str(self.commit(self.send())["id"])
