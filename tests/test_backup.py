"""A backup holds everything, betrays damage before anything is touched, and goes only where it may.

The commands run as a person runs them, each in a process of its own, on an installation of its own.
"""

import io
import json
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry_site.backups.archive import (
    ArchiveWriter,
    BackupDamagedError,
    Manifest,
    open_verified,
)
from tests.postgres import find_programs
from tests.settings import DATABASE_KIND, POSTGRES_SOCKET

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow

FILL = """
import io
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.sessions.backends.db import SessionStore
from apps.accounts.services import create_user
from apps.audit.actors import Actor
from apps.content.services import store
create_user(username="ada", actor=Actor.system("test"))
for number in range(5):
    store(owner_id=1, stream=io.BytesIO(b"weights %d " % number * 50_000), max_bytes=10_000_000)
session = SessionStore(session_key="a-key-that-lets-its-holder-in-00")
session.save(must_create=True)
"""
SESSION_KEY = b"a-key-that-lets-its-holder-in-00"
LOOK = """
import json
from django.core.management import call_command
from io import StringIO
call_command("verify_audit", stdout=StringIO())
call_command("verify_content", stdout=StringIO())
from apps.accounts.models import User
from apps.audit.models import Event
from apps.content.models import Blob
from django.contrib.sessions.models import Session
print(json.dumps([
    list(User.objects.values_list("username", flat=True)),
    list(Event.objects.order_by("pk").values_list("kind", flat=True)),
    list(Blob.objects.order_by("pk").values_list("pk", "size_bytes")),
    Session.objects.count(),
]))
"""


