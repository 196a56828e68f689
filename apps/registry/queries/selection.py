"""Versions and runs picked one by one, from any model and project that the reader may see.

Each is named by its place, with a slash between the parts (no name has one):

    main/digits/candidates/19   version 19 of a project's model
    main//MNIST/3               version 3 of a model in the team's registry
    main/digits/3f9a1c          a run
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, Version
from apps.core.errors import Invalid, NotFound
from apps.core.limits import MAX_NAME
from apps.core.names import clean_text, name_key
from apps.projects.models import Project
from apps.runs.models import Run

_MAX_PLACE = 4 * (MAX_NAME + 1)


@dataclass(frozen=True, slots=True)
class VersionPlace:
    """Where a version stands; `project` is empty for the registry."""

    team: str
    project: str
    model: str
    number: int

    def __str__(self) -> str:
        return f"{self.team}/{self.project}/{self.model}/{self.number}"

    @property
    def key(self) -> "VersionPlace":
        """The same for all spellings of the names."""
        return VersionPlace(
            name_key(self.team), name_key(self.project), name_key(self.model), self.number
        )


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where a run stands. Its key is taken to the letter, the names are not."""

    team: str
    project: str
    run: str

    def __str__(self) -> str:
        return f"{self.team}/{self.project}/{self.run}"

    @property
    def key(self) -> "RunPlace":
        return RunPlace(name_key(self.team), name_key(self.project), self.run)


Place = VersionPlace | RunPlace


def place_of_version(version: Version) -> VersionPlace:
    """The place of a version whose collection, team and project are loaded."""
    collection = version.collection
    project = collection.project.name if collection.project is not None else ""
    return VersionPlace(collection.team.name, project, collection.name, version.number)


def place_of_run(run: Run) -> RunPlace:
    """The place of a run whose project and team are loaded."""
    return RunPlace(run.project.team.name, run.project.name, run.key)


def read_version_place(text: str) -> VersionPlace:
    """`team/project/model/19` or `team//model/19`. Raises Invalid."""
    parts = _parts(text, "m")
    if len(parts) != 4 or not (parts[0] and parts[2]):
        raise Invalid(
            _("A version is named team/project/model/number, or team//model/number."),
            field="m",
        )
    return VersionPlace(parts[0], parts[1], parts[2], read_number(parts[3], field="m"))


def read_run_place(text: str) -> RunPlace:
    """`team/project/run`. Raises Invalid."""
    parts = _parts(text, "r")
    if len(parts) != 3 or not all(parts):
        raise Invalid(_("A run is named team/project/run."), field="r")
    return RunPlace(*parts)


def read_number(text: str, *, field: str) -> int:
    """The number of a version, with or without the v in front. Raises Invalid."""
    digits = text.strip().removeprefix("v")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise Invalid(_("%(field)s is the number of a version.") % {"field": field}, field=field)
    return int(digits)


def versions_at(places: Sequence[VersionPlace], user: User) -> dict[VersionPlace, Version]:
    """The standing versions at these places that the user may see, with artifact and run.

    One query. Raises NotFound for one that is not there, or hidden.
    """
    if not places:
        return {}
    visible = Project.objects.visible_to(user).values("pk")
    rows = (
        Version.objects.filter(_any(_at_version(place) for place in places), deleted_at=None)
        .filter(
            collection__type=MODEL,
            collection__deleted_at=None,
            collection__in=Collection.objects.visible_to(user).values("pk"),
            artifact__project__in=visible,
        )
        .select_related(
            "collection__team",
            "collection__project",
            "artifact__project",
            "artifact__made_by__project__team",
            "artifact__made_by__created_by",
            "linked_by",
        )
    )
    found = {place_of_version(row).key: row for row in rows}
    for place in places:
        if place.key not in found:
            raise NotFound(_("There is no version %(place)s here.") % {"place": place})
    return {place: found[place.key] for place in places}


def runs_at(places: Sequence[RunPlace], user: User) -> dict[RunPlace, Run]:
    """The runs at these places that the user may see. One query. Raises NotFound."""
    if not places:
        return {}
    rows = (
        Run.objects.filter(_any(_at_run(place) for place in places))
        .visible_to(user)
        .select_related("project__team", "created_by")
    )
    found = {place_of_run(row).key: row for row in rows}
    for place in places:
        if place.key not in found:
            raise NotFound(_("There is no run %(place)s here.") % {"place": place})
    return {place: found[place.key] for place in places}


def _parts(text: str, field: str) -> list[str]:
    return clean_text(text, field=field, max_length=_MAX_PLACE, multiline=False).split("/")


def _any(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions)


def _at_version(place: VersionPlace) -> Q:
    project = Q(collection__project=None)
    if place.project:
        project = Q(collection__project__name_key=name_key(place.project))
    return project & Q(
        collection__team__name_key=name_key(place.team),
        collection__name_key=name_key(place.model),
        number=place.number,
    )


def _at_run(place: RunPlace) -> Q:
    return Q(
        project__team__name_key=name_key(place.team),
        project__name_key=name_key(place.project),
        key=place.run,
    )
