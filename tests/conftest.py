"""Fixtures for every test: throw-away content, a real PostgreSQL or S3 server, a real browser."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from django.db import connection, transaction
from django.test import SimpleTestCase, TransactionTestCase

from tests.browser import (  # noqa: F401 (fixtures)
    axe,
    bare_page,
    bare_phone,
    browser_type_launch_args,
    page,
)
from tests.settings import DATABASE_KIND, POSTGRES_SOCKET

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

# A slow or busy machine is no fault of the code under test. What fails fails again: the examples
# are the same each time; HYPOTHESIS_PROFILE=search tries others.
_PATIENT: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("suite", derandomize=True, **_PATIENT)
hypothesis.settings.register_profile("search", **_PATIENT)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# A test that asks for none of these, and has no mark of its own, never sees a database.
DATABASE_FIXTURES = {
    "db",
    "transactional_db",
    "django_db_modify_db_settings",
    "new_installation",  # of tests/test_backup.py: on the same server
    "installation",  # of tests/clients: likewise
    "sdk",
}
S3_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def pytest_report_header() -> str:
    return f"database: {DATABASE_KIND}"


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named by their argument: packed ones hold the time, and the workers must agree."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What does not depend on the suite's database runs on the first of the two only.

    A browser sees the same pages, and those are read from both databases without one.
    """
    if DATABASE_KIND == "sqlite":
        return
    done = [item for item in items if not _needs_this_database(item)]
    config.hook.pytest_deselected(items=done)
    items[:] = [item for item in items if item not in done]


def _needs_this_database(item: pytest.Item) -> bool:
    if any(map(item.get_closest_marker, ("once", "browser"))):
        return False
    case = getattr(item, "cls", None)
    return (
        item.get_closest_marker("django_db") is not None
        or (case is not None and issubclass(case, SimpleTestCase))
        or not DATABASE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    )


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
) -> Iterator[None]:
    """Start the database server before Django makes the test database."""
    if DATABASE_KIND == "sqlite":
        yield
        return
    from tests.postgres import PostgresServer

    server = PostgresServer(POSTGRES_SOCKET)
    server.start()
    yield
    server.stop()


@pytest.fixture(autouse=True)
def data_folder(settings: "Settings", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of this test alone; content goes below it."""
    folder = tmp_path_factory.mktemp("data")
    settings.DATA_DIR = folder
    return folder


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 server on this machine. It does not check signatures."""
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**S3_KEYS, "AWS_DEFAULT_REGION": "us-east-1"}.items():
            patch.setenv(name, value)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def s3_bucket(s3_endpoint: str) -> str:
    """The name of an empty bucket on `s3_endpoint`."""
    import boto3

    name = f"bucket-{uuid.uuid4().hex}"
    boto3.client("s3", endpoint_url=s3_endpoint).create_bucket(Bucket=name)
    return name


# What `migrate` itself fills; no test writes to these.
FILLED_BY_DJANGO = {"django_content_type", "auth_permission"}


def _empty_past_the_guards(case: TransactionTestCase) -> None:
    """Leave the database as the migrations left it, so that no test depends on which ran before it.

    Django's own way would empty all tables, the empty ones too, and make the permissions anew: most
    of what a small test takes. Triggers keep the audit table append-only; this is the exception.
    """
    from apps.audit.guards import create_guards, drop_guards
    from apps.audit.models import ChainHead

    tables = set(connection.introspection.django_table_names(only_existing=True))
    rows = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})"  # noqa: S608
        for table in sorted(tables - FILLED_BY_DJANGO)
    )
    # The order does not matter: references are looked at when the transaction ends.
    with transaction.atomic(), connection.cursor() as cursor:
        drop_guards(connection)
        cursor.execute(rows)
        for (table,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608
        ChainHead.objects.create(pk=1)
        create_guards(connection)


TransactionTestCase._fixture_teardown = _empty_past_the_guards  # type: ignore[attr-defined]
