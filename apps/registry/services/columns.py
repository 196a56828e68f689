"""Changing the columns of a model's status table.

Columns are found in what is logged: the first result for a metric on a golden set adds a column to
every table in which the artifact stands. Curators then name, order, hide and format them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import CharField, Max, Value
from django.db.models.functions import Cast, Concat

from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.services import collection_subject, lock_collection
from apps.audit.actors import Subject
from apps.audit.services import record
from apps.core.errors import Invalid
from apps.core.names import clean_text
from apps.core.numbers import check_format
from apps.evaluations.choices import Better
from apps.evaluations.models import GoldenSet, MetricDefinition, Result
from apps.projects.access import Access, Action
from apps.registry.choices import Origin
from apps.registry.models import Column
from apps.registry.queries.columns import visible_columns

# Beyond this many, found columns are added hidden: a table of forty columns helps nobody.
MAX_SHOWN = 8
MAX_COLUMNS = 200

# What queries call the fixed columns of the table; a score column cannot take these.
FIXED_FIELDS = frozenset({"version", "status", "logged", "by", "run", "digest", "note"})


@dataclass(frozen=True)
class ColumnSpec:
    """What a curator wants of one column; `pk` names an existing one."""

    pk: int
    title: str
    is_visible: bool
    better: Better | None = None
    format: str = ""


def slug_of(title: str) -> str:
    """What queries call a column: its title in lower case without spaces."""
    return "".join(title.lower().split())


@transaction.atomic
def update_columns(
    *, collection: Collection, specs: Sequence[ColumnSpec], access: Access
) -> list[Column]:
    """Name, order, show and hide the columns: `specs` lists them all in their new order.

    All that the caller may know of, that is; the others keep their order behind these.
    """
    access.require(Action.CURATE)
    # Locked, so that two curators' orders do not interleave.
    lock_collection(collection)
    everything = list(Column.objects.filter(collection=collection).order_by("position", "pk"))
    known = visible_columns(access.user).filter(collection=collection)
    seen = set(known.values_list("pk", flat=True))
    columns = {column.pk: column for column in everything if column.pk in seen}
    hidden = [column for column in everything if column.pk not in seen]
    if {spec.pk for spec in specs} != set(columns) or len(specs) != len(columns):
        raise Invalid("The columns have changed in the meantime; look again.", field="columns")
    before = [str(column) for column in columns.values() if column.is_visible]
    shown_before = {column.pk for column in columns.values() if column.is_visible}
    taken = {column.slug for column in hidden}
    for position, spec in enumerate(specs):
        column = columns[spec.pk]
        title = clean_text(spec.title, field="title", max_length=128, multiline=False).strip()
        if not title:
            raise Invalid("A column needs a title.", field="title")
        slug = slug_of(title)
        if slug in taken or slug in FIXED_FIELDS:
            raise Invalid(f"{title!r} is the title of another column.", field="title")
        taken.add(slug)
        column.position = position
        column.title = title
        column.slug = slug
        column.is_visible = spec.is_visible
        column.better = spec.better or ""
        column.format = check_format(spec.format) if spec.format else ""
        column.origin = Origin.CURATED
    ordered = sorted(columns.values(), key=lambda column: column.position)
    for position, column in enumerate(hidden, start=len(ordered)):
        column.position = position
    # Two steps, so that swapping two titles does not break the unique slug on the way. No slug
    # that is made of a title has a space.
    Column.objects.filter(collection=collection).update(
        slug=Concat(Value("former "), Cast("pk", CharField()))
    )
    Column.objects.bulk_update(
        [*ordered, *hidden],
        ["position", "title", "slug", "is_visible", "better", "format", "origin"],
    )
    named = [column for column in ordered if column.is_visible or column.pk in shown_before]
    record(
        kind="columns.changed",
        actor=access.actor,
        # The columns too: their names are for those alone who see something they were found in.
        subjects=[
            collection_subject(collection),
            *(Subject("column", column.pk, column.title) for column in named),
        ],
        team_id=access.team.pk,
        project_id=collection.project_id,
        before={"shown": before},
        after={"shown": [str(column) for column in ordered if column.is_visible]},
    )
    return ordered


def find_columns(*, artifact: ArtifactVersion, results: Iterable[Result]) -> None:
    """Add a column for each new (metric, golden set) to every table the artifact stands in.

    Part of the recording of results, or of linking a version, and of the event of that.
    """
    pairs = {(result.metric_id, result.golden_set_id): result for result in results}
    if not pairs:
        return
    collections = set(
        Version.objects.filter(artifact=artifact, deleted_at=None).values_list(
            "collection", flat=True
        )
    )
    known = set(
        Column.objects.filter(collection__in=collections).values_list(
            "collection", "metric", "golden_set"
        )
    )
    for collection in sorted(collections):
        fresh = [result for pair, result in pairs.items() if (collection, *pair) not in known]
        if fresh:
            _add_columns(collection, fresh)


def _add_columns(collection: int, results: Sequence[Result]) -> None:
    # Also in the bin: what comes back from there is as if it had never been away.
    Collection.with_deleted.select_for_update(no_key=True).get(pk=collection)
    columns = Column.objects.filter(collection=collection)
    count = columns.count()
    last = columns.aggregate(last=Max("position"))["last"]
    position = -1 if last is None else last
    taken = set(columns.values_list("slug", flat=True)) | FIXED_FIELDS
    for result in results:
        if count >= MAX_COLUMNS:
            return
        title = _free_title(result.metric, result.golden_set, taken)
        position += 1
        _, is_new = Column.objects.get_or_create(
            collection_id=collection,
            metric=result.metric,
            golden_set=result.golden_set,
            defaults={
                "position": position,
                "slug": slug_of(title),
                "title": title,
                "is_visible": count < MAX_SHOWN,
            },
        )
        count += is_new
        taken.add(slug_of(title))


def _free_title(metric: MetricDefinition, golden_set: GoldenSet | None, taken: set[str]) -> str:
    suffix = f" @ {golden_set.title}" if golden_set else " in training"
    title = f"{metric.title[:60]}{suffix[:60]}"
    number = 2
    free = title
    while slug_of(free) in taken:
        free = f"{title} ({number})"
        number += 1
    return free
