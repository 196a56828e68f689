"""Two changes that meet on PostgreSQL, where writers do not queue for the whole database."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import connection, transaction


def meet(
    first: Callable[[], object],
    second: Callable[[], object],
    then: Callable[[], object] = lambda: None,
) -> None:
    """Make the first change, hold back its commit until the second one waits for it in a connection
    of its own, and then let both end. What the second one raises is raised here. `then` is how the
    first change goes on while the second one waits."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first()
            other = pool.submit(_in_own_connection, second)
            _wait_until_it_waits(other)
            then()
        other.result(timeout=30)


def _in_own_connection(change: Callable[[], object]) -> None:
    try:
        change()
    finally:
        connection.close()


def _wait_until_it_waits(other: Future[None]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not other.done():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
            if cursor.fetchone():
                return
