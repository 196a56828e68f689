"""A small table of its own for tests of paging and filtering; `core` itself has none."""

from collections.abc import Iterator

import pytest
from django.apps.registry import Apps
from django.db import connection, models


class Row(models.Model):
    """A row with a number, a text and a time that may be missing."""

    number = models.BigIntegerField()
    value = models.FloatField(null=True)
    text = models.TextField(null=True)  # noqa: DJ001 - missing and empty text are both tried
    at = models.DateTimeField(null=True)

    objects: "models.Manager[Row]" = models.Manager()

    class Meta:
        app_label = "core_tests"
        # In a registry of its own: the product has no such table.
        apps = Apps()
        managed = False
        db_table = "core_test_row"

    def __str__(self) -> str:
        return str(self.number)


@pytest.fixture
def rows(db: None) -> Iterator[models.Manager[Row]]:
    """The empty table, gone again afterwards. Plain SQL: a schema editor wants no transaction."""
    is_postgresql = connection.vendor == "postgresql"
    key = "bigserial" if is_postgresql else "integer"
    time = "timestamptz" if is_postgresql else "datetime"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE core_test_row (id {key} PRIMARY KEY, number bigint NOT NULL,"
            f" value double precision, text text, at {time})"
        )
    yield Row.objects
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE core_test_row")
