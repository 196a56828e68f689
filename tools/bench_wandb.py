"""`make bench-wandb`: what the real W&B client costs and gets here, each figure beside a bound.

    make bench-wandb ARGS="--database sqlite --megabytes 1024 --rounds 5"

- the quickstart against the same quickstart in the client's offline mode, in turns: no server can
  be faster than none;
- rows a second taken in from one run and from eight at once, and what the server did for them;
- a run of 100,000 steps: until it is all stored, and until its page with the curve is there;
- an artifact version up and down against a bare copy of the same bytes over HTTP, in turns.

Ratios compare things measured in turns in one process; absolute times say more about the machine.
"""

import argparse
import hashlib
import http.client
import http.server
import os
import re
import shutil
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests.clients.installation import Installation, Seat, Visitor  # noqa: E402
from tools import clients  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
PIECE = 1024 * 1024
# Only the time of what is measured is printed: a client takes seconds to be imported.
LOG_ROWS = """
import sys, time
import wandb
rows = int(sys.argv[1])
run = wandb.init(project="bench", settings=wandb.Settings(console="off", x_disable_stats=True))
began = time.perf_counter()
for step in range(rows):
    run.log({"loss": 1 / (step + 1), "acc": step / rows, "lr": 0.1, "epoch": step // 100})
run.finish()
print("took", time.perf_counter() - began, run.id)
"""
UPLOAD = """
import sys, time
import wandb
settings = wandb.Settings(console="off", x_disable_stats=True)
with wandb.init(project="bench", settings=settings) as run:
    began = time.perf_counter()
    artifact = wandb.Artifact("large", type="model")
    artifact.add_file(sys.argv[1], policy="immutable", skip_cache=True)
    run.log_artifact(artifact)
    artifact.wait()
    print("took", time.perf_counter() - began, artifact.version)
"""
DOWNLOAD = """
import shutil, sys, time
import wandb
artifact = wandb.Api().artifact(sys.argv[1])
began = time.perf_counter()
artifact.download(root=sys.argv[2], skip_cache=True)
print("took", time.perf_counter() - began)
"""


@dataclass
class Used:
    """What a group of processes has used so far."""

    cpu_seconds: float
    memory_bytes: int


class Bench:
    """One installation and a client for it."""

    def __init__(self, installation: Installation, seat: Seat, python: Path, folder: Path) -> None:
        self.installation = installation
        self.seat = seat
        self.python = python
        self.folder = folder

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "WANDB_BASE_URL": self.installation.url,
            "WANDB_API_KEY": self.seat.key,
            "WANDB_SILENT": "true",
        }
        return subprocess.Popen(
            [str(self.python), *arguments],
            cwd=self.folder,
            env=environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def seconds_of(self, *arguments: str, **variables: str) -> float:
        """Wall time of a whole client process."""
        began = time.perf_counter()
        process = self.start(*arguments, **variables)
        output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"the client failed:\n{output}")
        return time.perf_counter() - began

    def used(self) -> Used:
        """Processor time and memory of the server, its workers included."""
        process = self.installation.server.process
        assert process
        cpu = memory = 0
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                status = (folder / "status").read_text()
            except OSError:
                continue
            if int(fields[2]) != process.pid:
                continue
            cpu += int(fields[11]) + int(fields[12])
            found = re.search(r"VmRSS:\s+(\d+) kB", status)
            memory += int(found[1]) * 1024 if found else 0
        return Used(cpu / TICKS, memory)


def main() -> int:
    options = read_options()
    if not clients.bring(options.client):
        return 2
    python = clients.python_of(options.client)
    for database in options.database:
        with tempfile.TemporaryDirectory(prefix="model-status-bench-") as name:
            print(f"\n=== {options.client} on {database}", flush=True)
            folder = Path(name)
            with with_database(database, folder) as variables:
                measure(Installation(folder / "data", variables), python, folder, options)
    return 0


@contextmanager
def with_database(database: str, folder: Path) -> Iterator[dict[str, str]]:
    """What an installation has to be told about its database."""
    if database == "sqlite":
        yield {}
        return
    from tests.postgres import PostgresServer

    server = PostgresServer(folder / "socket")
    server.start()
    try:
        yield {"DATABASE_URL": f"postgresql://postgres@/postgres?host={folder / 'socket'}"}
    finally:
        server.stop()


def measure(
    installation: Installation, python: Path, folder: Path, options: argparse.Namespace
) -> None:
    work = folder / "work"
    work.mkdir()
    installation.start()
    try:
        bench = Bench(installation, installation.seat("curator"), python, work)
        say("server at rest", f"{bench.used().memory_bytes / 1e6:.0f} MB")
        quickstart(bench, options.rounds)
        for runs in (1, 8):
            rows_taken_in(bench, runs, options.rows)
        long_run(bench, options.steps)
        artifact(bench, options.megabytes, options.rounds)
        used = bench.used()
        say("server in the end", f"{used.memory_bytes / 1e6:.0f} MB, {used.cpu_seconds:.0f} s CPU")
    finally:
        installation.kill()


