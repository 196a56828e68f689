"""Filters of the lists. Each offers what the list itself may show, and takes nothing else.

Django's own filters over relations would offer every row of the related table.
"""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Team
from apps.admin.places import person, projects_where, teams_where
from apps.core.errors import Invalid
from apps.projects.models import Project

MAX_CHOICES = 200


class Filter(SimpleListFilter):
    """A filter with its own short parameter. Any value but one of its own is refused."""

    def __init__(self, request: Any, params: Any, model: Any, desk: Any) -> None:
        self.desk = desk
        super().__init__(request, params, model, desk)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        if value not in {str(one) for one, _words in self.lookup_choices}:
            raise Invalid(f"{self.title}: there is no such choice here.")
        return self.narrow(queryset, value)

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        raise NotImplementedError


class TeamFilter(Filter):
    """By team, where the person curates several."""

    title = _("team")
    parameter_name = "team"

    def lookups(self, request: HttpRequest, desk: Any) -> list[tuple[str, str]]:
        teams = teams_where(person(request), desk.role)
        found = Team.objects.filter(pk__in=teams).order_by("name_key")[:MAX_CHOICES]
        # One choice is no choice, and Django then leaves the filter out.
        names = [(team.name, team.name) for team in found]
        return names if len(names) > 1 else []

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(**{f"{self.desk.team_path}__name": value})


class ProjectFilter(Filter):
    """By project; `registry` for what belongs to none."""

    title = _("project")
    parameter_name = "project"

    def lookups(self, request: HttpRequest, desk: Any) -> list[tuple[str, str]]:
        projects = projects_where(person(request), desk.role)
        found = Project.objects.filter(pk__in=projects).select_related("team")
        choices = [
            (str(project.pk), f"{project.team.name}/{project.name}")
            for project in found.order_by("team__name_key", "name_key")[:MAX_CHOICES]
        ]
        return [("registry", str(_("the registry"))), *choices] if desk.has_registry else choices

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == "registry":
            return queryset.filter(**{f"{self.desk.project_path}__isnull": True})
        return queryset.filter(**{self.desk.project_path: int(value)})


def choice_filter(field: str, words: Any, choices: Any) -> type[Filter]:
    """A filter by a field with fixed choices, as pairs of value and words."""

    class ChoiceFilter(Filter):
        title = words
        parameter_name = field

        def lookups(self, request: HttpRequest, desk: Any) -> list[tuple[str, str]]:
            return [(str(value), str(label)) for value, label in choices]

        def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
            return queryset.filter(**{field: value})

    return ChoiceFilter


def set_filter(field: str, words: Any, *, yes: Any, no: Any, negate: bool = False) -> type[Filter]:
    """A filter by whether a time is set, such as "archived"; or by a yes or no."""

    class SetFilter(Filter):
        title = words
        parameter_name = field

        def lookups(self, request: HttpRequest, desk: Any) -> list[tuple[str, str]]:
            return [("yes", str(yes)), ("no", str(no))]

        def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
            if negate:
                return queryset.filter(**{f"{field}__isnull": value == "no"})
            return queryset.filter(**{field: value == "yes"})

    return SetFilter
