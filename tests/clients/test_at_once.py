"""Several clients that do the same thing at the same moment, on a real server with its workers."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any, TypeVar

import pytest

from apps.accounts.models import User
from tests.clients.installation import Installation
from tests.wandb.artifact_client import Logging, manifest_text, md5_of
from tests.wandb.conftest import Caller
from tests.wandb.documents import UPSERT

pytestmark = pytest.mark.slow

CLIENTS = 6
Result = TypeVar("Result")
LOOK = """
import json
from apps.accounts.models import Team
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.audit.models import Event
from apps.runs.models import Run
team = {team!r}
mine = {{"project__team__name": team}}
collections = Collection.objects.filter(**mine)
versions = Version.objects.filter(collection__in=collections).order_by("number")
print(json.dumps([
    collections.count(),
    list(versions.values_list("number", flat=True)),
    versions.values("artifact").distinct().count(),
    ArtifactVersion.objects.filter(state="pending", **mine).count(),
    sorted(Run.objects.filter(**mine).values_list("key", flat=True)),
    Event.objects.filter(kind="run.started", team_id=Team.objects.get(name=team).pk).count(),
]))
"""


@dataclass
class Answer:
    status_code: int
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Remote(Caller):
    """A caller of a server elsewhere; the user is named like the team, and in no database."""

    installation: Installation

    def send(self, document: str, **variables: Any) -> Answer:
        body = json.dumps({"query": document, "variables": variables, "operationName": ""})
        headers = {**self.headers, "Content-Type": "application/json"}
        return _sent(f"{self.installation.url}/graphql", "POST", body.encode(), headers)

    def put(self, address: str, data: bytes) -> None:
        assert _sent(address, "PUT", data, {}).status_code == 200


@dataclass
class Seen:
    """What a team has in its projects."""

    collections: int
    numbers: list[int]
    artifacts: int
    pending: int
    runs: list[str]
    runs_started: int


@pytest.fixture
def remote(installation: Installation) -> Remote:
    seat = installation.seat("editor")
    return Remote(User(username=seat.team), seat.key, installation)


def test_a_new_collection_numbers_what_all_commit_at_once(remote: Remote) -> None:
    def commit(number: int, gather: Callable[[], object]) -> None:
        logging = _logging(remote, f"content {number}")
        gather()
        artifact_id = _sent_whole(remote, logging)
        gather()
        logging.commit(artifact_id)

    _all_at_once(commit)

    seen = _look(remote)
    assert seen.collections == 1
    assert seen.numbers == list(range(CLIENTS))
    assert (seen.artifacts, seen.pending) == (CLIENTS, 0)


def test_the_same_content_becomes_one_version(remote: Remote) -> None:
    def commit(number: int, gather: Callable[[], object]) -> None:
        logging = _logging(remote, "the same")
        gather()
        artifact_id = _sent_whole(remote, logging)
        gather()
        logging.commit(artifact_id)

    _all_at_once(commit)

    seen = _look(remote)
    assert (seen.numbers, seen.artifacts, seen.pending) == ([0], 1, 0)


def test_a_client_that_asks_twice_at_once_is_given_the_same(remote: Remote) -> None:
    """As after a connection that broke while the server was still at work."""
    logging = _logging(remote, "content")

    def ask(number: int, gather: Callable[[], object]) -> str:
        gather()
        artifact_id = str(logging.create()["id"])
        gather()
        if number == 0:
            _sent_whole(remote, logging)
        gather()
        logging.commit(artifact_id)
        return artifact_id

    found = _all_at_once(ask)

    seen = _look(remote)
    assert len(set(found)) == 1
    assert (seen.numbers, seen.artifacts, seen.pending) == ([0], 1, 0)


def test_runs_of_the_same_names_are_made_once(remote: Remote) -> None:
    def start(number: int, gather: Callable[[], object]) -> list[bool]:
        made = []
        for name in ("first", "second"):
            gather()
            team = remote.user.username
            found = remote.ask(UPSERT, name=name, project="digits", entity=team, config="{}")
            made.append(found["upsertBucket"]["inserted"])
        return made

    found = _all_at_once(start)

    seen = _look(remote)
    assert [sum(made) for made in zip(*found, strict=True)] == [1, 1]
    assert seen.runs == ["first", "second"]
    assert seen.runs_started == 2


def _all_at_once(act: Callable[[int, Callable[[], object]], Result]) -> list[Result]:
    """Run it for each client in a thread; what it calls waits until all of them have called it."""
    barrier = Barrier(CLIENTS, timeout=120)
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(lambda number: act(number, barrier.wait), range(CLIENTS)))


def _logging(remote: Remote, text: str) -> Logging:
    return Logging(remote, "net", {"a.txt": text.encode()}, entity=remote.user.username)


def _sent_whole(remote: Remote, logging: Logging) -> str:
    """Everything but the commit; the id."""
    artifact_id = str(logging.create()["id"])
    for node, data in zip(logging.ask_files(artifact_id), logging.files.values(), strict=True):
        if node["uploadUrl"] is not None:
            remote.put(node["uploadUrl"], data)
    text = manifest_text(logging.contents)
    remote.put(logging.announce(artifact_id, md5_of(text))["file"]["uploadUrl"], text)
    return artifact_id


def _look(remote: Remote) -> Seen:
    printed = remote.installation.python(LOOK.format(team=remote.user.username))
    return Seen(*json.loads(printed.splitlines()[-1]))


def _sent(address: str, method: str, body: bytes, headers: dict[str, str]) -> Answer:
    request = urllib.request.Request(address, body, headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 (our own server)
            return Answer(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read())
