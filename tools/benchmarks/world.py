"""A large made-up model: written with SQL, since a hundred thousand services would take an hour.

The values are made up too (a fixed arithmetic sequence): only their number and spread matter here.
"""

from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.accounts.queries import team_named
from apps.accounts.services import create_user
from apps.artifacts.models import Collection
from apps.artifacts.services import ensure_collection
from apps.audit.actors import Actor
from apps.core.errors import NotFound
from apps.evaluations.choices import Better
from apps.evaluations.services import define_metric, mark_golden_set
from apps.projects.access import Access, system_access
from apps.projects.services import create_project
from apps.registry.models import Column

COLUMNS = 10
WHO = Actor.system("bench")

# Both databases take a recursive query inside an INSERT; only the making of hex text differs.
_HEX = {"sqlite": "printf('%0{0}x', {1})", "postgresql": "lpad(to_hex({1}), {0}, '0')"}


@dataclass(frozen=True)
class World:
    """One model with `size` versions, each scored in COLUMNS columns."""

    user: User
    collection: Collection
    columns: list[Column]
    size: int


def make_world(size: int) -> World:
    access = _access()
    name = f"bench-{size}"
    project = create_project(name=name, access=access)
    collection = ensure_collection(name="model", type="model", access=access, project=project)
    golden_set = mark_golden_set(
        name=f"{name}-set", title=f"{size // 1000}k", example_count=1000, access=access
    )
    columns = []
    for place in range(COLUMNS):
        metric = define_metric(name=f"metric {place}", better=Better.LOWER, access=access)
        columns.append(
            Column.objects.create(
                collection=collection,
                position=place,
                slug=f"m{place}",
                title=f"M{place}",
                metric=metric,
                golden_set=golden_set,
            )
        )
    with transaction.atomic():
        _fill(project.pk, collection.pk, golden_set.pk, columns, size)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    user = User.objects.get(username="bench")
    return World(user=user, collection=collection, columns=columns, size=size)


def _access() -> Access:
    try:
        team = team_named("main")
    except NotFound:
        create_user(username="bench", role=Role.ADMIN, actor=WHO)
        team = team_named("main")
    return system_access(team, WHO)


def _fill(project: int, collection: int, golden_set: int, columns: list[Column], size: int) -> None:
    hexadecimal = _HEX[connection.vendor]
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM artifacts_artifactversion")
        (base,) = cursor.fetchone()
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)"
        cursor.execute(
            f"""
            INSERT INTO artifacts_artifactversion
                (id, project_id, key, type, state, digest, size_bytes, file_count, metadata,
                 description, created_at, sealed_at)
            {numbers}
            SELECT %s + i, %s, {hexadecimal.format(32, f"{base} + i")}, 'model', 'sealed',
                   {hexadecimal.format(64, f"{base} + i")}, 1000, 1, '{{}}', '', %s, %s
            FROM n
            """,
            [size, base, project, now, now],
        )
        cursor.execute(
            f"""
            INSERT INTO artifacts_version
                (collection_id, number, artifact_id, note, linked_at, deleted_reason)
            {numbers} SELECT %s, i, %s + i, '', %s, '' FROM n
            """,
            [size, collection, base, now],
        )
        for place, column in enumerate(columns):
            cursor.execute(
                f"""
                INSERT INTO evaluations_result
                    (artifact_id, metric_id, golden_set_id, value, stderr, n, source, is_current,
                     created_at)
                {numbers}
                SELECT %s + i, %s, %s, ((i * 7919 + %s * 104729) %% 100003) / 100003.0, 0.01,
                       1000, 'api', %s, %s
                FROM n
                """,
                [size, base, column.metric_id, golden_set, place, True, now],
            )
        cursor.execute(
            """
            INSERT INTO registry_columnscore (column_id, version_id, number, value)
            SELECT c.id, v.id, v.number, r.value
            FROM registry_column c
            JOIN artifacts_version v ON v.collection_id = c.collection_id
            JOIN evaluations_result r ON r.artifact_id = v.artifact_id
                AND r.metric_id = c.metric_id AND r.golden_set_id = c.golden_set_id
            WHERE c.collection_id = %s
            """,
            [collection],
        )
        cursor.execute(
            "UPDATE artifacts_collection SET next_number = %s WHERE id = %s",
            [size + 1, collection],
        )
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence('artifacts_artifactversion', 'id'), %s)",
                [base + size],
            )
