"""Looking for anything by its name, among what the reader may see."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from apps.accounts.models import Membership, User
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.core.names import name_key
from apps.evaluations.models import GoldenSet
from apps.evaluations.queries import visible_golden_sets
from apps.projects.models import Project
from apps.projects.queries import visible_projects
from apps.runs.models import Run
from apps.runs.queries import runs_like

# "candidates:v19", "candidates v19" and "candidates 19" are versions, and so is part of a digest.
_NUMBERED = re.compile(r"(?P<name>.+?)[\s:]+v?(?P<number>[0-9]{1,9})")
_DIGEST = re.compile(r"[0-9a-f]{4,64}")
Row = TypeVar("Row", Collection, Project, GoldenSet)


@dataclass(frozen=True)
class Found:
    """What answers to some words, each kind by itself; what begins with them stands first."""

    models: Sequence[Collection]
    versions: Sequence[Version]
    holdings: Sequence[LabelHolding]
    projects: Sequence[Project]
    runs: Sequence[Run]
    collections: Sequence[Collection]
    golden_sets: Sequence[GoldenSet]
    members: Sequence[Membership]


def find(user: User, words: str, *, limit: int) -> Found:
    """Up to `limit` of each kind, in eight queries at most, however much there is."""
    key = name_key(words)
    named = _named(Collection.objects.visible_to(user), key, words)
    named = named.select_related("team", "project")
    sets = visible_golden_sets(user).filter(team__in=user.memberships.values("team"))
    return Found(
        models=list(named.filter(type=MODEL)[:limit]),
        versions=list(_versions(user, words)[:limit]),
        holdings=list(_holdings(user, key)[:limit]),
        projects=list(_named(visible_projects(user), key, words)[:limit]),
        runs=list(runs_like(user, words)[:limit]),
        collections=list(named.exclude(type=MODEL)[:limit]),
        golden_sets=list(_named(sets.select_related("team"), key, words)[:limit]),
        members=list(_members(user, key, words)[:limit]),
    )


def _named(rows: QuerySet[Row], key: str, words: str) -> QuerySet[Row]:
    """Those whose name or title has the words; those whose name begins with them first."""
    begins = Case(
        When(name_key__startswith=key, then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    found = rows.filter(Q(name_key__contains=key) | Q(title__icontains=words))
    return found.order_by(begins, "name_key", "pk")


def _versions(user: User, words: str) -> QuerySet[Version]:
    """A version by the name of its model and its number, or by the beginning of its digest."""
    found = Version.objects.none()
    numbered = _NUMBERED.fullmatch(words)
    wanted = Q()
    if numbered:
        key = name_key(numbered["name"].strip())
        wanted |= Q(number=int(numbered["number"])) & (
            Q(collection__name_key__contains=key)
            | Q(collection__title__icontains=numbered["name"].strip())
        )
    if _DIGEST.fullmatch(words.lower()):
        wanted |= Q(artifact__digest__startswith=words.lower())
    if not wanted:
        return found
    return (
        Version.objects.filter(
            wanted,
            deleted_at=None,
            collection__in=Collection.objects.visible_to(user).values("pk"),
            artifact__project__in=Project.objects.visible_to(user).values("pk"),
        )
        .select_related("collection__team", "collection__project", "artifact")
        .order_by("-linked_at", "-pk")
    )


def _holdings(user: User, key: str) -> QuerySet[LabelHolding]:
    """Who holds the labels of such a name now, the newest first."""
    return (
        LabelHolding.objects.standing()
        .once()
        .filter(
            label_key__contains=key,
            collection__in=Collection.objects.visible_to(user).values("pk"),
            version__artifact__project__in=Project.objects.visible_to(user).values("pk"),
        )
        .select_related("version__collection__team", "version__collection__project")
        .order_by("label_key", "-held_from", "-pk")
    )


def _members(user: User, key: str, words: str) -> QuerySet[Membership]:
    """The people of the reader's own teams."""
    return (
        Membership.objects.filter(
            Q(user__username_key__contains=key) | Q(user__display_name__icontains=words),
            team__in=user.memberships.values("team"),
            user__is_active=True,
        )
        .select_related("user", "team")
        .order_by("user__username_key", "team__name_key")
    )
