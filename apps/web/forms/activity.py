"""What a reader wants to see of a team's activity: part of the address, so every view is a link."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.artifacts.models import Collection
from apps.projects.models import Project
from apps.registry.queries.history import Activity

# What people call the kinds of events, and the first words of those kinds.
SORTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "labels": (_("labels moved"), ("label",)),
    "versions": (_("versions"), ("version", "artifact")),
    "scores": (_("scores"), ("results",)),
    "runs": (_("runs"), ("run",)),
    "words": (_("cards and notes"), ("card", "collection")),
    "tables": (_("columns and views"), ("columns", "view", "metric", "golden_set")),
    "projects": (_("projects"), ("project", "project_member")),
    "people": (_("team and people"), ("team", "member", "user", "labels", "key", "login_link")),
}


def address_of(model: Collection) -> str:
    """How the form names a model: no name has a slash."""
    return f"{model.project.name}/{model.name}" if model.project else model.name


class ActivityForm(forms.Form):
    """Model, project, person, kind and dates. Everything is optional."""

    model = forms.ChoiceField(label=_("Model"), required=False)
    project = forms.ChoiceField(label=_("Project"), required=False)
    by = forms.ChoiceField(label=_("Person"), required=False)
    what = forms.ChoiceField(
        label=_("Kind"),
        required=False,
        choices=[("", _("everything")), *((key, words) for key, (words, _nouns) in SORTS.items())],
    )
    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(
        self,
        *args: Any,
        models: Sequence[Collection],
        projects: Sequence[Project],
        people: Sequence[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.models = {address_of(model): model for model in models}
        self.projects = {project.name: project for project in projects}
        self._offer("model", _("every model"), list(self.models))
        self._offer("project", _("every project"), list(self.projects))
        self._offer("by", _("everybody"), people)

    def _offer(self, name: str, every: Any, values: Sequence[str]) -> None:
        field = cast("forms.ChoiceField", self.fields[name])
        field.choices = [("", every), *((value, value) for value in values)]

    def clean(self) -> None:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since > until:
            self.add_error("until", _("This lies before the first day."))

    def wanted(self) -> Activity:
        """The events asked for. The form is valid; the last day is included."""
        data = self.cleaned_data
        until = data["until"]
        return Activity(
            model=self.models.get(data["model"]),
            project=self.projects.get(data["project"]),
            actor=data["by"],
            nouns=SORTS[data["what"]][1] if data["what"] else (),
            since=_midnight(data["since"]),
            until=_midnight(until + timedelta(days=1)) if until and until < date.max else None,
        )


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None
