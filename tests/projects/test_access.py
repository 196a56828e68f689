"""The access policy: roles, private projects, key scopes, archived projects."""

import json

import pytest

from apps.accounts.choices import Role, Scope
from apps.accounts.services import set_role
from apps.audit.actors import Actor
from apps.audit.models import Event
from apps.core.errors import Forbidden, Invalid, NotFound
from apps.projects.access import POLICY, Action, access_to
from apps.projects.models import Project
from apps.projects.services import ProjectExists, create_project, set_archived, set_project_role
from tests import build

pytestmark = pytest.mark.django_db

WHO = Actor.system("tests")


def test_every_action_has_a_rule() -> None:
    assert set(POLICY) == set(Action)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.VIEWER, {Action.READ, Action.KEEP}),
        (
            Role.EDITOR,
            {
                Action.READ,
                Action.KEEP,
                Action.LOG,
                Action.LINK,
                Action.MOVE_LABEL,
                Action.DELETE,
            },
        ),
        (
            Role.CURATOR,
            {
                Action.READ,
                Action.KEEP,
                Action.LOG,
                Action.LINK,
                Action.MOVE_LABEL,
                Action.MOVE_PROTECTED_LABEL,
                Action.DELETE,
                Action.DELETE_VERSION,
                Action.CURATE,
            },
        ),
        (Role.ADMIN, set(Action) - {Action.PUBLIC, Action.SIGNED_IN}),
    ],
)
def test_what_each_role_may(role: Role, allowed: set[Action]) -> None:
    access = build.access(build.user(role=role))

    assert {action for action in Action if POLICY[action].role and access.allows(action)} == allowed


@pytest.mark.parametrize("action", [a for a in Action if POLICY[a].scope == Scope.WRITE])
def test_a_read_key_of_an_admin_only_reads(action: Action) -> None:
    admin = build.user(role=Role.ADMIN)
    access = access_to(user=admin, actor=WHO, team="main", scope=Scope.READ)

    with pytest.raises(Forbidden, match="only read"):
        access.require(action)


def test_hidden_and_missing_are_the_same() -> None:
    owner = build.user(role=Role.EDITOR)
    secret = build.project(owner, "secret", private=True)
    outsider = build.user(role=Role.CURATOR)

    answers = []
    for name in (secret.name, "sesame"):
        with pytest.raises(NotFound) as refusal:
            access_to(user=outsider, actor=WHO, team="main", project=name)
        answers.append(refusal.value.message.replace(name, "…"))

    assert answers[0] == answers[1]
    assert list(Project.objects.visible_to(outsider)) == []


def test_a_private_project_is_seen_by_its_maker_those_named_and_admins() -> None:
    owner = build.user(role=Role.EDITOR)
    secret = build.project(owner, "secret", private=True)
    guest = build.user(role=Role.VIEWER)
    admin = build.user(role=Role.ADMIN)

    assert access_to(user=owner, actor=WHO, team="main", project="secret").role == Role.ADMIN
    assert access_to(user=admin, actor=WHO, team="main", project="secret").role == Role.ADMIN
    set_project_role(user=guest, role=Role.CURATOR, access=build.access(owner, project=secret))
    assert access_to(user=guest, actor=WHO, team="main", project="secret").role == Role.CURATOR
    assert list(Project.objects.visible_to(guest)) == [secret]


def test_who_leaves_the_team_is_named_for_none_of_its_projects() -> None:
    owner = build.user(role=Role.EDITOR)
    secret = build.project(owner, "secret", private=True)
    admin = build.user(role=Role.ADMIN)
    elsewhere = build.user(role=Role.ADMIN, team_name="elsewhere")
    other = build.project(elsewhere, "theirs", private=True, team_name="elsewhere")
    set_role(user=owner, team=other.team, role=Role.VIEWER, actor=WHO)
    theirs = build.access(elsewhere, project=other, team_name="elsewhere")
    set_project_role(user=owner, role=Role.VIEWER, access=theirs)

    set_role(user=owner, team=secret.team, role=None, actor=WHO)

    with pytest.raises(NotFound):
        access_to(user=owner, actor=WHO, team="main", project="secret")
    assert list(Project.objects.visible_to(owner)) == [other]
    left = Event.objects.filter(kind="project_member.changed", project_id=secret.pk)
    assert [json.loads(event.payload)["after"] for event in left] == [{"role": None}]
    # Coming back brings nothing back.
    set_role(user=owner, team=secret.team, role=Role.EDITOR, actor=WHO)
    assert list(Project.objects.visible_to(owner)) == [other]
    assert list(Project.objects.visible_to(admin)) == [secret]