@dataclass
class Installation:
    """A data folder and a database."""

    folder: Path
    database_url: str

    def manage(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{find_programs()}:{os.environ['PATH']}",
            "MODEL_STATUS_DATA_DIR": str(self.folder),
            "DATABASE_URL": self.database_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, code: str) -> str:
        done = self.manage("shell", "-v", "0", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


NewInstallation = Callable[[str], Installation]


@pytest.fixture
def new_installation(tmp_path: Path, request: pytest.FixtureRequest) -> NewInstallation:
    """Call with a name: an installation without tables."""
    if DATABASE_KIND == "postgres":
        request.getfixturevalue("django_db_modify_db_settings")

    def make(name: str) -> Installation:
        if DATABASE_KIND == "sqlite":
            return Installation(tmp_path / name, "")
        import psycopg

        server = f"postgresql://postgres@/%s?host={POSTGRES_SOCKET}"
        database = f"backup_{name}_{os.getpid()}"
        with psycopg.connect(server % "postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {database}")
        return Installation(tmp_path / name, server % database)

    return make


@pytest.fixture
def filled(new_installation: NewInstallation) -> Installation:
    installation = new_installation("filled")
    installation.python(FILL)
    return installation


def test_everything_comes_back_on_an_empty_machine(
    filled: Installation,
    new_installation: NewInstallation,
    tmp_path: Path,
) -> None:
    before = json.loads(filled.python(LOOK))
    assert before[3] == 1
    file = tmp_path / "a.backup"

    done = filled.manage("backup", str(file))

    assert done.returncode == 0, done.stderr
    assert "5 stored files" in done.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # Whoever reads the file cannot sign in with it.
    assert SESSION_KEY not in file.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".a.backup")] == []

    empty = new_installation("empty")
    done = empty.manage("restore", str(file))

    assert done.returncode == 0, done.stderr
    assert json.loads(empty.python(LOOK)) == [*before[:3], 0]
    loose = [path for path in empty.folder.rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert loose == []

    # A second time it is in use: only with --force, and on SQLite the former file is kept.
    refused = empty.manage("restore", str(file))
    assert refused.returncode == 1
    assert "This installation is in use" in refused.stderr

    forced = empty.manage("restore", "--force", str(file))
    assert forced.returncode == 0, forced.stderr
    assert json.loads(empty.python(LOOK)) == [*before[:3], 0]
    if DATABASE_KIND == "sqlite":
        assert len(list(empty.folder.glob("*.before-restore-*"))) == 1

    # A backup does not take the place of a file.
    again = filled.manage("backup", str(file))
    assert again.returncode == 1
    assert "is there already" in again.stderr


def test_damaged_content_is_told_and_left_out(filled: Installation, tmp_path: Path) -> None:
    blob = next(path for path in (filled.folder / "content").rglob("*") if len(path.name) == 64)
    data = bytearray(blob.read_bytes())
    data[1000] ^= 1
    blob.write_bytes(data)
    file = tmp_path / "b.backup"

    done = filled.manage("backup", str(file))

    assert done.returncode == 1
    assert "1 stored files that are damaged" in done.stderr
    with open_verified(file) as archive:
        assert archive.manifest.lost == [blob.name]
        assert len(list(archive.content())) == 4


def test_content_in_a_bucket_is_listed_only(
    new_installation: NewInstallation,
    s3_endpoint: str,
    s3_bucket: str,
    tmp_path: Path,
) -> None:
    installation = new_installation("bucket")
    variables = {"MODEL_STATUS_CONTENT": f"s3://{s3_bucket}/models", "S3_ENDPOINT": s3_endpoint}
    file = tmp_path / "c.backup"
    filled = installation.manage("shell", "-v", "0", "-c", FILL, **variables)
    assert filled.returncode == 0, filled.stderr

    done = installation.manage("backup", str(file), **variables)

    assert done.returncode == 0, done.stderr
    assert "5 files are in the bucket and are only listed" in done.stdout
    with open_verified(file) as archive:
        assert list(archive.content()) == []
        assert len(archive.manifest.elsewhere) == 5

    # Restored where the bucket is, all is well; elsewhere the missing files are told.
    other = new_installation("other")
    done = other.manage("restore", str(file), **variables)
    assert done.returncode == 0, done.stderr
    third = new_installation("third")
    done = third.manage("restore", str(file))
    assert done.returncode == 1
    assert "5 files are not in the bucket" in done.stderr


@pytest.mark.skipif(DATABASE_KIND != "sqlite", reason="a PostgreSQL restore is a transaction")
def test_an_open_database_is_not_replaced(filled: Installation, tmp_path: Path) -> None:
    import sqlite3

    file = tmp_path / "d.backup"
    filled.manage("backup", str(file))
    server = sqlite3.connect(filled.folder / "model-status.sqlite3")
    server.execute("SELECT * FROM accounts_user").fetchall()

    done = filled.manage("restore", "--force", str(file))

    assert done.returncode == 1
    assert "Stop the server first" in done.stderr
    assert server.execute("SELECT username FROM accounts_user").fetchall() == [("ada",)]
    server.close()


class TestArchive:
    """The file format by itself."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "small.backup"
        with path.open("wb") as target:
            writer = ArchiveWriter(target)
            writer.add("database", io.BytesIO(b"tables"), 6)
            digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
            writer.add(f"content/{digest}", io.BytesIO(b"test"), 4)
            writer.finish(Manifest("2026-01-01T00:00:00+00:00", "sqlite", [], writer.members))
        return path

    def test_a_whole_one_is_accepted(self, file: Path, tmp_path: Path) -> None:
        with open_verified(file) as archive:
            archive.read_into("database", tmp_path / "out")
            assert [entry.size_bytes for entry in archive.content()] == [4]
        assert (tmp_path / "out").read_bytes() == b"tables"

    def test_no_flipped_byte_escapes(self, file: Path) -> None:
        whole = file.read_bytes()
        for position in range(0, len(whole), 11):
            data = bytearray(whole)
            data[position] ^= 0x20
            file.write_bytes(data)
            with pytest.raises(BackupDamagedError), open_verified(file):
                pytest.fail(f"a flip at {position} was not seen")

    def test_no_truncation_escapes(self, file: Path) -> None:
        whole = file.read_bytes()
        for length in range(0, len(whole), 97):
            file.write_bytes(whole[:length])
            with pytest.raises(BackupDamagedError), open_verified(file):
                pytest.fail(f"a cut at {length} was not seen")

    def test_nothing_may_be_added(self, file: Path) -> None:
        with tarfile.open(file, "a") as tar:
            member = tarfile.TarInfo("../../etc/cron.d/evil")
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
        with pytest.raises(BackupDamagedError), open_verified(file):
            pytest.fail("an added member was not seen")

    @pytest.mark.parametrize(
        "name", ["../database", "/etc/passwd", "content/../x", "content/" + "A" * 64, "other"]
    )
    def test_a_hostile_name_is_refused_even_in_a_consistent_file(
        self, tmp_path: Path, name: str
    ) -> None:
        path = tmp_path / "hostile.backup"
        with path.open("wb") as target:
            writer = ArchiveWriter(target)
            writer.add(name, io.BytesIO(b"test"), 4)
            writer.finish(Manifest("", "sqlite", [], writer.members))
        with pytest.raises(BackupDamagedError, match="would not have written"), open_verified(path):
            pytest.fail("a hostile name was accepted")

    def test_a_link_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "link.backup"
        with tarfile.open(path, "w") as tar:
            for name in ("database", "manifest.json", "whole.sha256"):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(member)
        with pytest.raises(BackupDamagedError, match="not a plain file"), open_verified(path):
            pytest.fail("a link was accepted")