def quickstart(bench: Bench, rounds: int) -> None:
    script = str(ROOT / "tests" / "clients" / "scripts" / "snippet.py")
    # The last line of the quickstart, and the link, need a server.
    offline = bench.folder / "offline.py"
    source = Path(script).read_text()
    offline.write_text(source.replace("run.link_model(path=", "run.log_model(path=").replace(
        ", registered_model_name=", ", name="))  # fmt: skip
    online_seconds, offline_seconds = [], []
    before = bench.used()
    for _ in range(rounds):
        offline_seconds.append(bench.seconds_of(str(offline), WANDB_MODE="offline"))
        online_seconds.append(bench.seconds_of(script))
    cpu = (bench.used().cpu_seconds - before.cpu_seconds) / rounds
    here, bound = map(statistics.median, (online_seconds, offline_seconds))
    say("quickstart", f"{here:.2f} s, offline {bound:.2f} s: {here / bound:.2f} times; "
        f"{cpu * 1000:.0f} ms CPU of the server each")  # fmt: skip


def rows_taken_in(bench: Bench, runs: int, rows: int) -> None:
    before = bench.used()
    processes = [bench.start("-c", LOG_ROWS, str(rows)) for _ in range(runs)]
    outputs = [process.communicate()[0] for process in processes]
    took = max(_took(output) for output in outputs)
    used = bench.used()
    cpu = used.cpu_seconds - before.cpu_seconds
    say(f"rows from {runs} at once", f"{runs * rows / took:,.0f} rows/s, "
        f"{runs * rows / cpu:,.0f} for each second of the server's CPU, "
        f"{used.memory_bytes / 1e6:.0f} MB")  # fmt: skip


def long_run(bench: Bench, steps: int) -> None:
    before = bench.used()
    output, _ = bench.start("-c", LOG_ROWS, str(steps)).communicate()
    took = _took(output)
    cpu = bench.used().cpu_seconds - before.cpu_seconds
    key = output.split()[-1]
    visitor: Visitor = bench.installation.visitor(bench.seat)
    path = f"/{bench.seat.team}/bench/runs/{key}"
    visitor.get(path)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        page = visitor.get(path)
        times.append(time.perf_counter() - began)
    assert "loss" in page
    say(
        f"{steps:,} steps",
        f"stored {took:.1f} s after the first, {cpu:.1f} s CPU; page with the "
        f"curves {statistics.median(times) * 1000:.0f} ms, {len(page) / 1000:.0f} kB",
    )


def artifact(bench: Bench, megabytes: int, rounds: int) -> None:
    up, down, bare_up, bare_down = [], [], [], []
    for number in range(rounds):
        file = bench.folder / f"large-{number}.bin"
        with file.open("wb") as out:
            for _ in range(megabytes):
                out.write(os.urandom(PIECE))
        with bare_server(bench.folder / "bare") as port:
            bare_up.append(_copy_up(port, file))
            bare_down.append(_copy_down(port, bench.folder / "bare-down"))
        output, _ = bench.start("-c", UPLOAD, str(file)).communicate()
        up.append(_took(output))
        name = f"{bench.seat.team}/bench/large:{output.split()[-1]}"
        fetched = bench.folder / "fetched"
        output, _ = bench.start("-c", DOWNLOAD, name, str(fetched)).communicate()
        down.append(_took(output))
        assert _sha256(fetched / file.name) == _sha256(file)
        file.unlink()
        shutil.rmtree(fetched)
    for word, ours, bare in (("up", up, bare_up), ("down", down, bare_down)):
        here, bound = statistics.median(ours), statistics.median(bare)
        say(f"{megabytes} MiB {word}", f"{here:.2f} s ({megabytes / here:,.0f} MiB/s), "
            f"bare copy {bound:.2f} s: {here / bound:.2f} times")  # fmt: skip


class bare_server:  # noqa: N801 (used like a function)
    """Takes and hands out one file over HTTP and does nothing else with it."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __enter__(self) -> int:
        place = self.place

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                left = int(self.headers["Content-Length"])
                with place.open("wb") as out:
                    while left:
                        piece = self.rfile.read(min(PIECE, left))
                        out.write(piece)
                        left -= len(piece)
                    out.flush()
                    os.fsync(out.fileno())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(place.stat().st_size))
                self.end_headers()
                with place.open("rb") as file:
                    shutil.copyfileobj(file, self.wfile, PIECE)

            def log_message(self, *_: object) -> None:
                pass

        self.server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        port: int = self.server.server_address[1]
        return port

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def _copy_up(port: int, file: Path) -> float:
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    with file.open("rb") as body:
        size = str(file.stat().st_size)
        connection.request("PUT", "/", body=body, headers={"Content-Length": size})
        connection.getresponse().read()
    return time.perf_counter() - began


def _copy_down(port: int, to: Path) -> float:
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    with to.open("wb") as out:
        shutil.copyfileobj(connection.getresponse(), out, PIECE)
    return time.perf_counter() - began


def _took(output: str) -> float:
    found = re.search(r"^took ([\d.e+-]+)", output, re.MULTILINE)
    if found is None:
        raise SystemExit(f"the client failed:\n{output}")
    return float(found[1])


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def say(what: str, figures: str) -> None:
    print(f"{what:24} {figures}", flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-wandb", description=__doc__)
    parser.add_argument("--client", default="wandb-0.31")
    parser.add_argument(
        "--database", nargs="+", choices=("sqlite", "postgres"), default=("sqlite", "postgres")
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000, help="of each run")
    parser.add_argument("--steps", type=int, default=100_000, help="of the long run")
    parser.add_argument("--megabytes", type=int, default=256, help="of the artifact version")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
