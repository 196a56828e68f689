"""Which columns of a status table a reader may know of.

A registry model gathers versions of several projects, and a result may stand on a golden set of
another project. A column says the name of a metric and of a golden set, so it is shown only to
those who see something that it was found in.
"""

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.accounts.models import User
from apps.artifacts.models import Collection
from apps.evaluations.models import Result
from apps.evaluations.queries import visible_golden_sets
from apps.projects.models import Project
from apps.registry.models import Column, ColumnScore


def visible_columns(user: User | None) -> QuerySet[Column]:
    """All columns that the user may know of, metric and golden set loaded, in their order."""
    found = _known_by_set(user)
    if user is None:
        return found
    # Whoever sees a project sees all versions of its own models.
    return found.filter(Q(collection__project__isnull=False) | _has_visible_score(user))


def columns_in(collection: Collection, user: User | None) -> QuerySet[Column]:
    """The same for one table. A project's own needs no look at each score."""
    found = _known_by_set(user).filter(collection=collection)
    if user is None or collection.project_id is not None:
        return found
    return found.filter(_has_visible_score(user))


def _known_by_set(user: User | None) -> QuerySet[Column]:
    found = Column.objects.select_related("metric", "golden_set").order_by("position", "pk")
    if user is None:
        return found
    return found.filter(
        Q(golden_set=None) | Q(golden_set__in=visible_golden_sets(user).values("pk"))
    )


def _has_visible_score(user: User) -> Q:
    sources = Project.objects.visible_to(user).values("pk")
    scores = ColumnScore.objects.filter(
        column=OuterRef("pk"), version__artifact__project__in=sources
    )
    # NaN has no row among the scores.
    diverged = Result.objects.filter(
        metric=OuterRef("metric"),
        value=None,
        is_current=True,
        artifact__project__in=sources,
        artifact__versions__collection=OuterRef("collection"),
        artifact__versions__deleted_at=None,
    )
    return (
        Q(Exists(scores))
        | Q(golden_set=None) & Q(Exists(diverged.filter(golden_set=None)))
        | Q(Exists(diverged.filter(golden_set=OuterRef("golden_set"))))
    )
