"""The connection's cursor for SQL that comes again."""

from typing import Any

from django.db import connection


def kept_cursor() -> Any:
    """On PostgreSQL one that sends text and parameters apart, so that the plan can be kept: after
    as many times as the option `prepare_threshold` of the database says. Where queries are logged
    they are sent, and so shown, whole."""
    if connection.vendor != "postgresql" or connection.queries_logged:
        return connection.cursor()
    from django.db.backends.postgresql.base import ServerBindingCursor

    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor: Any = ServerBindingCursor
        return connection._prepare_cursor(cursor(connection.connection))  # type: ignore[attr-defined]
