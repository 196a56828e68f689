"""The tables in one file and back, for either database, as one consistent moment.

Sessions are left out: a session key lets its holder in, so it has no place in a file that travels.
Everything else that lets somebody in is kept as a hash anyway.
"""

import os
import secrets
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from apps.accounts.models import User

SESSIONS = "django_session"


class DatabaseToolError(Exception):
    """The database could not be copied. The message says what to do."""


def is_empty() -> bool:
    """Whether nobody has an account here: no tables yet, or no people in them."""
    tables = connection.introspection.table_names()
    return User._meta.db_table not in tables or not User.objects.exists()


def applied_migrations() -> list[str]:
    return sorted(
        f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()
    )


def dump(target: Path) -> None:
    """Write the tables to the new file `target`, while others go on writing."""
    if connection.vendor == "sqlite":
        _dump_sqlite(target)
    else:
        _run_postgres_tool(
            "pg_dump", "--format=custom", f"--file={target}", f"--exclude-table-data={SESSIONS}"
        )


def load(source: Path, *, keep_former: bool) -> Path | None:
    """Put the tables of `source` in place of those that are there, all or none of them.

    Returns where the former database file was kept; there is none to keep on PostgreSQL.
    """
    if connection.vendor == "sqlite":
        return _load_sqlite(source, keep_former=keep_former)
    connection.close()
    # Also when a table is there in a newer form: it is dropped before it is made anew.
    options = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction")
    _run_postgres_tool(
        "pg_restore", *options, "--exit-on-error", f"--dbname={_name()}", str(source)
    )
    return None


def _dump_sqlite(target: Path) -> None:
    """SQLite's own online copy: one moment, and writers are not kept waiting."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(_name())) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        # One file, and no trace of the sessions in its free pages.
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute(f"DELETE FROM {SESSIONS}")  # noqa: S608 (a constant)
        copy.commit()
        copy.execute("VACUUM")


def _load_sqlite(source: Path, *, keep_former: bool) -> Path | None:
    with closing(sqlite3.connect(source)) as copy:
        (state,) = copy.execute("PRAGMA integrity_check").fetchone()
        if state != "ok":
            raise DatabaseToolError(f"The database in the backup is damaged: {state}")
    connection.close()
    target = Path(_name())
    # Beside the target, which may be on another disk than the source.
    draft = target.with_name(f".{target.name}.restoring-{secrets.token_hex(6)}")
    try:
        _copy_durably(source, draft)
        former = None
        if target.exists():
            _let_go(target)
            if keep_former:
                former = _former_name(target)
                os.link(target, former)
        os.replace(draft, target)
        _sync(target.parent)
        return former
    finally:
        draft.unlink(missing_ok=True)


def _copy_durably(source: Path, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as copy, source.open("rb") as original:
        shutil.copyfileobj(original, copy, 1024 * 1024)
        copy.flush()
        os.fsync(copy.fileno())


def _former_name(target: Path) -> Path:
    return target.with_name(f"{target.name}.before-restore-{time.strftime('%Y%m%d-%H%M%S')}")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _let_go(path: Path) -> None:
    """Fold the write-ahead log into the file. SQLite does that only while nobody else has it open,
    so this also finds out whether the server still runs."""
    with closing(sqlite3.connect(path, timeout=1)) as live:
        try:
            live.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            raise DatabaseToolError(
                "Another program has the database open. Stop the server first."
            ) from None


def _run_postgres_tool(tool: str, *options: str) -> None:
    program = shutil.which(tool)
    if program is None:
        raise DatabaseToolError(
            f"{tool} is not on the PATH. Install the client programs of PostgreSQL (on Debian: "
            "apt install postgresql-client), of the server's version or newer."
        )
    done = subprocess.run(  # noqa: S603 (found by name above, no shell)
        [program, "--no-password", *options],
        env={**os.environ, **dict(_postgres_variables())},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DatabaseToolError(f"{tool} failed: {done.stderr.strip()}")


def _postgres_variables() -> Iterator[tuple[str, str]]:
    """In the environment and not on the command line, which every user of the machine can read."""
    config: dict[str, Any] = connection.settings_dict
    options = config["OPTIONS"]
    given = {
        "PGDATABASE": config["NAME"],
        "PGHOST": options.get("host") or config["HOST"],
        "PGPORT": config["PORT"],
        "PGUSER": config["USER"],
        "PGPASSWORD": config["PASSWORD"],
        "PGSSLMODE": options.get("sslmode"),
        "PGSSLROOTCERT": options.get("sslrootcert"),
    }
    for name, value in given.items():
        if value:
            yield name, str(value)


def _name() -> str:
    return str(connection.settings_dict["NAME"])
