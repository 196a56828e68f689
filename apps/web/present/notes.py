"""Notes and model cards as pages show them."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from apps.artifacts.cards import card_of
from apps.artifacts.models import Collection, Version
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.runs.models import Run
from apps.web.addresses import model_url, project_url, run_url, version_url
from apps.web.markdown import render_markdown
from apps.web.present.people import Moment, moment, name_of

# What is longer is folded away: the page is about something else.
FOLD_CHARACTERS = 400
FOLD_LINES = 6


@dataclass(frozen=True, slots=True)
class Notes:
    """What notes/shown.html shows; `edit_url` is empty for who may not write."""

    html: SafeString
    is_long: bool
    edit_url: str


@dataclass(frozen=True, slots=True)
class Card:
    """What cards/panel.html shows. Without a text there is only the way to write one."""

    html: SafeString
    by: str
    written: Moment | None
    edit_url: str
    history_url: str


def notes_of_model(model: Collection, access: Access) -> Notes:
    return _notes(model.description, f"{model_url(model)}/notes", access)


def notes_of_project(project: Project, access: Access) -> Notes:
    return _notes(project.description, f"{project_url(access.team, project)}/notes", access)


def notes_of_run(run: Run, access: Access) -> Notes:
    return _notes(run.notes, f"{run_url(access.team, run)}/notes", access)


def show_card(version: Version, access: Access) -> Card:
    """The newest card of a version; one query."""
    newest = card_of(version)
    page = version_url(version)
    return Card(
        html=render_markdown(newest.text) if newest else SafeString(""),
        by=name_of(newest.written_by) if newest else "",
        written=moment(newest.written_at) if newest else None,
        edit_url=f"{page}/card" if may_write(access) else "",
        history_url=f"{page}/card/history" if newest else "",
    )


def may_write(access: Access) -> bool:
    return access.allows(Action.LOG) and not (access.project and access.project.archived_at)


def _notes(text: str, edit_url: str, access: Access) -> Notes:
    return Notes(
        html=render_markdown(text),
        is_long=len(text) > FOLD_CHARACTERS or text.count("\n") > FOLD_LINES,
        edit_url=edit_url if may_write(access) else "",
    )
