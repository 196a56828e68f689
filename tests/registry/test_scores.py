"""Column scores are derived: whatever happens, they say what the current results say."""

import random

import pytest

from apps.artifacts.models import Version
from apps.artifacts.services import delete_version, link_version
from apps.evaluations.models import Result
from apps.registry.models import Column, ColumnScore
from apps.registry.services.columns import ColumnSpec, update_columns
from tests import build

pytestmark = pytest.mark.django_db


def derived() -> set[tuple[int, int, int, float]]:
    """The scores as they should be, worked out from the results afresh."""
    found = set()
    for column in Column.objects.all():
        standing = Version.objects.filter(collection=column.collection, deleted_at=None)
        for version in standing:
            result = Result.objects.filter(
                artifact=version.artifact,
                metric=column.metric,
                golden_set=column.golden_set,
                is_current=True,
                value__isnull=False,
            ).first()
            if result is not None and result.value is not None:
                found.add((column.pk, version.pk, version.number, result.value))
    return found


def stored() -> set[tuple[int, int, int, float]]:
    return set(ColumnScore.objects.values_list("column", "version", "number", "value"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_scores_follow_any_course_of_events(seed: int) -> None:
    choose = random.Random(seed)
    world = build.table([0.5, 0.3])
    other_set = build.golden_set(world.curator, "digits-1k", title="1k")
    registry = build.collection(world.editor, None, "MNIST")
    curator = build.access(world.curator, project=world.project)
    for _ in range(30):
        standing = Version.objects.filter(deleted_at=None).select_related("artifact__project")
        version = choose.choice(list(standing.order_by("pk")))
        move = choose.choice(["score", "score", "nan", "version", "link", "delete"])
        if move in ("score", "nan"):
            value = float("nan") if move == "nan" else choose.random()
            on = choose.choice([world.golden_set, other_set])
            build.result(world.editor, version.artifact, value, on=on)
        elif move == "version":
            build.version(world.editor, world.collection)
        elif move == "link":
            access = build.access(world.editor)
            link_version(artifact=version.artifact, collection=registry, access=access)
        elif standing.count() > 1:
            delete_version(version=version, reason="", access=curator)

    assert stored() == derived()
    assert stored()


def test_renaming_and_reordering_columns_keeps_their_scores() -> None:
    world = build.table([0.5, 0.3])
    build.result(
        world.editor, world.versions[0].artifact, 0.9, on=world.golden_set, metric="accuracy"
    )
    first, second = Column.objects.order_by("position")
    before = stored()

    update_columns(
        collection=world.collection,
        specs=[
            ColumnSpec(pk=second.pk, title=first.title, is_visible=True),
            ColumnSpec(pk=first.pk, title=second.title, is_visible=False),
        ],
        access=build.access(world.curator, project=world.project),
    )

    assert stored() == before
    titles = Column.objects.order_by("position").values_list("title", "slug")
    assert list(titles) == [("Loss @ 10k", "loss@10k"), ("Accuracy @ 10k", "accuracy@10k")]
