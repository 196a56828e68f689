"""The server as a process: it starts, says what to paste, refuses clearly, and stops cleanly."""

import os
import re
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.serving import ROOT, Server
from tests.settings import DATABASE_KIND, POSTGRES_SOCKET

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    yield server
    server.kill()


@pytest.mark.skipif(DATABASE_KIND != "postgres", reason="the others are on SQLite")
def test_it_serves_from_postgresql(server: Server, django_db_modify_db_settings: None) -> None:
    url = f"postgresql://postgres@/%s?host={POSTGRES_SOCKET}"
    database = f"served_{os.getpid()}"
    with psycopg.connect(url % "postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}")

    server.start("--local", DATABASE_URL=url % database)
    server.wait_until_ready()
    code, output = server.stop()

    assert code == 0, output
    assert not (server.folder / "model-status.sqlite3").exists()


@pytest.mark.once
def test_first_and_second_start(server: Server) -> None:
    server.start("--local")
    server.wait_until_ready()
    alive = server.get("/healthz")
    code, output = server.stop()

    assert alive == (200, "ok\n")
    assert code == 0
    address = f"http://127.0.0.1:{server.port}"
    assert re.search(rf"{address}/sign-in/[\w-]{{43}}\n", output)
    assert f"export WANDB_BASE_URL={address}\n" in output
    assert re.search(r"export WANDB_API_KEY=ms-[0-9A-Za-z]{40}\n", output)
    assert f"export MLFLOW_TRACKING_URI={address}\n" in output
    assert re.search(r"export MLFLOW_TRACKING_TOKEN=ms-[0-9A-Za-z]{40}\n", output)

    with closing(sqlite3.connect(server.folder / "model-status.sqlite3")) as database:
        people = database.execute("SELECT username, password FROM accounts_user").fetchall()
    assert [name for name, _ in people] == ["admin"]
    assert people[0][1].startswith("!"), "the first admin has no password"

    server.start("--local")
    server.wait_until_ready()
    code, output = server.stop()

    assert code == 0
    assert re.search(rf"{address}/sign-in/[\w-]{{43}}\n", output)
    # The key is kept as a hash, so it cannot be shown again: the line makes another one.
    assert "ms-" not in output
    assert "create_api_key --user admin)" in output


@pytest.mark.once
def test_a_killed_server_starts_again(server: Server) -> None:
    server.start("--local")
    server.wait_until_ready()
    assert server.process
    # Only the parent: the workers must follow it, or the port stays taken.
    server.process.kill()
    server.process.communicate(timeout=40)

    server.start("--local")
    server.wait_until_ready()
    assert server.stop()[0] == 0


@pytest.mark.once
def test_a_taken_port_is_said(server: Server) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        server.start("--local")
        output = server.output()

    assert f"Cannot listen on 127.0.0.1:{server.port}" in output
    assert "Traceback" not in output


@pytest.mark.once
def test_without_tables_it_says_what_to_run(server: Server) -> None:
    server.start()
    output = server.output()

    assert "then run: manage.py migrate" in output
    assert "Traceback" not in output


@pytest.mark.once
def test_a_newer_database_is_refused_and_left_alone(server: Server) -> None:
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "-v", "0"],
        env=server.environment({}),
        check=True,
    )
    file = server.folder / "model-status.sqlite3"
    with closing(sqlite3.connect(file)) as database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            "VALUES ('registry', '9999_from_the_future', '2030-01-01')"
        )
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = file.read_bytes()

    for arguments in ((), ("--local",)):
        server.start(*arguments)
        output = server.output()

        assert "made by a newer version" in output
        assert "registry.9999_from_the_future" in output
        assert "Traceback" not in output
        assert file.read_bytes() == before


@pytest.mark.once
def test_a_file_that_is_no_database_is_said(server: Server) -> None:
    server.folder.mkdir(mode=0o700)
    (server.folder / "model-status.sqlite3").write_bytes(b"not a database at all" * 100)
    server.start("--local")
    output = server.output()

    assert "The database cannot be used" in output
    assert "Traceback" not in output
    assert (server.folder / "model-status.sqlite3").read_bytes().startswith(b"not a database")


@pytest.mark.once
def test_an_open_address_without_https_is_warned_about(server: Server) -> None:
    with socket.socket() as taken:
        # So that it warns and goes no further.
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        server.start("--local", HOST="0.0.0.0")
        assert "travels in the clear" in server.output()


@pytest.mark.once
def test_debug_is_refused_on_an_open_address(server: Server) -> None:
    server.start("--local", "--host", "0.0.0.0", MODEL_STATUS_DEBUG="1")
    output = server.output()

    assert "MODEL_STATUS_DEBUG" in output
    assert "Traceback" not in output


@pytest.mark.once
def test_static_files_are_compressed_and_named_by_digest(server: Server) -> None:
    server.start("--local")
    server.wait_until_ready()
    names = [
        path.name for path in (server.folder / "static").rglob("*.css") if path.name.count(".") == 2
    ]
    path = next((server.folder / "static").rglob(names[0])).relative_to(server.folder / "static")
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/static/{path}", headers={"Accept-Encoding": "gzip"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 (our own)
        headers = answer.headers
    outside = [
        server.get(path)[0]
        for path in (
            "/static/..%2f..%2fregistry_site/settings.py",
            "/static../secret_key",
            "/static/../secret_key",
            "/.git/config",
            "/.env",
            "/model-status.sqlite3",
            "/media/",
        )
    ]

    assert headers["Content-Encoding"] == "gzip"
    assert "immutable" in headers["Cache-Control"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers
    assert set(outside) == {404}
