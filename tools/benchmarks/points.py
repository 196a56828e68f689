"""Logging through the API by one and by eight clients, and reading a curve of a million points."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from apps.accounts.models import User
from apps.accounts.services import create_api_key
from tools.benchmarks.pages import in_turns
from tools.benchmarks.world import WHO

BATCH = 1_000
MILLION = 1_000_000
START_SECONDS = 60


@dataclass(frozen=True)
class Target:
    port: int
    key: str
    project: str
    pid: int

    def call(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            return send(connection, self.key, method, self.path(path), body)
        finally:
            connection.close()

    def path(self, path: str) -> str:
        return f"/api/v1/teams/main/projects/{self.project}/{path}"


def send(
    connection: http.client.HTTPConnection, key: str, method: str, path: str, body: object = None
) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body else None
    connection.request(method, path, body=data, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def log(target: Target, run: str, batches: int) -> float:
    """Log batches of BATCH points on one kept connection; gives the seconds it took."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=120)
    bodies = [
        json.dumps(
            {
                "metrics": {
                    "loss": {
                        "steps": list(range(number * BATCH, (number + 1) * BATCH)),
                        "times": [1.8e9 + number * BATCH + i * 0.1 for i in range(BATCH)],
                        "values": [1 / (number * BATCH + i + 1) for i in range(BATCH)],
                    }
                }
            }
        ).encode()
        for number in range(batches)
    ]
    path = target.path(f"runs/{run}/points")
    start = time.perf_counter()
    for body in bodies:
        status, answer = send(connection, target.key, "POST", path, body)
        assert status in (200, 201, 204), (status, answer[:300])
    seconds = time.perf_counter() - start
    connection.close()
    return seconds


def measure(project: str, batches: int, rounds: int) -> None:
    key = create_api_key(user=User.objects.get(username="bench"), name="bench", actor=WHO)
    with served(key, project) as target:
        for clients in (1, 8):
            runs = [start_run(target) for _ in range(clients)]
            with ProcessPoolExecutor(clients) as pool:
                start = time.perf_counter()
                jobs = [pool.submit(log, target, run, batches) for run in runs]
                for job in jobs:
                    job.result()
                seconds = time.perf_counter() - start
            points = clients * batches * BATCH
            print(
                f"logging by {clients} client{'s' if clients > 1 else ''}: "
                f"{points / seconds:,.0f} points a second ({points:,} in batches of {BATCH:,})",
                flush=True,
            )
        run = start_run(target)
        log(target, run, MILLION // BATCH)
        path = f"runs/{run}/series/loss?points=1000"
        sampled, nothing = in_turns(
            lambda: target.call("GET", path), lambda: target.call("GET", f"runs/{run}"), rounds
        )
        status, body = target.call("GET", path)
        assert status == 200, body[:300]
        print(
            f"a sampled curve out of {MILLION:,} points: {sampled:.1f} ms, "
            f"{len(body) / 1000:.0f} kB (the run alone: {nothing:.1f} ms)",
            flush=True,
        )


def start_run(target: Target) -> str:
    status, body = target.call("POST", "runs", {"name": "bench"})
    assert status == 201, (status, body[:300])
    key: str = json.loads(body)["key"]
    return key


@contextmanager
def served(key: str, project: str) -> Iterator[Target]:
    """The product's own server on a free port of this machine, for as long as it is measured."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "manage.py", "serve", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.DEVNULL)
    target = Target(port, key, project, server.pid)
    try:
        wait_until_ready(target)
        yield target
    finally:
        server.terminate()
        server.wait(30)


def wait_until_ready(target: Target) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if target.call("GET", "")[0] < 500:
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise RuntimeError(f"The server did not answer within {START_SECONDS} s.")
        time.sleep(0.1)
