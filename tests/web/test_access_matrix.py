"""Every route against everybody: what the policy table says is what each of them answers.

The routes come from the resolver, so a new one is covered the moment it exists. Its address is
filled from one small world; a parameter that the world cannot fill fails the test.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BytesIO

import pytest
from django.apps import apps
from django.db import transaction
from django.db.models import Q
from django.test import Client
from django.urls import reverse

from apps.accounts.choices import Role, Scope
from apps.accounts.models import ApiKey, User
from apps.accounts.services import create_login_link, set_role
from apps.artifacts.models import ArtifactFile
from apps.artifacts.tags import change_tags
from apps.bin.services.deletion import delete_run
from apps.content.services import store
from apps.core.checks import ANY, Route, routes
from apps.evaluations.models import MetricDefinition
from apps.projects.access import POLICY, Access, Action, role_in, strongest_role
from apps.projects.models import Project
from apps.projects.services import set_project_role
from apps.registry.choices import Sharing
from apps.registry.queries.views import Viewed
from apps.registry.services.promotion import promote_version
from apps.registry.services.views import save_view
from apps.runs.files import NewFile, put_files
from apps.runs.services import log_points
from apps.series.services import Batch
from tests import build

pytestmark = pytest.mark.django_db

API = "api/"
CLIENT_ADDRESSES = (
    "ajax-api/",
    "get-artifact",
    "model-versions/",
    "graphql",
    "files/",
    "artifacts/",
    "artifactsV2/",
)
BODY = b"{}"
PARAMETER = re.compile(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>")


@dataclass
class Place:
    """A project with one of everything, under names that are the same in each place."""

    project: Project
    run: str
    artifact: str
    result: int
    view: int
    run_view: int
    item: str


@dataclass
class World:
    """Two projects in the team main, one of them private, and a model in the registry."""

    owner: User
    open: Place
    secret: Place
    token: str
    registry_view: int

    def value(self, route: Route, name: str, place: Place, user: User | None) -> str:
        """What stands for a parameter. Raises LookupError for one that nobody has thought of."""
        if name == "name":
            return "loss" if "metrics/" in route.pattern else "digits-10k"
        if name == "key" and "settings/keys" in route.pattern:
            return str(ApiKey.objects.filter(user=self.owner).earliest("pk").pk)
        if name == "key":
            return place.artifact if "/artifacts/<key>" in route.pattern else "loss"
        if name == "path" and "mlflow" in route.pattern:
            return f"{place.project.pk}/models/m-{place.artifact}/artifacts/data.bin"
        if name == "object_id":
            return str(self.row(route.pattern))
        if name == "pk":
            # One's own, as the page of keys would link to; somebody else's for a stranger.
            return str(ApiKey.objects.filter(user=user or self.owner).earliest("pk").pk)
        return {
            "team": "main",
            "project": place.project.name,
            "run": place.run,
            "collection": "candidates",
            "type": "model",
            "number": "1",
            "version": "v1",
            "label": "staging",
            "path": "data.bin",
            "registry": "model-registry",
            "kind": "model",
            "username": self.owner.username,
            "metric": str(MetricDefinition.objects.get(name="loss").pk),
            "result": str(place.result),
            "view": str(self.view(route, place)),
            "item": place.item,
            "model_id": f"m-{place.artifact}",
            "digest": hashlib.sha256(BODY).hexdigest(),
            "rest": md5_of(place.artifact),
            "region": "default",
            "token": self.token,
        }[name]

    def view(self, route: Route, place: Place) -> int:
        """A saved view of the table that the route is about."""
        if "project>" not in route.pattern:
            return self.registry_view
        return place.view if "/models/" in route.pattern else place.run_view

    def row(self, pattern: str) -> int:
        """A row of the team main, outside its private project, for a page of the admin."""
        _admin, app, model, *_rest = pattern.split("/")
        rows = apps.get_model(app, model).objects.all()
        hidden = {
            "project": Q(pk=self.secret.project.pk),
            "run": Q(project=self.secret.project),
            "artifactversion": Q(project=self.secret.project),
            "collection": Q(project=self.secret.project),
            "version": Q(collection__project=self.secret.project),
            "labelholding": Q(collection__project=self.secret.project),
            "column": Q(collection__project=self.secret.project),
            "event": Q(project_id=self.secret.project.pk) | Q(team_id=None),
        }
        return int(rows.exclude(hidden.get(model, Q(pk=None))).earliest("pk").pk)

    def address(self, route: Route, place: Place, user: User | None) -> str:
        """The address of the route in this place."""
        return "/" + PARAMETER.sub(
            lambda found: self.value(route, found["name"], place, user), route.pattern
        )


@dataclass
class Caller:
    """Somebody, and by which way in: a session for pages, a key for the API."""

    name: str
    user: User | None
    key: str = ""
    scope: Scope = Scope.WRITE
    has_session: bool = True
    client: Client = field(default_factory=Client)

    def __post_init__(self) -> None:
        if self.user is not None and self.has_session:
            self.client.force_login(self.user)

    def is_known_at(self, route: Route) -> bool:
        """Sessions count for pages alone, keys for the API alone."""
        return bool(self.key) if is_api(route) else self.user is not None and self.has_session


def is_api(route: Route) -> bool:
    return route.pattern.startswith((API, *CLIENT_ADDRESSES))


# With the body that is sent here they act in the caller's default team.
AT_HOME = ("experiments/create", "runs/create", "model-versions/update")


def names_no_place(route: Route) -> bool:
    """The lists of the admin are open to who may do such a thing in any team, and show those.

    What the other makers' clients ask names its place in the body, after the same check; what is
    checked there is in tests/mlflow and tests/wandb.
    """
    if "mlflow" in route.pattern or "get-artifact" in route.pattern:
        return "<" not in route.pattern
    if route.pattern == "graphql":
        return True
    return route.pattern.startswith("admin") and "object_id" not in route.pattern


def md5_of(artifact: str) -> str:
    """Of the one file that it has."""
    files = ArtifactFile.objects.filter(artifact__key=artifact)
    return str(files.values_list("blob__md5", flat=True).get())


@pytest.fixture
def world() -> World:
    owner = build.user("owner", role=Role.ADMIN)
    golden_set = build.golden_set(owner)
    build.project(owner, "open")
    build.project(owner, "secret", private=True)
    registry = build.collection(owner, None)
    places = []
    for project in Project.objects.order_by("name"):
        allowed = build.access(owner, project=project)
        run = build.run(owner, project)
        points = Batch("loss", steps=[1, 2], times=[1.0, 2.0], values=[0.5, 0.4])
        log_points(run=run, batches=[points], access=allowed)
        blob = store(owner_id=project.pk, stream=BytesIO(BODY), max_bytes=100)
        put_files(run=run, files=[NewFile("data.bin", blob)], access=allowed)
        version = build.version(owner, build.collection(owner, project), made_by=run)
        result = build.result(owner, version.artifact, 0.5, on=golden_set)
        change_tags(tagged=version.artifact, put={"loss": "low"}, access=allowed)
        promote_version(version=version, label="staging", access=allowed)
        gone = build.run(owner, project)
        delete_run(run=gone, reason="old", accept_consequences=True, access=allowed)
        places.append(
            Place(
                project,
                run.key,
                version.artifact.key,
                result.pk,
                saved_view(version.collection, allowed),
                saved_view(project, allowed),
                f"run-{gone.pk}",
            )
        )
    linked = build.version(owner, registry, place=places[0].project)
    promote_version(version=linked, label="staging", access=build.access(owner))
    build.api_key(owner)
    open_place, secret = places
    token = create_login_link(user=owner, actor=build.SYSTEM)
    return World(
        owner, open_place, secret, token, saved_view(linked.collection, build.access(owner))
    )


def saved_view(viewed: Viewed, access: Access) -> int:
    """A view of the team's."""
    view = save_view(viewed=viewed, name="best", state="", sharing=Sharing.TEAM, access=access)
    return view.pk


