"""`make run`, `make test`, `make check`, `make bench` on a machine with only Python and make.

Standard library only, and kept to what Python 3.7 can read, so that an old Python gets as far as
being told so. It makes .venv, installs exactly the pinned packages into it (quickly, with uv; or
with pip where uv cannot), and leaves a stamp so that the next start skips all of that.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
NEWER_NAMES = ("python3.13", "python3.12", "python3.11")
UV_PIN = ROOT / "requirements" / "uv.txt"

# What `check` runs: a name to report, and the command in the venv.
CHECKS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
    "templates": ["djade", "--check", "--target-version", "5.2"],
    "migrations": ["python", "manage.py", "makemigrations", "--check", "--dry-run"],
    "django": ["python", "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
}


def say(text: str) -> None:
    print("==> " + text, flush=True)


def stop(text: str) -> NoReturn:
    sys.exit("\nmake cannot go on: " + text)


def main(task: str, arguments: list[str]) -> int:
    os.chdir(str(ROOT))
    require_python()
    if task == "run":
        refuse_taken_port()
        install("run")
        environment = dict(os.environ, MODEL_STATUS_LOG=os.environ.get("MODEL_STATUS_LOG", "file"))
        command = [str(PYTHON), "manage.py", "serve", "--local"]
        os.execve(command[0], command, environment)  # noqa: S606
    install("dev")
    return TASKS[task](arguments)


def require_python() -> None:
    """Go on under a newer Python if this one is too old and there is one."""
    if sys.version_info >= OLDEST:
        return
    for name in NEWER_NAMES:
        path = shutil.which(name)
        if path:
            os.execv(path, [path, *sys.argv])  # noqa: S606
    stop(
        f"Model Status needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.\n"
        "Install a newer one; if it is not on the PATH, name it: make run PYTHON=/path/python3.12"
    )


def refuse_taken_port() -> None:
    """Before the installation, not after it."""
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000"
    if not port.isdigit() or not 0 < int(port) < 65536:
        stop(f"PORT must be a number from 1 to 65535, not {port!r}.")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            stop(
                f"{host}:{port} cannot be used ({error.strerror}).\n"
                f"Stop what runs there, or choose another port: make run PORT={int(port) + 1}"
            )


def install(name: str) -> None:
    """Bring .venv to the pinned set `name`: "run", or "dev", which holds the first one too."""
    pins = ROOT / "requirements" / (name + ".txt")
    stamp = VENV / ("installed-" + name)
    wanted = wanted_stamp(pins)
    if is_sound() and stamp.exists() and stamp.read_text() == wanted:
        return
    started = time.time()
    make_venv()
    bring_pip()
    say(f"Installing the packages of requirements/{pins.name} (a minute or two, once)")
    if not (install_with_uv(pins) or pip_install(pins)):
        stop(
            "the packages could not be installed; the reason stands above.\n"
            "Without a direct way to the package index, set HTTPS_PROXY, or PIP_INDEX_URL to a "
            "mirror, and run it again."
        )
    stamp.write_text(wanted)
    say(f"Installed in {time.time() - started:.0f} s")


def wanted_stamp(pins: Path) -> str:
    return hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()


def is_sound() -> bool:
    """Whether .venv runs the Python that runs us; it breaks when that is removed or replaced."""
    if not PYTHON.exists():
        return False
    test = "import sys; print(sys.version)"
    answer = subprocess.run([str(PYTHON), "-c", test], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == sys.version


def make_venv() -> None:
    if is_sound():
        return
    if VENV.exists():
        say("Making .venv anew: it is broken, or belongs to another Python")
        shutil.rmtree(str(VENV))
    else:
        say(f"Making .venv with Python {sys.version.split()[0]}")
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        shutil.rmtree(str(VENV), ignore_errors=True)
        stop(
            f"Python could not make a virtual environment:\n{done.stdout}{done.stderr}\n"
            "On Debian and Ubuntu install it first: apt install python3-venv"
        )


def bring_pip() -> None:
    """Some tools make a .venv without pip; Python has its own, if nobody cut it out."""
    for command in (["-m", "pip", "--version"], ["-m", "ensurepip", "--default-pip"]):
        done = subprocess.run([str(PYTHON), *command], capture_output=True, check=False)
        if done.returncode == 0:
            return
    stop(
        f"there is no pip in {VENV}, and Python could not put one there.\n"
        "Remove that folder and run it again. On Debian and Ubuntu, first: apt install python3-venv"
    )


def install_with_uv(pins: Path) -> bool:
    """About seven times as fast as pip. False when it cannot be had or does not get through."""
    uv = VENV / "bin" / "uv"
    if not uv.exists() and not pip_install(UV_PIN):
        return False
    command = [str(uv), "pip", "install", "--quiet", "--require-hashes", "--python", str(PYTHON)]
    done = subprocess.run([*command, "-r", str(pins)], env=uv_environment(), check=False)
    if done.returncode:
        say("uv did not get through; trying again with pip, which takes longer")
    return done.returncode == 0


def uv_environment(python: Path = PYTHON) -> dict[str, str]:
    """uv does not read what pip was told about mirrors and certificates, so it is passed on."""
    environment = dict(os.environ, UV_PYTHON_DOWNLOADS="never", UV_NO_PROGRESS="1")
    # As pip does: a version may lie in any of the indexes. The hashes say that it is the right one.
    environment["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    command = [str(python), "-m", "pip", "config", "list"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in answer.stdout.splitlines():
        name, _, value = line.partition("=")
        ours = names.get(name.rpartition(".")[2])
        if ours:
            environment.setdefault(ours, value.strip("'\""))
    return environment


def pip_install(pins: Path) -> bool:
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--require-hashes", "-r", str(pins)]
    return subprocess.run(command + options, check=False).returncode == 0


def in_venv(command: list[str], **variables: str) -> int:
    """Run a program of the venv; its exit code."""
    environment = dict(os.environ, **variables)
    program = str(VENV / "bin" / command[0])
    return subprocess.run([program, *command[1:]], env=environment, check=False).returncode


def test(arguments: list[str]) -> int:
    """The whole suite on SQLite, then on PostgreSQL; TEST_DATABASE chooses one of them."""
    in_venv(["python", "tools/clients.py"])
    chosen = os.environ.get("TEST_DATABASE")
    # One more than cores: tests of browsers and of the real clients wait half of their time.
    workers = str(min((os.cpu_count() or 1) + 1, 4))
    failed = []
    for database in [chosen] if chosen else ["sqlite", "postgres"]:
        say("Testing on " + database)
        command = ["python", "-m", "pytest", "-q", "-n", workers, "--dist", "worksteal"]
        command += ["--durations", "10"]
        if in_venv(command + arguments, TEST_DATABASE=database):
            failed.append(database)
    say("Tests failed on " + " and ".join(failed) if failed else "All tests passed")
    return 1 if failed else 0


def check(arguments: list[str]) -> int:
    failed = []
    templates = sorted(str(path) for path in ROOT.glob("templates/**/*.html"))
    with tempfile.TemporaryDirectory() as folder:
        for name, command in CHECKS.items():
            say("Checking " + name)
            files = templates if name == "templates" else []
            if in_venv(command + files, MODEL_STATUS_DATA_DIR=folder):
                failed.append(name)
    say("Not clean: " + ", ".join(failed) if failed else "Everything is clean")
    return 1 if failed else 0


def bench(arguments: list[str]) -> int:
    return in_venv(["python", "tools/bench.py", *arguments])


def bench_wandb(arguments: list[str]) -> int:
    return in_venv(["python", "tools/bench_wandb.py", *arguments])


def bench_mlflow(arguments: list[str]) -> int:
    return in_venv(["python", "tools/bench_mlflow.py", *arguments])


def pins(arguments: list[str]) -> int:
    """Resolve pyproject.toml, and the clients of tests and benchmarks, anew into requirements/.

    No file may name a package index.
    """
    options = "--universal --python-version 3.11 --generate-hashes --no-emit-index-url"
    shared = ["uv", "pip", "compile", "--quiet", "--upgrade", *options.split()]
    shared += ["--no-annotate", "--no-header"]
    for client in sorted((ROOT / "requirements").glob("*/*.in")):
        if in_venv([*shared, str(client), "-o", str(client.with_suffix(".txt"))]):
            return 1
    shared += ["pyproject.toml"]
    run, dev = "requirements/run.txt", "requirements/dev.txt"
    demo = ["--extra", "s3", "--extra", "demo"]
    code = in_venv(shared + demo + ["-o", run])
    return code or in_venv(shared + demo + ["--extra", "dev", "-c", run, "-o", dev])


TASKS = {
    "test": test,
    "check": check,
    "bench": bench,
    "bench-mlflow": bench_mlflow,
    "bench-wandb": bench_wandb,
    "pins": pins,
    "install": lambda _: 0,
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ["run", *TASKS]:
        sys.exit(f"usage: bootstrap.py run|{'|'.join(TASKS)} [arguments]")
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
