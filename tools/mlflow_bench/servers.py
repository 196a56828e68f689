"""The servers that are measured: started, asked, and watched from outside."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tools.clients import HOME, python_of

ROOT = Path(__file__).resolve().parent.parent.parent
# Workers that import for ten seconds each need minutes on a machine that has other work.
START_SECONDS = 900
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Peer:
    """A server as a process of its own, with a database of its own on the shared PostgreSQL."""

    name: str
    port: int
    database: str
    folder: Path
    command: list[str]
    variables: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    # What it does not have: kinds of calls that are left out for it.
    lacks: frozenset[str] = frozenset()
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> float:
        """Start it; the seconds until it answers."""
        self.folder.mkdir(exist_ok=True)
        started = time.monotonic()
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.variables},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() - started > START_SECONDS:
                log_text = (self.folder / "server.log").read_text(errors="replace")
                raise RuntimeError(f"{self.name} did not start:\n{log_text[-3000:]}")
            time.sleep(0.02)
        return time.monotonic() - started

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def cpu_seconds(self) -> float:
        """What the server's processes have used so far."""
        return sum(_cpu(pid) for pid in self._processes())

    def memory_bytes(self) -> int:
        """What they hold now, pages that they share counted once."""
        return sum(_pss(pid) for pid in self._processes())

    def caller(self) -> "Caller":
        return Caller(self)

    def _answers(self) -> bool:
        try:
            body = {"max_results": 1}
            return "experiments" in self.caller().post("experiments/search", body)
        except (OSError, http.client.HTTPException, AssertionError):
            return False

    def _processes(self) -> list[int]:
        assert self.process is not None
        found, parents = [self.process.pid], _parents()
        for pid in found:
            found.extend(child for child, parent in parents.items() if parent == pid)
        return found


class Caller:
    """One client with one connection that stays open."""

    def __init__(self, peer: Peer) -> None:
        self._headers = {"Content-Type": "application/json", **peer.headers}
        self._connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=300)

    def connect(self) -> None:
        """Anew: a server closes what was silent for some seconds, while others had their turn."""
        self._connection.close()
        self._connection.connect()

    def get(self, path: str, **query: Any) -> Any:
        return json.loads(self.raw("GET", _address(path) + "?" + urlencode(query, doseq=True)))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return json.loads(self.raw("POST", _address(path), json.dumps(body).encode()) or b"{}")

    def raw(self, method: str, address: str, body: bytes | None = None) -> bytes:
        headers = self._headers
        if method == "PUT":
            headers = {**headers, "Content-Type": "application/octet-stream"}
        self._connection.request(method, address, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, (method, address, answer.status, content[:300])
        return content


# What mlflow's own server starts unless told otherwise.
MLFLOW_WORKERS = 4


def ours(folder: Path, socket: Path, port: int) -> Peer:
    """Model Status with a process per core, as for any PostgreSQL, one person and a key."""
    variables = {
        "DJANGO_SETTINGS_MODULE": "registry_site.settings",
        "MODEL_STATUS_DATA_DIR": str(folder / "data"),
        "MODEL_STATUS_LOG": "file",
        "MODEL_STATUS_LOG_LEVEL": "WARNING",
        "MODEL_STATUS_WORKERS": str(min(os.cpu_count() or 1, MLFLOW_WORKERS)),
        "DATABASE_URL": f"postgresql://postgres@/ours?host={socket}",
        "PORT": str(port),
        "PYTHONPATH": str(ROOT),
    }
    folder.mkdir(exist_ok=True)

    def manage(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env={**os.environ, **variables},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    manage("migrate", "-v", "0")
    manage("create_user", "bench", "--role", "admin")
    key = manage("create_api_key", "--user", "bench")
    command = [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(port)]
    headers = {"Authorization": f"Bearer {key}"}
    return Peer("Model Status", port, "ours", folder, command, variables, headers)


def mlflow(folder: Path, socket: Path, port: int) -> Peer:
    """mlflow's own server with its default number of workers, handing out files by itself."""
    python = python_of("mlflow-server")
    store = f"postgresql+psycopg2://postgres@/theirs?host={socket}"
    command = [str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", store, "--artifacts-destination", str(folder / "files")]
    return Peer("MLflow", port, "theirs", folder, command, {"MLFLOW_DISABLE_TELEMETRY": "true"})


def fasttrackml(folder: Path, socket: Path, port: int) -> Peer:
    """The rewrite of the tracking server in Go. It has no registry and no logged models."""
    program = HOME / "fasttrackml" / "bin" / "fml"
    store = f"postgres://postgres@/fast?host={socket}"
    command = [str(program), "server", "--listen-address", f"127.0.0.1:{port}"]
    command += ["--database-uri", store, "--default-artifact-root", str(folder / "files")]
    lacks = frozenset({"registry", "files"})
    return Peer("FastTrackML", port, "fast", folder, command, lacks=lacks)


def _address(path: str) -> str:
    return f"/api/2.0/mlflow/{path}"


def _parents() -> dict[int, int]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            found[int(entry.name)] = int(text.rpartition(")")[2].split()[1])
    return found


def _cpu(pid: int) -> float:
    """Time in the program and, for it, in the system; also of children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
