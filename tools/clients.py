"""The real clients that the tests drive, each in a virtual environment of its own.

    .venv/bin/python tools/clients.py [wandb-0.31 ...]

`requirements/clients/NAME.in` says what belongs in `.venv-clients/NAME`, `NAME.txt` pins it with
hashes. `make test` and the benchmarks call this; it does nothing for one that is as pinned. All of
them take about 1.5 GB on the disk.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tools.bootstrap import say, uv_environment, wanted_stamp  # noqa: E402

PINS = ROOT / "requirements" / "clients"
# What is only measured against: made when a benchmark asks for it.
BENCH_PINS = ROOT / "requirements" / "bench"
HOME = ROOT / ".venv-clients"
STAMP = "installed"


def main() -> int:
    names = sorted(path.stem for path in PINS.glob("*.txt"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*names, []], metavar="NAME", help=str(names))
    missing = [name for name in parser.parse_args().names or names if not bring(name)]
    if missing:
        say("Without these clients, whose tests cannot run: " + ", ".join(missing))
    return 1 if missing else 0


def bring(name: str) -> bool:
    """Whether the environment `name` is there and as pinned, after doing what that takes."""
    folder, pins = HOME / name, pins_of(name)
    if is_ready(name):
        return True
    started = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    say(f"Installing the client {name}")
    made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=False)
    if made.returncode or not _install(python_of(name), pins):
        return False
    (folder / STAMP).write_text(wanted_stamp(pins))
    say(f"Installed in {time.monotonic() - started:.0f} s")
    return True


def is_ready(name: str) -> bool:
    stamp = HOME / name / STAMP
    return stamp.exists() and stamp.read_text() == wanted_stamp(pins_of(name))


def pins_of(name: str) -> Path:
    """The pinned packages of an environment."""
    return next(
        (pins for folder in (PINS, BENCH_PINS) if (pins := folder / f"{name}.txt").exists()),
        PINS / f"{name}.txt",
    )


def python_of(name: str) -> Path:
    return HOME / name / "bin" / "python"


def _install(python: Path, pins: Path) -> bool:
    """With uv where it is and gets through, else with the pip that Python itself brings."""
    ours = Path(sys.executable)
    wanted = ["--quiet", "--require-hashes", "-r", str(pins)]
    if (uv := ours.parent / "uv").exists():
        command = [str(uv), "pip", "install", "--python", str(python), *wanted]
        if subprocess.run(command, env=uv_environment(ours), check=False).returncode == 0:
            return True
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", *wanted]
    bring_pip = [str(python), "-m", "ensurepip", "--default-pip"]
    return all(
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
        for command in (bring_pip, pip)
    )


if __name__ == "__main__":
    sys.exit(main())
