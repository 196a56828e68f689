"""A run that logs ten points a second, and the browsers that watch it.

Each watcher asks for what the page's own script asks for, once a second: what is new since it
looked. Delay: from when the client was told that a point is stored to when a watcher has it.
"""

import http.client
import re
import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.test import Client

from apps.accounts.models import User
from apps.accounts.services import create_api_key
from tools.benchmarks.points import Target, send, served, start_run
from tools.benchmarks.world import WHO

WATCHERS = 20
POINTS_A_SECOND = 10
ASK_EVERY = 1.0
POINTS = re.compile(rb'data-label="Points">([\d,]+)<')
SEEN = re.compile(rb"[?;]seen=([^\"&]+)\"")


@dataclass
class Watched:
    """What the watchers of one stretch of time saw."""

    stored_at: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    bytes: int = 0


def measure(project: str, seconds: int) -> None:
    user = User.objects.get(username="bench")
    key = create_api_key(user=user, name="watching", actor=WHO)
    browser = Client()
    browser.force_login(user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    with served(key, project) as target:
        run = start_run(target)
        path = f"/main/{project}/runs/{run}"
        for name, watchers, logs in (
            ("logging, nobody watches", 0, True),
            (f"logging, {WATCHERS} watch", WATCHERS, True),
            (f"silent, {WATCHERS} watch", WATCHERS, False),
            ("silent, nobody watches", 0, False),
        ):
            before = cpu_seconds(target.pid)
            watched = stretch(target, run, path, cookie, watchers, logs, seconds)
            used = (cpu_seconds(target.pid) - before) / seconds
            print(f"{name:<24} server {used:6.1%} of a core   {told(watched)}", flush=True)


def told(watched: Watched) -> str:
    if not watched.answers:
        return ""
    quiet = sum(status == 204 for status in watched.answers)
    text = f"{len(watched.answers)} answers, {quiet} of them empty, {watched.bytes / 1e6:.2f} MB"
    if not watched.delays:
        return text
    worst = sorted(watched.delays)
    middle = statistics.median(worst)
    most = worst[int(len(worst) * 0.95)]
    return f"{text}   delay {middle:.2f} s, 95 % {most:.2f} s, longest {worst[-1]:.2f} s"


def stretch(
    target: Target, run: str, path: str, cookie: str, watchers: int, logs: bool, seconds: int
) -> Watched:
    watched = Watched()
    first = points_of(ask(target.port, path, cookie, "")[1])
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(
            target=watch,
            args=(target.port, path, cookie, watched, first, end, number / watchers * ASK_EVERY),
        )
        for number in range(watchers)
    ]
    for thread in threads:
        thread.start()
    if logs:
        log(target, run, watched, first, end)
    else:
        time.sleep(seconds)
    for thread in threads:
        thread.join()
    return watched


def log(target: Target, run: str, watched: Watched, first: int, end: float) -> None:
    """A point every tenth of a second, each by a request of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    due = time.monotonic()
    step = first
    while due < end:
        body = {"metrics": {"loss": {"steps": [step], "values": [1 / (step + 1)]}}}
        status, answer = send(
            connection, target.key, "POST", target.path(f"runs/{run}/points"), body
        )
        assert status in (200, 201, 204), (status, answer[:300])
        watched.stored_at.append(time.monotonic())
        step += 1
        due += 1 / POINTS_A_SECOND
        time.sleep(max(due - time.monotonic(), 0))
    connection.close()


def watch(
    port: int, path: str, cookie: str, watched: Watched, first: int, end: float, wait: float
) -> None:
    time.sleep(wait)
    has, seen, is_first = first, "", True
    while time.monotonic() < end:
        asked = time.monotonic()
        status, body = ask(port, path, cookie, seen)
        now = time.monotonic()
        watched.answers.append(status)
        watched.bytes += len(body)
        if status == 200:
            found = SEEN.search(body)
            seen = found[1].decode() if found else seen
            points = points_of(body)
            if not is_first:
                watched.delays += [
                    now - stored for stored in watched.stored_at[has - first : points - first]
                ]
            # What was logged before this watcher came is nobody's delay.
            is_first = False
            has = max(has, points)
        time.sleep(max(asked + ASK_EVERY - time.monotonic(), 0))


def ask(port: int, path: str, cookie: str, seen: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Cookie": cookie, "HX-Request": "true", "HX-Target": "live"}
    connection.request("GET", f"{path}?seen={seen}", headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status in (200, 204), (answer.status, body[:300])
    return answer.status, body


def points_of(body: bytes) -> int:
    found = POINTS.search(body)
    return int(found[1].replace(b",", b"")) if found else 0


def cpu_seconds(pid: int) -> float:
    """What a process and its children have used, from /proc; elsewhere than on Linux nothing."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = stat.read_text().partition(" (")
        except OSError:
            continue
        fields = rest.rpartition(") ")[2].split()
        if pid in (int(number), int(fields[1])):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / 100
