"""Whether the database fits this version of the program, and the static files that pages name."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


class NotReadyError(Exception):
    """The server must not start. The message says why and what to do."""


def check_schema() -> None:
    """Raises NotReadyError for missing migrations, or a database that a newer version made."""
    executor = MigrationExecutor(connection)
    refuse_newer_schema(executor)
    if missing := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotReadyError(
            f"The database lacks {len(missing)} migrations. Back it up, then run: manage.py migrate"
        )


def refuse_newer_schema(executor: MigrationExecutor) -> None:
    known = set(executor.loader.disk_migrations)
    ours = {config.label for config in apps.get_app_configs()}
    newer = sorted(
        f"{app}.{name}"
        for app, name in executor.loader.applied_migrations
        if app in ours and (app, name) not in known
    )
    if newer:
        raise NotReadyError(
            f"The database was made by a newer version of Model Status (it has {newer[-1]}). "
            "Nothing was changed. Start that version, or restore a backup."
        )


def collect_static() -> bool:
    """Compress and name the static files anew if one changed since; says whether it did.

    Looking at names, sizes and times takes a few milliseconds, collecting more than a second.
    """
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    seen = _fingerprint()
    if stamp.exists() and stamp.read_text(encoding="ascii") == seen:
        return False
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(seen, encoding="ascii")
    return True


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for line in sorted(_static_files()):
        digest.update(line.encode())
    return digest.hexdigest()


def _static_files() -> Iterator[str]:
    for finder in get_finders():
        for name, storage in finder.list([]):
            state = Path(storage.path(name)).stat()
            yield f"{name}\0{state.st_size}\0{state.st_mtime_ns}\n"
