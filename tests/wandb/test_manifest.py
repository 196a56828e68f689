"""The manifest's JSON: what is read of it, and that what is handed out reads the same."""

from typing import Any

import pytest

from apps.artifacts.services import MAX_FILES
from apps.core.errors import Invalid
from apps.wandb_api.artifacts.manifest import Entry, digest_of, hex_of, parsed
from tests.wandb.artifact_client import digest_of as digest_of_the_client
from tests.wandb.artifact_client import manifest_text, md5_of


def test_the_digest_is_the_clients() -> None:
    contents: dict[str, dict[str, Any]] = {
        "b": {"digest": md5_of(b"1"), "size": 1},
        "a/é": {"digest": "etag", "ref": "s3://x"},
    }

    assert digest_of(parsed(manifest_text(contents)).values()) == digest_of_the_client(contents)


def test_nothing_of_the_clients_machine_is_kept() -> None:
    entry = {"digest": md5_of(b"1"), "size": 1, "local_path": "/home/ana/x", "skip_cache": True}

    assert parsed(manifest_text({"a": entry})) == {
        "a": Entry("a", md5_of(b"1"), size_bytes=1, md5=hex_of(md5_of(b"1")))
    }


def test_no_more_files_than_an_artifact_may_have() -> None:
    entry = {"digest": "e", "ref": "s3://bucket/x"}
    contents = {f"f{number}": entry for number in range(MAX_FILES + 1)}

    with pytest.raises(Invalid, match=str(MAX_FILES)):
        parsed(manifest_text(contents))


@pytest.mark.parametrize("text", [None, 7, "", "x", "====", md5_of(b"1")[:-4], "é" * 24])
def test_an_md5_that_is_none(text: object) -> None:
    with pytest.raises(Invalid):
        hex_of(text)
