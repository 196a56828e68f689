"""A team with an open and a private project, another team, and the people around them."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.test import Client
from django.utils import timezone

from apps.accounts.choices import Role
from apps.accounts.models import Team, User
from apps.artifacts.models import Collection, Version
from apps.artifacts.services import link_version
from apps.audit.models import Event
from apps.evaluations.models import GoldenSet
from apps.projects.models import Project
from apps.registry.services.promotion import promote_version
from apps.runs.models import Run
from apps.wandb_api.models import UnknownField
from tests import build

REASON = "it is better"


@dataclass
class Place:
    """A project with a run, and a model with two scored versions; the first is in staging."""

    project: Project
    run: Run
    model: Collection
    versions: list[Version]


@dataclass
class World:
    """The curator is named for no private project; the admin sees them all."""

    team: Team
    viewer: User
    editor: User
    curator: User
    admin: User
    open: Place
    secret: Place
    registry: Collection
    linked: Version
    linked_secret: Version
    golden_set: GoldenSet
    foreign: Place
    foreign_curator: User


def make() -> World:
    admin = build.user("ada", role=Role.ADMIN)
    golden_set = build.golden_set(admin)
    opened = place(admin, "open", golden_set=golden_set)
    secret = place(admin, "secret", private=True, metric="hidden_metric")
    registry = build.collection(admin, None, "MNIST")
    UnknownField.objects.create(
        type="Run", field="shoeSize", client="wandb-core", count=3, last_seen_at=timezone.now()
    )
    foreign_curator = build.user("fay", role=Role.CURATOR, team_name="others")
    return World(
        team=build.team(),
        viewer=build.user("vic", role=Role.VIEWER),
        editor=build.user("eve", role=Role.EDITOR),
        curator=build.user("cal", role=Role.CURATOR),
        admin=admin,
        open=opened,
        secret=secret,
        registry=registry,
        linked=link(admin, opened.versions[0], registry),
        linked_secret=link(admin, secret.versions[0], registry),
        golden_set=golden_set,
        foreign=place(foreign_curator, "elsewhere", team_name="others"),
        foreign_curator=foreign_curator,
    )


def place(
    owner: User,
    name: str,
    *,
    private: bool = False,
    team_name: str = "main",
    metric: str = "loss",
    golden_set: GoldenSet | None = None,
) -> Place:
    project = build.project(owner, name, private=private, team_name=team_name)
    run = build.run(owner, project, name=f"run of {name}")
    model = build.collection(owner, project, f"model-of-{name}")
    versions = [build.version(owner, model, made_by=run) for _ in range(2)]
    for number, version in enumerate(versions):
        build.result(owner, version.artifact, 0.1 + number, on=golden_set, metric=metric)
    access = build.access(owner, project=project, team_name=team_name)
    promote_version(version=versions[0], label="staging", access=access, reason=f"why {name}")
    return Place(project, run, model, versions)


def link(owner: User, version: Version, into: Collection) -> Version:
    return link_version(artifact=version.artifact, collection=into, access=build.access(owner))


def browser(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def list_url(model: type[Model] | Model) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def row_url(row: Model, page: str = "change") -> str:
    return f"{list_url(row)}{row.pk}/{page}/"


def act(client: Client, rows: list[Any], action: str, **answer: Any) -> Any:
    """Tick rows and choose an action; with answers, send the page in between as well."""
    fields = {"action": action, "_selected_action": [row.pk for row in rows]}
    asked = client.post(list_url(rows[0]), fields | {"index": "0"})
    if not answer:
        return asked
    # Where the action is not offered, the answer is the list again or a way back to it.
    holders = asked.context.get("hidden", []) if asked.context else []
    told = {"holder": [value for name, value in holders if name == "holder"]}
    return client.post(list_url(rows[0]), fields | told | {"apply": "yes"} | answer)


def events() -> list[str]:
    """The kinds of events so far, oldest first."""
    return list(Event.objects.order_by("sequence").values_list("kind", flat=True))
