"""Kill the server with -9 while it is written to, again and again, and see that nothing is lost.

    .venv/bin/python tools/crash.py --rounds 200 --database sqlite

Three clients write through the API at once: one logs batches of points, one uploads files and
commits them as artifact versions, one moves the production label to and fro. Each notes what was
acknowledged. At a random moment the server's whole process group is killed; after a restart it is
checked, in the database and through the API, that everything acknowledged is there, that nothing
is there by half, that one version holds the label, and in the end that the audit chain and every
stored file verify. Bounded in rounds; talks to its own server on this machine only.
"""

import argparse
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
BATCH = 50
PROJECT = "/api/v1/teams/main/projects/crash"


@dataclass
class Acknowledged:
    """What clients were told is stored. A write in flight may be stored or not, but not by half."""

    batches: set[int] = field(default_factory=set)
    artifacts: dict[int, str] = field(default_factory=dict)  # version number: content digest
    holder: int | None = None
    in_flight: int | None = None
    refused: list[str] = field(default_factory=list)


class Server:
    """The product's own server in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "manage.py", "serve"]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.request("GET", "/healthz")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        raise RuntimeError(f"The server did not start; see {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)

    def request(
        self, method: str, path: str, *, key: str = "", body: object = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/octet-stream"
        elif body is not None:
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class Clients:
    """Three writers that stop when the server is gone."""

    def __init__(self, server: Server, key: str, run: str) -> None:
        self.server = server
        self.key = key
        self.run = run
        self.known = Acknowledged()
        self.is_over = threading.Event()
        self.answers = 0
        self.next_batch = 0
        self.next_file = 0

    def write_until(self, answers: int) -> None:
        """All three at once; the server is killed after so many answers, and a moment."""
        wanted = self.answers + answers
        self.is_over.clear()
        writers = (self.log_points, self.upload, self.promote)
        threads = [threading.Thread(target=self._until_gone, args=(one,)) for one in writers]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 30
        while self.answers < wanted and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.05))
        self.server.kill()
        self.is_over.set()
        for thread in threads:
            thread.join(60)

    def _until_gone(self, write: Callable[[], None]) -> None:
        try:
            while not self.is_over.is_set():
                write()
        except (OSError, http.client.HTTPException):
            return

    def send(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        status, answer = self.server.request(method, PROJECT + path, key=self.key, body=body)
        self.answers += 1
        if status >= 400 and status != 503:
            self.known.refused.append(f"{method} {path}: {status} {answer[:200]!r}")
        return status, answer

    def log_points(self) -> None:
        """Batch k is the steps k*BATCH up to (k+1)*BATCH, each with the value k."""
        number = self.next_batch
        self.next_batch += 1
        steps = list(range(number * BATCH, (number + 1) * BATCH))
        columns = {"steps": steps, "values": [number] * BATCH}
        body = {"metrics": {"loss": columns}}
        if self.send("POST", f"/runs/{self.run}/points", body)[0] < 300:
            self.known.batches.add(number)

    def upload(self) -> None:
        self.next_file += 1
        data = random.Random(self.next_file).randbytes(20_000)
        digest = hashlib.sha256(data).hexdigest()
        if self.send("PUT", f"/content/{digest}", data)[0] >= 300:
            return
        files = [{"path": "model.bin", "digest": digest}]
        body = {"type": "model", "collection": "model", "files": files}
        status, answer = self.send("POST", "/artifacts", body)
        if status < 300:
            self.known.artifacts[json.loads(answer)["version"]] = digest

    def promote(self) -> None:
        numbers = sorted(self.known.artifacts)[-10:]
        choices = [number for number in numbers if number != self.known.holder]
        if not choices:
            time.sleep(0.02)
            return
        self.known.in_flight = random.choice(choices)
        body = {"version": self.known.in_flight, "reason": "crash test"}
        if self.send("PUT", "/models/model/labels/production", body)[0] < 300:
            self.known.holder = self.known.in_flight
            self.known.in_flight = None


def check(clients: Clients, run: int) -> list[str]:
    """What is wrong after a restart; empty when all is well."""
    from django.db import connections

    from apps.artifacts.choices import ArtifactState
    from apps.artifacts.models import ArtifactVersion, LabelHolding, Version
    from apps.audit.verification import verify_chain
    from apps.series.choices import SeriesKind
    from apps.series.queries import read

    known = clients.known
    wrong = list(known.refused)
    points = read(owner_id=run, kind=SeriesKind.METRIC, key="loss")
    stored: dict[int, int] = {}
    for step, value in zip(points.steps, points.values, strict=True):
        if int(step) // BATCH != int(value):
            wrong.append(f"step {step} has the value {value}")
        stored[int(value)] = stored.get(int(value), 0) + 1
    wrong += [f"batch {number} is lost" for number in known.batches - stored.keys()]
    wrong += [f"batch {number} has {n} points" for number, n in stored.items() if n != BATCH]

    versions = Version.objects.filter(collection__name="model").select_related("artifact")
    digests = {
        version.number: version.artifact.files.values_list("blob_id", flat=True).get()
        for version in versions.filter(number__gt=max(known.artifacts, default=0) - 20)
    }
    recent = sorted(known.artifacts)[-10:]
    wrong += [f"v{n} is lost" for n in recent if digests.get(n) != known.artifacts[n]]
    numbers = list(versions.order_by("number").values_list("number", flat=True))
    if numbers != list(range(1, len(numbers) + 1)):
        wrong.append("the version numbers have a gap")
    if missing := known.artifacts.keys() - set(numbers):
        wrong.append(f"versions {sorted(missing)} are lost")
    if ArtifactVersion.objects.filter(state=ArtifactState.PENDING).exists():
        wrong.append("an artifact is there by half")
    for number in recent[-2:]:
        status, data = clients.server.request(
            "GET",
            f"{PROJECT}/artifacts/{versions.get(number=number).artifact.key}/files/model.bin",
            key=clients.key,
        )
        if status != 200 or hashlib.sha256(data).hexdigest() != known.artifacts[number]:
            wrong.append(f"the file of v{number} cannot be downloaded whole: {status}")

    held = LabelHolding.objects.filter(held_until=None, label="production")
    holders = list(held.values_list("version__number", flat=True))
    allowed = {known.holder, known.in_flight}
    if len(holders) > 1 or (holders and holders[0] not in allowed):
        wrong.append(f"production is held by {holders}, expected one of {allowed}")
    if known.holder is not None and not holders:
        wrong.append("nobody holds production")
    known.holder = holders[0] if holders else None
    known.in_flight = None
    broken = verify_chain()
    if broken is not None:
        wrong.append(f"the audit chain breaks at {broken}")
    # What was stored without an answer counts as known from here on: it must not vanish later.
    known.batches |= stored.keys()
    connections.close_all()
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="model-status-crash-") as name:
        folder = Path(name)
        os.environ["DJANGO_SETTINGS_MODULE"] = "registry_site.settings"
        os.environ["MODEL_STATUS_DATA_DIR"] = str(folder / "data")
        os.environ["MODEL_STATUS_LOG"] = "file"
        os.environ["DATABASE_URL"] = ""
        database = None
        if options.database == "postgres":
            from tests.postgres import PostgresServer

            database = PostgresServer(folder / "socket")
            database.start()
            address = f"postgresql://postgres@/postgres?host={folder / 'socket'}"
            os.environ["DATABASE_URL"] = address
        try:
            return crash(folder, options.rounds)
        finally:
            if database is not None:
                database.stop()


def crash(folder: Path, rounds: int) -> int:
    import django

    django.setup()
    from django.core.management import call_command

    from apps.accounts.choices import Role
    from apps.accounts.services import create_api_key, create_user
    from apps.audit.actors import Actor
    from apps.projects.access import system_access
    from apps.projects.services import create_project
    from apps.runs.services import RunDescription, start_run

    call_command("migrate", verbosity=0)
    actor = Actor.system("crash test")
    user = create_user(username="crash", role=Role.ADMIN, actor=actor)
    team = user.memberships.get().team
    project = create_project(name="crash", access=system_access(team, actor))
    access = system_access(team, actor, project)
    run = start_run(description=RunDescription(name="crash"), access=access)
    key = create_api_key(user=user, name="crash", actor=actor)
    server = Server(folder)
    clients = Clients(server, key, run.key)
    server.start()
    try:
        failed = kill_and_check(clients, run.pk, rounds)
    finally:
        server.kill()
    for command in ("verify_content", "verify_audit"):
        done = subprocess.run(
            [sys.executable, "manage.py", command],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        # An upload that was cut off between its bytes and its row leaves bytes that nobody was
        # promised; garbage collection removes them.
        found = [line for line in done.stdout.splitlines() if "bytes without a row" not in line]
        is_wrong = done.returncode and (command == "verify_audit" or found)
        failed += bool(is_wrong)
        print(f"{command}: {'; '.join(found) or 'nothing but leftovers of uploads'}", flush=True)
    print("nothing acknowledged was lost" if not failed else "SOMETHING WAS LOST", flush=True)
    return 1 if failed else 0


def kill_and_check(clients: Clients, run: int, rounds: int) -> int:
    """The rounds; gives in how many of them something was wrong."""
    failed = 0
    for number in range(1, rounds + 1):
        clients.write_until(random.randint(1, 40))
        clients.server.start()
        wrong = check(clients, run)
        for line in wrong[:10]:
            print(f"round {number}: {line}", flush=True)
        clients.known.refused.clear()
        failed += bool(wrong)
        if number % 20 == 0 or number == rounds:
            print(
                f"{number} kills: {len(clients.known.batches)} batches, "
                f"{len(clients.known.artifacts)} artifact versions acknowledged, "
                f"{failed} rounds with something wrong",
                flush=True,
            )
    return failed


if __name__ == "__main__":
    sys.exit(main())
