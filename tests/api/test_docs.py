"""The example in docs/api.md, run as it stands."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from apps.accounts.choices import Role
from apps.api.urls import openapi_text
from apps.artifacts.models import LabelHolding
from apps.core.jsontext import parse
from apps.runs.models import Run
from tests import build

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.django_db(transaction=True)
def test_the_example_works(live_server: LiveServer, tmp_path: Path) -> None:
    commands = "\n".join(BLOCK.findall(GUIDE.read_text()))
    key = build.api_key(build.user("curator", role=Role.CURATOR))

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "MODEL_STATUS_URL": live_server.url,
            "MODEL_STATUS_KEY": key,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    holding = LabelHolding.objects.get()
    assert (holding.version.number, holding.reason) == (1, "the first that works")
    assert Run.objects.get().state == "finished"
    row = done.stdout.splitlines()[-1]
    assert row.startswith("1,production,")
    assert ",0.2527,0.013,1000," in row


def test_every_address_is_in_the_guide() -> None:
    text = GUIDE.read_text()
    addresses = parse(openapi_text())["paths"]
    words = {part for one in addresses for part in one.split("/") if part and "{" not in part}

    assert {word for word in words if not re.search(rf"[/`]{word}\b", text)} == set()
