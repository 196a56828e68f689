"""`make run` on a machine where something is missing says what, and what to do."""

import ast
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tools" / "bootstrap.py"
pytestmark = pytest.mark.once


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", SOURCE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the bootstrap and pins of its own."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "requirements").mkdir()
    shutil.copy(SOURCE, tmp_path / "tools")
    for name in ("run", "dev", "uv"):
        pin = f"no-such-package-{name}==1.0 --hash=sha256:{'0' * 64}\n"
        (tmp_path / "requirements" / f"{name}.txt").write_text(pin)
    return tmp_path


def run(checkout: Path, task: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Without any package index: pip looks at an empty folder only."""
    return subprocess.run(
        [sys.executable, str(checkout / "tools" / "bootstrap.py"), task],
        env={"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
        | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_old_python_can_read_it() -> None:
    ast.parse(SOURCE.read_text(), feature_version=(3, 7))


def test_it_needs_the_standard_library_only() -> None:
    tree = ast.parse(SOURCE.read_text())
    modules = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules <= sys.stdlib_module_names


def test_a_python_that_is_too_old_is_named(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer"):
        bootstrap.require_python()


def test_a_taken_port_is_found_before_the_installation(checkout: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(checkout, "run", PORT=str(port))

    assert done.returncode == 1
    assert f"127.0.0.1:{port} cannot be used" in done.stderr
    assert f"make run PORT={port + 1}" in done.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(checkout: Path, port: str) -> None:
    done = run(checkout, "run", PORT=port)
    assert done.returncode == 1
    assert "PORT must be a number" in done.stderr


@pytest.mark.slow
def test_no_network_is_said_and_a_broken_venv_is_made_anew(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to("/nonexistent/python3")

    done = run(checkout, "install")

    assert done.returncode == 1
    assert "Making .venv anew: it is broken" in done.stdout
    assert "the packages could not be installed" in done.stderr
    assert "PIP_INDEX_URL" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_venv_without_pip_is_named(checkout: Path) -> None:
    """As Debian's Python makes it when its package for virtual environments is missing."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exec "{sys.executable}" "$@"\nexit 1\n')
    python.chmod(0o755)

    done = run(checkout, "install")

    assert done.returncode == 1
    assert f"there is no pip in {checkout / '.venv'}" in done.stderr
    assert "python3-venv" in done.stderr
    assert "package index" not in done.stderr
    assert python.exists()


def test_a_second_start_installs_nothing(checkout: Path, bootstrap: ModuleType) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    pins = checkout / "requirements" / "dev.txt"
    stamp = checkout / ".venv" / "installed-dev"
    stamp.write_text(bootstrap.wanted_stamp(pins))

    done = run(checkout, "install")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_changed_pins_are_installed(checkout: Path, bootstrap: ModuleType) -> None:
    pins = checkout / "requirements" / "run.txt"
    before = bootstrap.wanted_stamp(pins)
    pins.write_text("another==2.0\n")
    assert bootstrap.wanted_stamp(pins) != before


def test_an_unknown_task_shows_the_known_ones(checkout: Path) -> None:
    done = run(checkout, "frobnicate")
    assert done.returncode == 1
    assert "usage: bootstrap.py run|test|check|bench|" in done.stderr


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_make_help_lists_the_targets() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {line.split()[0] for line in done.stdout.splitlines()} >= {
        "run",
        "test",
        "check",
        "bench",
    }
