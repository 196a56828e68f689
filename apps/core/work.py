"""Long work that pages tell of while it goes on.

Whoever does it keeps a small file in the data folder: how much is done, of how much. It is news, no
record, and so not in the database: work often holds one transaction for long, and what it wrote
there would be seen when it is over. A file that nobody has touched for a while is of work that
died.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

# No step of what is told of takes as long as this.
STALE_SECONDS = 300


@dataclass(frozen=True)
class Work:
    """What is being done, for a team by its name, and how far it is."""

    key: str
    team: str
    done: int
    total: int


@contextmanager
def telling(key: str, *, team: str, total: int) -> Iterator[Callable[[int], None]]:
    """Tell of a piece of work until it is over, however it ends. Call with how much is done."""
    path = _folder() / f"{key}.json"

    def tell(done: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        news = path.with_suffix(f".{os.getpid()}")
        news.write_text(json.dumps({"team": team, "done": done, "total": total}))
        # At once, so that nobody reads half of it.
        news.replace(path)

    tell(0)
    try:
        yield tell
    finally:
        path.unlink(missing_ok=True)


def going_on() -> list[Work]:
    """The work that is going on now, by key. What cannot be read is not told of."""
    now = time.time()
    found = []
    for path in sorted(_folder().glob("*.json")):
        try:
            told = json.loads(path.read_text())
            if now - path.stat().st_mtime < STALE_SECONDS:
                work = Work(path.stem, str(told["team"]), int(told["done"]), int(told["total"]))
                found.append(work)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "work"