def test_only_people_of_the_team_are_named() -> None:
    admin = build.user(role=Role.ADMIN)
    secret = build.project(admin, "secret", private=True)
    stranger = build.user(role=Role.ADMIN, team_name="elsewhere")

    with pytest.raises(NotFound, match="nobody named"):
        set_project_role(
            user=stranger, role=Role.VIEWER, access=build.access(admin, project=secret)
        )
    assert list(Project.objects.visible_to(stranger)) == []


def test_a_role_in_a_project_only_raises_the_teams_role() -> None:
    admin = build.user(role=Role.ADMIN)
    place = build.project(admin)
    curator = build.user(role=Role.CURATOR)

    set_project_role(user=curator, role=Role.VIEWER, access=build.access(admin, project=place))

    assert build.access(curator, project=place).role == Role.CURATOR


def test_another_teams_member_sees_nothing() -> None:
    build.project(build.user(role=Role.EDITOR))
    stranger = build.user(role=Role.ADMIN, team_name="elsewhere")

    with pytest.raises(NotFound):
        access_to(user=stranger, actor=WHO, team="main")
    with pytest.raises(NotFound):
        access_to(user=stranger, actor=WHO, team="main", project="digits")


def test_a_lowered_role_counts_at_once() -> None:
    build.user(role=Role.ADMIN)
    person = build.user(role=Role.CURATOR)
    set_role(user=person, team=build.team(), role=Role.VIEWER, actor=WHO)

    with pytest.raises(Forbidden):
        build.access(person).require(Action.LOG)


def test_an_archived_project_is_read_only_until_it_is_reopened() -> None:
    admin = build.user(role=Role.ADMIN)
    place = build.project(admin)
    set_archived(archived=True, access=build.access(admin, project=place))

    access = build.access(admin, project=place)
    access.require(Action.READ)
    with pytest.raises(Forbidden, match="archived"):
        access.require(Action.LOG)

    set_archived(archived=False, access=access)
    build.access(admin, project=place).require(Action.LOG)


@pytest.mark.parametrize("name", ["digits", "DIGITS"])
def test_project_names_are_unique_in_a_team(name: str) -> None:
    owner = build.user(role=Role.EDITOR)
    build.project(owner, "digits")

    with pytest.raises(ProjectExists):
        create_project(name=name, access=build.access(owner))


@pytest.mark.parametrize("name", ["models", "Settings", "api"])
def test_reserved_words_are_no_project_names(name: str) -> None:
    with pytest.raises(Invalid):
        create_project(name=name, access=build.access(build.user(role=Role.EDITOR)))


@pytest.mark.parametrize(
    "name", ["model-registry", "Model-Registry", "wandb-registry-model", "wandb-registry-"]
)
def test_what_clients_call_the_registry_is_no_project_name(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        create_project(name=name, access=build.access(build.user(role=Role.EDITOR)))

    assert refused.value.field == "name"
    assert "registry of a team" in refused.value.message
    assert not Project.objects.exists()


@pytest.mark.parametrize("name", ["my-model-registry", "model-registry-2", "wandb-registry"])
def test_names_like_it_are(name: str) -> None:
    made = create_project(name=name, access=build.access(build.user(role=Role.EDITOR)))

    assert made.name == name


def test_a_viewer_makes_no_project() -> None:
    with pytest.raises(Forbidden):
        create_project(name="mine", access=build.access(build.user(role=Role.VIEWER)))


def test_a_hidden_project_is_not_named_to_who_comes_by_another_way() -> None:
    owner, other = build.user(role=Role.EDITOR), build.user(role=Role.EDITOR)
    secret = build.project(owner, "secret", private=True)

    with pytest.raises(NotFound) as refused:
        build.access(other).within(secret)

    assert "secret" not in refused.value.message
