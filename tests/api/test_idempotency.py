"""Writes that are sent twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.choices import Role
from apps.accounts.services import set_role
from apps.api.models import IdempotencyRecord
from apps.audit.models import Event
from apps.runs.models import Run
from apps.series.models import Series
from tests import build
from tests.api.conftest import World, caller, refused, rows

KEY = {"Idempotency_Key": "one"}


def test_the_same_answer_and_one_effect(world: World) -> None:
    path = f"{world.project}/runs"

    first = world.editor.post(path, {"name": "a"}, **KEY)
    before = rows()
    again = world.editor.post(path, {"name": "a"}, **KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["Location"] == again.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert rows() == before


def test_points_are_stored_once(world: World) -> None:
    path = f"{world.project}/runs/{world.run.key}/points"
    body = {"rows": [{"step": 1, "values": {"loss": 0.5}}]}

    for _ in range(3):
        assert world.editor.post(path, body, **KEY).json() == {"stored": 1}

    assert Series.objects.get().count == 1


def test_a_key_is_for_one_request(world: World) -> None:
    path = f"{world.project}/runs"
    world.editor.post(path, {"name": "a"}, **KEY)
    before = rows()

    body = refused(world.editor.post(path, {"name": "b"}, **KEY), 409)
    assert body["code"] == "idempotency_key_reused"
    refused(world.editor.post("/projects", {"name": "a"}, **KEY), 409)
    assert rows() == before


def test_a_key_is_ones_own(world: World) -> None:
    path = f"{world.project}/runs"

    first = world.editor.post(path, {"name": "a"}, **KEY).json()
    other = world.curator.post(path, {"name": "a"}, **KEY).json()

    assert first["key"] != other["key"]


def test_a_refusal_is_not_remembered(world: World) -> None:
    path = f"{world.project}/models/candidates/labels/staging"
    before = rows()
    refused(world.editor.put(path, {"version": 1, "expected": 2}, **KEY), 409)
    assert rows() == before

    assert world.editor.put(path, {"version": 2}).status_code == 200
    assert world.editor.put(path, {"version": 1, "expected": 2}, **KEY).status_code == 200


def test_a_replay_is_for_those_who_may_still(world: World) -> None:
    world.editor.post(f"{world.project}/runs", {"name": "a"}, **KEY)
    set_role(user=world.editor.user, team=build.team(), role=Role.VIEWER, actor=build.SYSTEM)

    refused(world.editor.post(f"{world.project}/runs", {"name": "a"}, **KEY), 403)


@pytest.mark.parametrize("key", ["", "x" * 256, "clé", "a\tb"])
def test_keys_that_are_none(world: World, key: str) -> None:
    before = rows()

    answer = world.editor.post(f"{world.project}/runs", {}, Idempotency_Key=key)

    refused(answer, 400, "Idempotency-Key")
    assert rows() == before


def test_after_a_day_it_is_forgotten(world: World) -> None:
    path = f"{world.project}/runs"
    first = world.editor.post(path, {}, **KEY).json()
    for number in range(5):
        world.editor.post(path, {}, Idempotency_Key=f"old {number}")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=25))

    second = world.editor.post(path, {}, **KEY).json()

    assert second["key"] != first["key"]
    assert IdempotencyRecord.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_duplicates_at_the_same_moment() -> None:
    owner = build.user("owner", role=Role.EDITOR)
    build.project(owner, "digits")
    who = caller(owner)
    together = 4
    rounds = 10
    start = Barrier(together)

    def send(number: int) -> list[str]:
        try:
            keys = []
            for round_number in range(rounds):
                start.wait(30)
                answer = who.post(
                    "/projects/digits/runs", {"name": "a"}, Idempotency_Key=f"round {round_number}"
                )
                assert answer.status_code == 201, answer.content
                keys.append(answer.json()["key"])
            return keys
        finally:
            connection.close()

    with ThreadPoolExecutor(together) as pool:
        seen = list(pool.map(send, range(together)))

    assert all(keys == seen[0] for keys in seen)
    assert Run.objects.count() == rounds
    assert Event.objects.filter(kind="run.started").count() == rounds