def member(role: Role) -> Caller:
    user = build.user(str(role), role=role)
    return Caller(str(role), user, key=build.api_key(user))


def without_role(_world: World) -> Caller:
    user = build.user("nobody")
    set_role(user=user, team=build.team(), role=None, actor=build.SYSTEM)
    return Caller("no role", user, key=build.api_key(user))


def of_another_team(_world: World) -> Caller:
    user = build.user("foreigner", role=Role.ADMIN, team_name="others")
    return Caller("admin of another team", user, key=build.api_key(user))


def with_read_key(_world: World) -> Caller:
    user = build.user("reader", role=Role.ADMIN)
    key = build.api_key(user, scope=Scope.READ)
    return Caller("read key", user, key=key, scope=Scope.READ, has_session=False)


def with_write_key(_world: World) -> Caller:
    user = build.user("writer", role=Role.EDITOR)
    return Caller("write key", user, key=build.api_key(user), has_session=False)


def named_for_the_secret(world: World) -> Caller:
    user = build.user("named", role=Role.VIEWER)
    secret = build.access(world.owner, project=world.secret.project)
    set_project_role(user=user, role=Role.EDITOR, access=secret)
    return Caller("named for the private project", user, key=build.api_key(user))


CALLERS: dict[str, Callable[[World], Caller]] = {
    "anonymous": lambda _world: Caller("anonymous", None),
    "no-role": without_role,
    "viewer": lambda _world: member(Role.VIEWER),
    "editor": lambda _world: member(Role.EDITOR),
    # A member of the team who is not named for its private project.
    "curator": lambda _world: member(Role.CURATOR),
    "admin": lambda _world: member(Role.ADMIN),
    "read-key": with_read_key,
    "write-key": with_write_key,
    "another-team": of_another_team,
    "named": named_for_the_secret,
}


