"""What a training run costs the machine, and where its code came from."""

import os
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from apps.runs.services import CodeVersion

PROGRAM = "apps/demo/network.py"
# What trains and evaluates, as the run's code artifact keeps it.
SOURCES = ("augmentation", "digits", "evaluation", "golden", "network", "story")


class Meter:
    """Wall clock, processor time and memory of this process since the last reading."""

    def __init__(self) -> None:
        self.started = self._wall = time.perf_counter()
        self._cpu = time.process_time()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def read(self) -> dict[str, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        share = (cpu - self._cpu) / max(wall - self._wall, 1e-9)
        self._wall, self._cpu = wall, cpu
        reading = {"cpu_percent": 100 * share}
        memory = memory_bytes()
        if memory is not None:
            reading["memory_mb"] = memory / 1e6
        return reading


def memory_bytes() -> int | None:
    """The memory that this process holds now; None where the system has no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def one_thread() -> Iterator[None]:
    """Matrix products in one thread: the order of their sums, and so every metric, is then the
    same each time, and the server beside keeps its processor."""
    try:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    except ImportError:
        # It comes with scikit-learn; without it the results differ in their last digits.
        yield
        return
    with threadpool_limits(limits=1):
        yield


def code_version() -> CodeVersion:
    """The commit of the checkout, or without one the version of the program."""
    return CodeVersion(commit=_commit() or _version(), program=PROGRAM)


def source_files() -> dict[str, bytes]:
    folder = Path(__file__).parent
    return {f"{name}.py": (folder / f"{name}.py").read_bytes() for name in SOURCES}


def _commit() -> str:
    git = shutil.which("git")
    if git is None or not (Path(settings.BASE_DIR) / ".git").exists():
        return ""
    done = subprocess.run(  # noqa: S603 (our own command)
        [git, "-C", str(settings.BASE_DIR), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _version() -> str:
    path = Path(settings.BASE_DIR) / "pyproject.toml"
    if not path.exists():
        return ""
    return str(tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"])
