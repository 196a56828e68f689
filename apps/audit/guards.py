"""Triggers by which the database itself refuses to change or remove events.

They stop mistakes and any code path of ours; whoever owns the database can drop them, and is found
out by the hashes. Events and their subjects take inserts only, and the head of the chain moves
forward only, one event at a time.

SQLite drops a table's triggers when a migration rebuilds the table: a migration that alters one of
these tables ends with `create_guards`. A test checks that they are there.
"""

from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

_APPEND_ONLY: Final = ("audit_event", "audit_eventsubject")
_HEAD: Final = "audit_chainhead"
_MESSAGE: Final = "the audit history cannot be changed"
_PG_FUNCTION: Final = "audit_refuse"


def create_guards(connection: BaseDatabaseWrapper) -> None:
    """Install the triggers; those that exist already are replaced."""
    drop_guards(connection)
    _run(connection, _postgresql() if connection.vendor == "postgresql" else _sqlite())


def drop_guards(connection: BaseDatabaseWrapper) -> None:
    """Remove the triggers: only for tests, which empty tables and tamper on purpose."""
    tables = (*_APPEND_ONLY, _HEAD)
    if connection.vendor == "postgresql":
        statements = [f"DROP TRIGGER IF EXISTS {table}_guard ON {table}" for table in tables]
        statements += [f"DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}" for table in tables]
        statements.append(f"DROP FUNCTION IF EXISTS {_PG_FUNCTION}()")
    else:
        statements = [
            f"DROP TRIGGER IF EXISTS {table}_no_{verb}"
            for table in tables
            for verb in ("update", "delete")
        ]
    _run(connection, statements)


def _sqlite() -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
    statements = [
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} {refuse}"
        for table in _APPEND_ONLY
        for verb in ("update", "delete")
    ]
    return [
        *statements,
        f"CREATE TRIGGER {_HEAD}_no_delete BEFORE DELETE ON {_HEAD} {refuse}",
        f"CREATE TRIGGER {_HEAD}_no_update BEFORE UPDATE ON {_HEAD}"
        f" WHEN NEW.id <> OLD.id OR NEW.sequence <> OLD.sequence + 1 {refuse}",
    ]


def _postgresql() -> list[str]:
    # The error class of constraints, so that Django raises IntegrityError as it does on SQLite.
    function = (
        f"CREATE FUNCTION {_PG_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$"
        f" BEGIN RAISE EXCEPTION '{_MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';"
        " END $$"
    )
    refuse = f"EXECUTE FUNCTION {_PG_FUNCTION}()"
    statements = [
        f"CREATE TRIGGER {table}_guard BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}"
        for table in _APPEND_ONLY
    ]
    statements += [
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} {refuse}"
        for table in (*_APPEND_ONLY, _HEAD)
    ]
    return [
        function,
        *statements,
        f"CREATE TRIGGER {_HEAD}_guard BEFORE UPDATE ON {_HEAD} FOR EACH ROW"
        f" WHEN (NEW.id <> OLD.id OR NEW.sequence <> OLD.sequence + 1) {refuse}",
    ]


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
