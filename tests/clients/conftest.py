"""Fixtures for driving the server with the real clients.

Where a client's environment is missing its tests are skipped with the reason; with
REQUIRE_CLIENTS=1 (as `.ci/run` sets) they fail.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.installation import Client, Installation
from tests.postgres import find_programs
from tests.settings import DATABASE_KIND, POSTGRES_SOCKET
from tools import clients

ClientVenv = Callable[[str], Path]
NewSdk = Callable[[str], Client]


@pytest.fixture(scope="session")
def client_venv() -> ClientVenv:
    """Call with a client's name: the Python of its environment."""

    def find(name: str) -> Path:
        if clients.is_ready(name):
            return clients.python_of(name)
        message = f"no client {name}: python tools/clients.py {name}"
        if os.environ.get("REQUIRE_CLIENTS") == "1":
            pytest.fail(message)
        pytest.skip(message)

    return find


@pytest.fixture(scope="session")
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A running server that the tests of this process share; each makes a team of its own."""
    variables = {}
    if DATABASE_KIND == "postgres":
        request.getfixturevalue("django_db_modify_db_settings")
        variables = _with_postgres() | _with_s3(request.getfixturevalue("s3_endpoint"))
    installation = Installation(tmp_path_factory.mktemp("installation"), variables)
    installation.start()
    yield installation
    installation.kill()


@pytest.fixture
def sdk(client_venv: ClientVenv, request: pytest.FixtureRequest, tmp_path: Path) -> NewSdk:
    """Call with a client's name, e.g. "wandb-0.31": it, told where `installation` is."""

    def make(name: str) -> Client:
        # Asked for after the environment, so that a skipped test starts no server.
        python = client_venv(name)
        return Client(name, python, request.getfixturevalue("installation"), tmp_path)

    return make


def _with_postgres() -> dict[str, str]:
    import psycopg

    server = f"postgresql://postgres@/%s?host={POSTGRES_SOCKET}"
    database = f"clients_{os.getpid()}"
    with psycopg.connect(server % "postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {database}")
    return {
        "DATABASE_URL": server % database,
        "PATH": f"{find_programs()}:{os.environ['PATH']}",
    }


def _with_s3(endpoint: str) -> dict[str, str]:
    import boto3

    bucket = f"clients-{os.getpid()}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
    return {
        "MODEL_STATUS_CONTENT": f"s3://{bucket}/content",
        "S3_ENDPOINT": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
