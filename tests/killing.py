"""Kill -9 in the middle of something, and see what was acknowledged before."""

import os
import signal
import time
from collections.abc import Callable

from django.db import connections

Acknowledge = Callable[[str], None]


def kill_during(work: Callable[[Acknowledge], None], *, after_seconds: float) -> list[str]:
    """Run `work` in a process of its own, kill that, and return the lines it acknowledged.

    The time counts from the first acknowledgement, so that a slow start does not spoil the aim.
    """
    _leave_the_database()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _forget_the_database()
            work(lambda line: _write_line(writing, line))
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        received = pipe.readline()
        time.sleep(after_seconds)
        os.kill(child, signal.SIGKILL)
        received += pipe.read()
    os.waitpid(child, 0)
    return received.decode().splitlines()


def _write_line(descriptor: int, line: str) -> None:
    os.write(descriptor, line.encode() + b"\n")


def _leave_the_database() -> None:
    """A connection must not live in two processes."""
    for connection in connections.all():
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


def _forget_the_database() -> None:
    """What the parent has open is not ours, not even to close.

    A thread may have two sets of connections: while the browser driver's event loop runs in it,
    Django keeps another one, and a forked child, in which no loop runs, finds the first again.
    """
    for alias in connections:
        pools = getattr(connections[alias], "_connection_pools", {})
        pools.clear()
        del connections[alias]