def expected(caller: Caller, route: Route, project: Project | None) -> str:
    """What the policy table says."""
    rule = POLICY[route.action]
    if route.action == Action.DELETE and route.pattern.endswith("logged-models/<str:model_id>"):
        # The model that stands here is sealed: with it goes a version.
        rule = POLICY[Action.DELETE_VERSION]
    if route.action == Action.PUBLIC:
        return "reached"
    if not caller.is_known_at(route):
        return "unknown"
    assert caller.user is not None
    if rule.role is not None:
        role = role_for(caller.user, route, project)
        if role is None:
            return "hidden"
        if not role.at_least(rule.role):
            return "forbidden"
    return "forbidden" if rule.scope == Scope.WRITE != caller.scope else "reached"


def role_for(user: User, route: Route, project: Project | None) -> Role | None:
    if route.pattern.endswith(AT_HOME):
        membership = user.memberships.filter(team=user.default_team).first()
        return Role(membership.role) if membership else None
    return strongest_role(user) if names_no_place(route) else role_at(user, project)


def role_at(user: User, project: Project | None) -> Role | None:
    if project is not None:
        return role_in(user, build.team(), project)
    membership = user.memberships.filter(team=build.team()).first()
    return Role(membership.role) if membership else None


def outcome(caller: Caller, route: Route, method: str, address: str) -> str:
    """What the route answers, undone again."""
    headers = {"Authorization": f"Bearer {caller.key}"} if caller.key else {}
    is_write = method in ("POST", "PUT", "PATCH")
    content_type = "application/json" if is_api(route) else "application/x-www-form-urlencoded"
    with transaction.atomic():
        response = caller.client.generic(
            method,
            address,
            (BODY if is_api(route) else b"") if is_write else b"",
            content_type=content_type if is_write else "application/octet-stream",
            headers=headers,
        )
        if response.streaming:
            b"".join(response)
        transaction.set_rollback(True)
    status = response.status_code
    if status == 401 or response.headers.get("Location", "").startswith(reverse("sign_in")):
        return "unknown"
    # 501 is for what a client may ask and this server never does.
    is_answer = status < 500 or status == 501
    return {403: "forbidden", 404: "hidden"}.get(status, "reached" if is_answer else "fault")


def methods_of(route: Route) -> list[str]:
    return [route.method] if route.method != ANY else ["GET", "POST"]


