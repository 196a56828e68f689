"""Which faults of the machinery pass by themselves, whatever database is underneath.

A caller can do something about "busy, try again" and "disk full"; about a bug it cannot.
"""

import errno

from django.db.utils import InterfaceError, OperationalError

from apps.core.errors import Busy, DomainError, StorageFull

# Primary result codes of SQLite; extended ones carry them in the low byte.
SQLITE_BUSY, SQLITE_LOCKED, SQLITE_READONLY = 5, 6, 8
SQLITE_INTERRUPT, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN = 9, 10, 13, 14
SQLITE_PASSING = {
    SQLITE_BUSY,
    SQLITE_LOCKED,
    SQLITE_READONLY,
    SQLITE_INTERRUPT,
    SQLITE_IOERR,
    SQLITE_CANTOPEN,
}
# PostgreSQL: connection lost, transaction rolled back by a rival, out of resources, stopped by an
# operator or a time limit, lock not available. 53100 is a full disk.
POSTGRES_PASSING = ("08", "40", "53", "55P03", "57")
POSTGRES_FULL = "53100"

BUSY = "The database is busy. Nothing was changed; try again in a moment."
FULL = "The disk of the server is full. Nothing was changed; tell whoever runs it."


def refusal_for(error: BaseException | None) -> DomainError | None:
    """The refusal that `error` amounts to; None when it is a fault of the program."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull(FULL)
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    cause = error.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return _for_sqlite(code & 0xFF)
    return _for_postgres(cause)


def _for_sqlite(code: int) -> DomainError | None:
    if code == SQLITE_FULL:
        return StorageFull(FULL)
    return Busy(BUSY) if code in SQLITE_PASSING else None


def _for_postgres(cause: BaseException | None) -> DomainError | None:
    state = getattr(cause, "sqlstate", None)
    if state == POSTGRES_FULL:
        return StorageFull(FULL)
    # No state: the server could not be reached, or no connection of the pool came free in time.
    return Busy(BUSY) if state is None or state.startswith(POSTGRES_PASSING) else None
