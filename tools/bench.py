"""`make bench`: how fast pages, logging and following live runs are, on SQLite and on PostgreSQL.

    make bench ARGS="--versions 10000 --database sqlite --rounds 10"

Each database gets a folder, and for PostgreSQL a server, of its own, and a child process in which
Django is configured for it. Ratios compare two things measured in turns in one process; absolute
times say more about the machine than about us.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
DATABASES = ("sqlite", "postgres")


def main() -> int:
    options = read_options()
    code = 0
    for database in options.database:
        with tempfile.TemporaryDirectory(prefix="model-status-bench-") as name:
            code |= run(database, Path(name), options)
    return code


def run(database: str, folder: Path, options: argparse.Namespace) -> int:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "registry_site.settings",
        "MODEL_STATUS_DATA_DIR": str(folder / "data"),
        "MODEL_STATUS_LOG": "file",
        "DATABASE_URL": "",
        "PYTHONPATH": str(ROOT),
    }
    server = None
    if database == "postgres":
        from tests.postgres import PostgresServer

        server = PostgresServer(folder / "socket")
        server.start()
        environment["DATABASE_URL"] = f"postgresql://postgres@/postgres?host={folder / 'socket'}"
    command = [sys.executable, "-m", "tools.benchmarks", "--rounds", str(options.rounds)]
    command += ["--versions", *map(str, options.versions), "--batches", str(options.batches)]
    command += ["--watch", str(options.watch)]
    try:
        print(f"\n=== {database}", flush=True)
        return subprocess.run(command, check=False, env=environment, cwd=ROOT).returncode
    finally:
        if server is not None:
            server.stop()


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=DATABASES)
    parser.add_argument("--versions", nargs="+", type=int, default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each page")
    parser.add_argument("--batches", type=int, default=60, help="batches of each logging client")
    parser.add_argument("--watch", type=int, default=20, help="seconds that a live run is watched")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