@pytest.mark.slow
@pytest.mark.parametrize("who", CALLERS)
def test_every_route_keeps_its_policy(world: World, who: str) -> None:
    caller = CALLERS[who](world)
    wrong = []
    for route in routes():
        if route.action == Action.PUBLIC:
            continue
        is_in_project = "project>" in route.pattern
        for place in [world.open, world.secret] if is_in_project else [world.open]:
            wanted = expected(caller, route, place.project if is_in_project else None)
            address = world.address(route, place, caller.user)
            for method in methods_of(route):
                found = outcome(caller, route, method, address)
                if found != wanted:
                    wrong.append(f"{method} {address}: {found}, not {wanted}")
    assert wrong == []


def test_the_matrix_has_every_kind_of_cell(world: World) -> None:
    """It would prove little if nobody were ever refused."""
    cells = {
        expected(caller, route, place.project)
        for caller in (Caller("anonymous", None), member(Role.VIEWER))
        for route in routes()
        for place in (world.open, world.secret)
    }
    assert cells == {"reached", "unknown", "hidden", "forbidden"}


def test_what_is_public_asks_nobody_to_sign_in(world: World) -> None:
    stranger = Caller("anonymous", None)
    public = [route for route in routes() if route.action == Action.PUBLIC]
    answers = {
        route.name or route.pattern: outcome(
            stranger, route, "GET", world.address(route, world.open, None)
        )
        for route in public
    }
    assert answers == {
        "health": "reached",
        "healthz": "reached",
        "readyz": "reached",
        "metrics": "hidden",  # while no token is set
        "openapi": "reached",
        "sign_in": "reached",
        "sign_in_link": "reached",
        "sign_out": "reached",
        "theme": "reached",
        "version": "reached",
        "wandb-manifest": "forbidden",  # without an address that was signed
        "wandb-storage": "forbidden",  # without an address that was signed
        "words": "reached",
    }


def test_a_session_is_nobody_to_the_api(world: World) -> None:
    caller = Caller("session only", world.owner)
    found = {
        outcome(caller, route, route.method, world.address(route, world.open, world.owner))
        for route in routes()
        if is_api(route) and route.action != Action.PUBLIC
    }
    assert found == {"unknown"}


def test_a_key_opens_no_page(world: World) -> None:
    caller = Caller("key only", world.owner, key=build.api_key(world.owner), has_session=False)
    found = {
        outcome(caller, route, "GET", world.address(route, world.open, world.owner))
        for route in routes()
        if not is_api(route) and route.action != Action.PUBLIC
    }
    assert found == {"unknown"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-CSRFToken": "x" * 64},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_no_form_is_taken_without_its_token(world: World, headers: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.owner)
    taken = [
        route.pattern
        for route in routes()
        if not is_api(route)
        # A signed address is a right by itself: no session is looked at.
        and not route.pattern.startswith("storage/")
        and client.post(world.address(route, world.open, world.owner), headers=headers).status_code
        != 403
    ]
    assert taken == []


def test_no_page_shows_the_marks_of_its_template(world: World) -> None:
    """A tag that is written wrongly is sent as it stands."""
    client = Client()
    client.force_login(world.owner)
    for route in routes():
        answer = client.get(world.address(route, world.open, world.owner))
        if answer.headers["Content-Type"].startswith("text/html") and not answer.streaming:
            text = answer.content.decode()
            assert not any(mark in text for mark in ("{% ", "{{ ", "{# ")), route.pattern


def test_hidden_and_missing_look_the_same(world: World) -> None:
    viewer = member(Role.VIEWER)
    for route in routes():
        if "<name:project>" not in route.pattern or is_api(route):
            continue
        hidden = viewer.client.get(world.address(route, world.secret, viewer.user))
        elsewhere = replace(world.secret, project=Project(name="nowhere"))
        missing = viewer.client.get(world.address(route, elsewhere, viewer.user))
        assert hidden.status_code == missing.status_code == 404
        shown = hidden.content.replace(b"secret", b"nowhere")
        assert _without_tokens(shown) == _without_tokens(missing.content)


def _without_tokens(page: bytes) -> bytes:
    return re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", page)
