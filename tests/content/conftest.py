"""Every rule about content holds on files and on S3 alike."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from apps.content import references
from apps.content.backends import Backend, backend


@pytest.fixture(params=["file", "s3"])
def place(request: pytest.FixtureRequest, settings: Settings) -> str:
    """Where content goes in this test."""
    if request.param == "s3":
        settings.S3_ENDPOINT = request.getfixturevalue("s3_endpoint")
        settings.CONTENT = f"s3://{request.getfixturevalue('s3_bucket')}/some/prefix"
    else:
        settings.CONTENT = "file"
    return str(request.param)


@pytest.fixture
def kept(place: str) -> Backend:
    return backend()


@pytest.fixture
def incoming(data_folder: Path) -> Callable[[], list[str]]:
    """What is lying in the folder for files under way."""
    folder = data_folder / "content" / "incoming"
    return lambda: sorted(os.listdir(folder)) if folder.exists() else []


@pytest.fixture
def nobody_names_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Garbage collection asks no app of ours in this test."""
    monkeypatch.setattr(references, "_sources", {})


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def overwrite(kept: Backend, digest: str, content: bytes, folder: Path) -> None:
    """Damage what is stored, behind the application's back."""
    damaged = folder / "damaged"
    damaged.write_bytes(content)
    kept.put(damaged, digest)
    damaged.unlink()
