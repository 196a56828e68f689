"""Changing what is said of a project, and who may see it."""

import pytest

from apps.accounts.choices import Role
from apps.audit.models import Event
from apps.core.errors import Forbidden
from apps.projects.choices import Visibility
from apps.projects.services import update_project
from tests import build

pytestmark = pytest.mark.django_db


def test_title_and_description_are_for_editors_to_change() -> None:
    editor = build.user(role=Role.EDITOR)
    project = build.project(editor, "digits")

    update_project(access=build.access(editor, project=project), title="Digits", description="d")

    project.refresh_from_db()
    assert (project.title, project.description) == ("Digits", "d")
    event = Event.objects.latest("sequence")
    assert event.kind == "project.changed"
    assert '"title":"Digits"' in event.payload


def test_nothing_to_change_is_no_event() -> None:
    editor = build.user(role=Role.EDITOR)
    project = build.project(editor, "digits")
    before = Event.objects.count()

    update_project(access=build.access(editor, project=project), visibility=Visibility.TEAM)

    assert Event.objects.count() == before


def test_who_may_see_it_is_for_admins_to_change() -> None:
    editor, admin = build.user(role=Role.EDITOR), build.user(role=Role.ADMIN)
    project = build.project(editor, "digits")

    with pytest.raises(Forbidden):
        update_project(access=build.access(editor, project=project), visibility=Visibility.PRIVATE)
    project.refresh_from_db()
    assert project.visibility == Visibility.TEAM

    update_project(access=build.access(admin, project=project), visibility=Visibility.PRIVATE)
    project.refresh_from_db()
    assert project.visibility == Visibility.PRIVATE


def test_a_viewer_may_not() -> None:
    editor, viewer = build.user(role=Role.EDITOR), build.user(role=Role.VIEWER)
    project = build.project(editor, "digits")

    with pytest.raises(Forbidden):
        update_project(access=build.access(viewer, project=project), title="Mine")


def test_an_older_look_at_the_project_does_not_make_it_visible_again() -> None:
    admin = build.user(role=Role.ADMIN)
    project = build.project(admin)
    older = build.access(admin, project=project)
    update_project(access=build.access(admin, project=project), visibility=Visibility.PRIVATE)

    update_project(access=older, title="Digits")

    project.refresh_from_db()
    assert (project.title, project.visibility) == ("Digits", Visibility.PRIVATE)
