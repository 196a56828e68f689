"""An installation for the real clients: its server, its people, its pages, its database.

The suite's database decides: SQLite with content in the data folder, or PostgreSQL with content in
S3. A client is told where the server is and its key, as a person would tell it, and nothing else.
"""

import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Any

from tests.serving import ROOT, Server

SCRIPTS = Path(__file__).resolve().parent / "scripts"
# Clients wait and retry by themselves; on a busy machine one script takes a while.
CLIENT_SECONDS = 240
_numbers = count(1)

MAKE_SEATS = """
import json, sys
from apps.accounts.choices import Role, Scope
from apps.accounts.models import User
from apps.accounts.services import create_api_key, create_user
from apps.audit.actors import Actor
actor = Actor.system("tests")
for name, role, team in {wanted!r}:
    user = create_user(username=name, role=Role(role), team_name=team, actor=actor)
    print(create_api_key(user=user, name="tests", scope=Scope.WRITE, actor=actor))
"""


@dataclass
class Seat:
    """A person with a role in a team, and the key that their scripts use."""

    team: str
    user: str
    key: str


@dataclass
class Ran:
    """What a client script did: its exit code, what it printed, and the value it gave back."""

    code: int
    output: str
    answer: Any = None


class Installation:
    """A running server with a data folder, a database and a content store of its own."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self.variables = dict(variables)
        self.server = Server(folder)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def start(self) -> None:
        """Migrate and serve; returns when the server answers."""
        self.server.start("--local", **self.variables)
        self.server.wait_until_ready()

    def kill(self) -> None:
        self.server.kill()

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py beside the server; what it printed."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.server.environment(self.variables),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def python(self, code: str) -> str:
        """Run some lines with the installation's Django; what they printed."""
        return self.manage("shell", "-v", "0", "-c", code)

    def seats(self, *roles: str, team: str = "") -> list[Seat]:
        """People with these roles in one team, a new one if it is not named."""
        team = team or f"team-{os.getpid()}-{next(_numbers)}"
        names = [f"{role}-{os.getpid()}-{next(_numbers)}" for role in roles]
        wanted = [(name, role, team) for name, role in zip(names, roles, strict=True)]
        keys = self.python(MAKE_SEATS.format(wanted=wanted)).splitlines()
        return [Seat(team, name, key) for name, key in zip(names, keys, strict=True)]

    def seat(self, role: str = "curator", team: str = "") -> Seat:
        return self.seats(role, team=team)[0]

    def visitor(self, seat: Seat) -> "Visitor":
        """A browser without scripts in which the person has signed in."""
        visitor = Visitor(self.url)
        visitor.sign_in(self.manage("login_link", "--user", seat.user))
        return visitor


@dataclass
class Visitor:
    """Reads pages as somebody who is signed in."""

    url: str
    cookies: http.cookiejar.CookieJar = field(default_factory=http.cookiejar.CookieJar)

    def sign_in(self, link: str) -> None:
        path = urllib.parse.urlsplit(link).path
        page = self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, page
        self.post(path, csrfmiddlewaretoken=token[1])

    def get(self, path: str) -> str:
        """The page at `path`, without the places where words may be broken; only 200 will do."""
        page = self._open(urllib.request.Request(self.url + path)).decode()  # noqa: S310
        return page.replace("<wbr>", "")

    def download(self, path: str) -> bytes:
        return self._open(urllib.request.Request(self.url + path))  # noqa: S310

    def post(self, path: str, **fields: str) -> str:
        body = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(  # noqa: S310 (our own server)
            self.url + path, data=body, headers={"Origin": self.url}
        )
        return self._open(request).decode()

    def _open(self, request: urllib.request.Request) -> bytes:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        try:
            with opener.open(request, timeout=60) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise AssertionError(f"{request.full_url}: {error.code}\n{text[:2000]}") from None


@dataclass
class Client:
    """The Python of a client's environment, ready to run scripts as somebody."""

    name: str
    python: Path
    installation: Installation
    # Where scripts run, and the home folder they see: nothing of the person at the machine.
    folder: Path

    def run(self, script: str, seat: Seat, *arguments: str, **variables: str) -> Ran:
        """Run `scripts/SCRIPT.py`; it must end well. `answer` is the last line that is JSON."""
        ran = self.attempt(script, seat, *arguments, **variables)
        assert ran.code == 0, f"{script} with {self.name} ended with {ran.code}:\n{ran.output}"
        ran.answer = _last_json(ran.output)
        return ran

    def attempt(self, script: str, seat: Seat, *arguments: str, **variables: str) -> Ran:
        """Run a script that may fail."""
        return self.command(
            [str(self.python), str(SCRIPTS / f"{script}.py"), *arguments], seat, **variables
        )

    def command(self, command: list[str], seat: Seat, **variables: str) -> Ran:
        """Run any program of the environment."""
        # Into a file: helpers of a client that outlive it would keep a pipe open, and us waiting.
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(seat) | variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                process.wait(CLIENT_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise AssertionError(f"{command[1:]} hangs:\n{_all_of(output)}") from None
            return Ran(process.returncode, _all_of(output))

    def environment(self, seat: Seat) -> dict[str, str]:
        ours = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        if self.name.startswith("wandb"):
            return ours | {
                "WANDB_BASE_URL": self.installation.url,
                "WANDB_API_KEY": seat.key,
                # Its own helper may take longer to start on a busy machine than it waits by itself.
                "WANDB__SERVICE_WAIT": str(CLIENT_SECONDS),
            }
        return ours | {
            "MLFLOW_TRACKING_URI": self.installation.url,
            "MLFLOW_TRACKING_TOKEN": seat.key,
        }


def _last_json(output: str) -> Any:
    """The client may print more after the script has."""
    for line in reversed(output.splitlines()):
        if line.startswith(("{", "[")):
            with suppress(ValueError):
                return json.loads(line)
    return None


def _all_of(output: IO[str]) -> str:
    output.seek(0)
    return output.read()
