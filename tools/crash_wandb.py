"""Kill the server with -9 under the real W&B client, again and again, and see that nothing is lost.

    .venv/bin/python tools/crash_wandb.py --kills 100

A script logs rows and artifact versions with the unmodified client. Meanwhile the server's whole
process group is killed at random moments and started again, as often as the script lives; the
client goes on by itself. In the end every row is there once, with its value, the run is finished,
and every artifact version is committed with the digest that the client computed and holds the bytes
that it sent. The client is told by its own settings to wait for less long than it usually does
between two tries. Talks to its own server on this machine only.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests.clients.installation import Installation, Seat  # noqa: E402
from tools import clients  # noqa: E402

SCRIPT = """
import hashlib, json, os, sys, time
import wandb

key, rows, versions, size = sys.argv[1], *map(int, sys.argv[2:])
# As patient as by default, which is 20 tries of up to a minute each, but in shorter steps: a busy
# machine takes a minute to start the server again.
patience = {"retry_wait_min_seconds": 0.2, "retry_wait_max_seconds": 1, "retry_max": 5000}
settings = {f"x_{part}_{name}": value for name, value in patience.items()
            for part in ("graphql", "file_stream", "file_transfer")}
settings["x_file_stream_transmit_interval"] = 0.3
run = wandb.init(project="crash", id=key, settings=wandb.Settings(**settings))
# The first artifact has the client verify its key, at once and without a second try.
first = wandb.Artifact(f"first-{key}", type="note", metadata={"key": key})
run.log_artifact(first).wait()
print("ready", flush=True)
digests = {}
for step in range(rows):
    run.log({"square": step * step, "half": step / 2})
    print("line", step)
    if step % (rows // versions) == 5:
        number = len(digests)
        name = f"part-{number}"
        artifact = wandb.Artifact(f"model-{key}-{number}", type="model")
        with artifact.new_file("big.bin", mode="wb") as file:
            file.write(os.urandom(size))
        for place in range(5):
            with artifact.new_file(f"small-{place}.bin", mode="wb") as file:
                file.write(os.urandom(1000))
        digests[artifact.name] = [artifact.digest,
            {path: entry.digest for path, entry in artifact.manifest.entries.items()}]
        run.log_artifact(artifact)
    time.sleep(0.005)
run.summary["done"] = rows
run.finish()
print(json.dumps(digests))
"""

LOOK = """
import base64, json
from apps.artifacts.models import ArtifactVersion
from apps.content.queries import open_blob
from apps.runs.choices import HISTORY
from apps.runs.history import history_rows
from apps.runs.models import Run
import hashlib
found = {{}}
for key in {keys!r}:
    run = Run.objects.get(key=key)
    rows = history_rows(run)
    made = {{}}
    for artifact in ArtifactVersion.objects.filter(made_by=run, type="model"):
        if artifact.state != "sealed":
            made[f"unsealed-{{artifact.pk}}"] = None
            continue
        place = artifact.versions.get()
        files = {{}}
        for file in artifact.files.select_related("blob"):
            whole = hashlib.md5()
            for piece in open_blob(file.blob_id):
                whole.update(piece)
            files[file.path] = base64.b64encode(whole.digest()).decode()
        made[place.collection.name] = [artifact.client_artifacts.get().digest, files]
    console = list(run.console.order_by("number").values_list("text", flat=True))
    found[key] = [run.state, [[row["_step"], row["square"], row["half"]] for row in rows],
                  made, console]
print(json.dumps(found))
"""


def main() -> int:
    options = read_options()
    chance = random.Random(options.seed)
    python = clients.python_of(options.client)
    if not clients.bring(options.client):
        return 2
    faults: list[str] = []
    kills = sessions = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(
        prefix="model-status-crash-", ignore_cleanup_errors=True
    ) as name:
        installation = Installation(Path(name) / "data", {})
        installation.start()
        seat = installation.seat("editor")
        try:
            while kills < options.kills and time.monotonic() - started < options.seconds:
                key = f"session{sessions}"
                process = start_client(python, installation, seat, key, options, Path(name))
                output = Path(name) / f"{key}.out"
                left = options.kills - kills
                kills += kill_during(process, output, installation, chance, left)
                found = check(process, installation, key, options)
                for fault in found + (said_by_client(Path(name), key) if found else []):
                    print("FAULT:", fault)
                faults += found
                sessions += 1
                print(f"{sessions} runs, {kills} kills, {len(faults)} faults", flush=True)
        finally:
            installation.kill()
    took = time.monotonic() - started
    print(f"{kills} kills in {sessions} runs with {options.client}, {took:.0f} s, "
          f"{len(faults)} faults")  # fmt: skip
    return 1 if faults else 0


def start_client(
    python: Path,
    installation: Installation,
    seat: Seat,
    key: str,
    options: argparse.Namespace,
    folder: Path,
) -> "subprocess.Popen[str]":
    script = folder / "script.py"
    script.write_text(SCRIPT)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "WANDB_BASE_URL": installation.url,
        "WANDB_API_KEY": seat.key,
    }
    numbers = [options.rows, options.versions, options.bytes]
    return subprocess.Popen(
        [str(python), str(script), key, *map(str, numbers)],
        cwd=folder,
        env=environment,
        stdout=(folder / f"{key}.out").open("w"),
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def kill_during(
    process: "subprocess.Popen[str]",
    output: Path,
    installation: Installation,
    chance: random.Random,
    most: int,
) -> int:
    """Kill and restart the server as long as the script runs; how often."""
    kills = 0
    deadline = time.monotonic() + 600
    while process.poll() is None and "\nready\n" not in output.read_text():
        time.sleep(0.1)
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(chance.uniform(0.1, 2.5))
        if process.poll() is not None or kills == most:
            break
        installation.kill()
        kills += 1
        time.sleep(chance.uniform(0, 0.5))
        installation.start()
    try:
        process.wait(300)
    except subprocess.TimeoutExpired:
        process.kill()
    return kills


def check(
    process: "subprocess.Popen[str]",
    installation: Installation,
    key: str,
    options: argparse.Namespace,
) -> list[str]:
    """What is not as it should be, in words."""
    output = (installation.folder.parent / f"{key}.out").read_text()
    if process.returncode != 0:
        return [f"{key}: the client ended with {process.returncode}: {output[-2000:]}"]
    wanted = json.loads([line for line in output.splitlines() if line.startswith("{")][-1])
    state, rows, made, console = json.loads(installation.python(LOOK.format(keys=[key])))[key]
    faults = []
    if state != "finished":
        faults.append(f"{key}: the run is {state}")
    expected = [[step, step * step, step / 2] for step in range(options.rows)]
    if rows != expected:
        faults.append(f"{key}: {len(rows)} rows instead of {len(expected)}, or others")
    if made != {name.partition(":")[0]: value for name, value in wanted.items()}:
        faults.append(f"{key}: the artifact versions differ: {made} instead of {wanted}")
    lines = [text for text in console if text.startswith("line ")]
    if lines != [f"line {step}" for step in range(options.rows)]:
        faults.append(f"{key}: {len(lines)} lines of output instead of {options.rows}, or others")
    return faults


def said_by_client(folder: Path, key: str) -> list[str]:
    """What the client took for an error during a run, which tells whether it gave up and why."""
    return [
        f"{key}: the client says {line[:1000]}"
        for log in sorted(folder.glob(f"wandb/run-*-{key}/logs/debug-internal.log"))
        for line in log.read_text(errors="replace").splitlines()
        if '"level":"ERROR' in line
    ]


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", default="wandb-0.31")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=1800, help="start no run after these")
    parser.add_argument("--rows", type=int, default=3000, help="of each run")
    parser.add_argument("--versions", type=int, default=4, help="artifact versions of each run")
    parser.add_argument("--bytes", type=int, default=8_000_000, help="the large file of a version")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
