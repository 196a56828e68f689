"""The environments of the clients hold what they are named after, and a server serves them."""

import subprocess

import pytest

from tests.clients.conftest import ClientVenv
from tests.clients.installation import Installation
from tools import clients

pytestmark = pytest.mark.slow


@pytest.mark.once
@pytest.mark.parametrize("name", sorted(path.stem for path in clients.PINS.glob("*.txt")))
def test_a_client_is_of_the_line_it_is_named_after(name: str, client_venv: ClientVenv) -> None:
    package, line = name.split("-")
    code = f"import {package}; print({package}.__version__)"

    done = subprocess.run([client_venv(name), "-c", code], capture_output=True, text=True)

    assert done.stdout.startswith(line + "."), done.stderr


@pytest.mark.once
def test_pins_name_no_place() -> None:
    """Where packages come from is the business of the machine that installs them."""
    pinned = [path.read_text() for path in clients.PINS.glob("*.txt")]
    assert len(pinned) == 5
    assert [text for text in pinned if "file:" in text or "//" in text or "-index" in text] == []


def test_people_get_in(installation: Installation) -> None:
    seat = installation.seat("viewer")
    assert seat.user in installation.visitor(seat).get("/settings")
