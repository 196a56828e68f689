"""The other pages of the site at the size of the largest world: time, queries, bytes."""

import gzip
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.actors import Subject
from apps.audit.services import record
from apps.projects.models import Project
from apps.projects.services import project_subject
from apps.runs.choices import RunState
from apps.runs.models import Run, RunParam
from apps.series.choices import SeriesKind
from apps.series.encoding import pack
from apps.series.models import Series
from tools.benchmarks.world import WHO, World

BATCH = 2_000
POINTS = 60
METRICS = ("train/loss", "val/loss", "train/accuracy", "val/accuracy")


def measure(world: World, rounds: int) -> None:
    """Milliseconds from the request to the whole answer, which is sent in one piece."""
    project = world.collection.project
    assert project is not None
    start = time.perf_counter()
    key = fill(project, world)
    print(
        f"{world.size:>7,} runs and events made in {time.perf_counter() - start:.0f} s", flush=True
    )
    client = Client()
    client.force_login(world.user)
    place = f"/main/{project.name}"
    for name, path in {
        "home": "/",
        "project": place,
        "runs table": f"{place}/runs",
        "runs by a metric": f"{place}/runs?sort=val/loss",
        "run": f"{place}/runs/{key}",
        "activity": "/main/activity",
    }.items():

        def page(path: str = path) -> bytes:
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.status_code)
            return answer.content

        with CaptureQueriesContext(connection) as queries:
            body = page()
        count = len(queries)
        print(
            f"{world.size:>7,} runs      {name:<20} page {median_ms(page, rounds):7.1f} ms   "
            f"{count} queries   {len(body) / 1000:.0f} kB, "
            f"{len(gzip.compress(body, 6)) / 1000:.1f} kB gzipped",
            flush=True,
        )


def median_ms(call: Callable[[], object], rounds: int) -> float:
    times = []
    for done in range(rounds + 2):
        start = time.perf_counter()
        call()
        if done >= 2:  # the first two warm caches
            times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def fill(project: Project, world: World) -> str:
    """As many ended runs as versions, each with a parameter and four curves, and as many events."""
    now = timezone.now()
    tail = pack(
        range(POINTS),
        [1.8e9 + step for step in range(POINTS)],
        [1 / (1 + s) for s in range(POINTS)],
    )
    for first in range(0, world.size, BATCH):
        runs = [
            Run(
                project=project,
                key=f"run-{number}",
                name=f"run {number}",
                state=RunState.FINISHED,
                started_at=now - timedelta(minutes=number),
                heartbeat_at=now,
                ended_at=now,
                seconds=float(number % 977),
                created_by=world.user,
            )
            for number in range(first, min(first + BATCH, world.size))
        ]
        Run.objects.bulk_create(runs)
        RunParam.objects.bulk_create(
            RunParam(
                run=run,
                project=project,
                key="lr",
                text=f"{_value(run.pk)}",
                brief=f"{_value(run.pk)}",
                number=_value(run.pk),
            )
            for run in runs
        )
        Series.objects.bulk_create(one for run in runs for one in _series(project, run, tail))
    _events(project, world)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return "run-0"


def _series(project: Project, run: Run, tail: bytes) -> Iterator[Series]:
    for key in METRICS:
        yield Series(
            scope_id=project.pk,
            owner_id=run.pk,
            kind=SeriesKind.METRIC,
            key=key,
            count=POINTS,
            first_step=0,
            last_step=POINTS - 1,
            last_at=1.8e9 + POINTS,
            last_value=_value(run.pk),
            min_value=0.0,
            max_value=1.0,
            tail=tail,
        )


def _events(project: Project, world: World) -> None:
    """By the service itself: the database takes no event that does not extend the chain."""
    with transaction.atomic():
        for number in range(world.size):
            record(
                kind="run.finished",
                actor=WHO,
                subjects=[Subject("run", number + 1, f"run {number}"), project_subject(project)],
                team_id=project.team_id,
                project_id=project.pk,
                before={"state": "running"},
                after={"state": "finished"},
            )


def _value(number: int) -> float:
    return (number * 7919 % 100_003) / 100_003
