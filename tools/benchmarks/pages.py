"""The status table page against its floor: the same rows by hand-written SQL in a bare template."""

import gzip
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.template import Context, Template
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tools.benchmarks.world import World

SIZE = 25
FRAGMENT = {"HX-Request": "true", "HX-Target": "versions"}
_BARE = Template(
    "<table>{% for row in rows %}<tr><td>{{ row.0 }}<td>{{ row.1 }}<td>{{ row.2 }}"
    "{% for cell in row.3 %}<td>{{ cell }}{% endfor %}</tr>{% endfor %}</table>{{ count }}"
)


@dataclass(frozen=True)
class Case:
    """A state of the page, and the SQL that finds the same versions."""

    name: str
    query: dict[str, str]
    rows: str
    count: str


def cases(world: World) -> list[Case]:
    """Natural order, sorted by a metric, filtered and sorted by a metric."""
    collection = world.collection.pk
    metric = world.columns[0].metric_id
    golden_set = world.columns[0].golden_set_id
    versions = f"FROM artifacts_version v WHERE v.collection_id = {collection}"
    versions += " AND v.deleted_at IS NULL"
    scored = (
        "FROM evaluations_result r JOIN artifacts_version v ON v.artifact_id = r.artifact_id "
        f"WHERE v.collection_id = {collection} AND v.deleted_at IS NULL AND r.is_current "
        f"AND r.metric_id = {metric} AND r.golden_set_id = {golden_set}"
    )
    filtered = f"{scored} AND r.value < 0.2"
    pick = "SELECT v.number, v.artifact_id, v.linked_at"
    size = {"size": str(SIZE)}
    return [
        Case(
            "first page",
            size,
            f"{pick} {versions} ORDER BY v.number DESC LIMIT {SIZE}",
            f"SELECT count(*) {versions}",
        ),
        Case(
            "sorted by a metric",
            {**size, "sort": "m0"},
            f"{pick} {scored} ORDER BY r.value, v.number DESC LIMIT {SIZE}",
            f"SELECT count(*) {versions}",
        ),
        Case(
            "filtered and sorted",
            {**size, "sort": "m0", "filter": "m0 < 0.2"},
            f"{pick} {filtered} ORDER BY r.value, v.number DESC LIMIT {SIZE}",
            f"SELECT count(*) {filtered}",
        ),
    ]


def bare(world: World, case: Case) -> str:
    """The floor: three hand-written queries and a template that does nothing but print."""
    with connection.cursor() as cursor:
        cursor.execute(case.rows)
        rows = cursor.fetchall()
        cursor.execute(case.count)
        (count,) = cursor.fetchone()
        artifacts = ",".join(str(row[1]) for row in rows)
        cursor.execute(
            "SELECT artifact_id, metric_id, value, stderr FROM evaluations_result "
            f"WHERE artifact_id IN ({artifacts}) AND is_current "
            f"AND golden_set_id = {world.columns[0].golden_set_id}"
        )
        cells: dict[int, list[Any]] = {}
        for artifact, _, value, stderr in cursor.fetchall():
            cells.setdefault(artifact, []).append(f"{value:.4f} ±{stderr:.4f}")
    shown = [(number, artifact, at, cells[artifact]) for number, artifact, at in rows]
    return _BARE.render(Context({"rows": shown, "count": count}))


def measure(world: World, rounds: int) -> None:
    client = Client()
    client.force_login(world.user)
    project = world.collection.project
    assert project is not None
    path = f"/main/{project.name}/models/{world.collection.name}"
    for case in cases(world):
        address = f"{path}?{urlencode(case.query)}"

        def page(address: str = address, headers: dict[str, str] | None = None) -> bytes:
            answer = client.get(address, headers=headers)
            assert answer.status_code == 200, (address, answer.status_code)
            return answer.content

        with CaptureQueriesContext(connection) as queries:
            body = page()
        count = len(queries)  # now: the next request empties the log
        ours, floor = in_turns(page, partial(bare, world, case), rounds)
        # What sorting, filtering and paging fetch with scripts on: the table without the rest.
        table, below = in_turns(partial(page, headers=FRAGMENT), partial(bare, world, case), rounds)
        print(
            f"{world.size:>7,} versions  {case.name:<20} page {ours:7.1f} ms   "
            f"floor {floor:7.1f} ms   ratio {ours / floor:4.2f}   "
            f"(table alone {table:.1f} ms, ratio {table / below:.2f})   "
            f"{count} queries   {len(body) / 1000:.0f} kB, "
            f"{len(gzip.compress(body, 6)) / 1000:.1f} kB gzipped",
            flush=True,
        )


def in_turns(
    first: Callable[[], object], second: Callable[[], object], rounds: int
) -> tuple[float, float]:
    """Median milliseconds of each, measured one after the other so that noise hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    for done in range(rounds + 2):
        for place, call in enumerate((first, second)):
            start = time.perf_counter()
            call()
            if done >= 2:  # the first two warm caches
                times[place].append((time.perf_counter() - start) * 1000)
    return statistics.median(times[0]), statistics.median(times[1])
