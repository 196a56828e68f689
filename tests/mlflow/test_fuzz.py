"""Whatever is sent to whichever endpoint: never a fault of ours, and a refusal changes nothing."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.choices import Role
from apps.api.models import IdempotencyRecord
from apps.artifacts.services import begin_artifact
from apps.core.errors import Busy, StorageFull
from apps.mlflow_api import endpoint as binding
from apps.mlflow_api import urls  # noqa: F401 (binds every endpoint)
from apps.mlflow_api.endpoint import ENDPOINTS
from apps.mlflow_api.services import ensure_default
from tests import build
from tests.mlflow.conftest import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# The names of fields that some endpoint reads; whatever else is sent is ignored by all.
FIELDS: Final = """
    alias archive_existing_versions artifact_location ascending context dataset dataset_digest
    dataset_name datasets description digest end_time experiment_id experiment_ids experiment_name
    field_name filter key max_results metric_key metrics model_id model_json model_type models name
    new_name num_parts order_by page_token params path profile run_id run_ids run_link run_name
    run_uuid run_view_type schema source source_run_id source_type stage stages start_step
    start_time status step tags timestamp user_id value version versions view_type
""".split()  # noqa: SIM905
ODD_TEXTS: Final = [
    "",
    "\x00",
    "../../etc/passwd",
    "a" * 5_000,
    "'; DROP TABLE runs_run; --",
    "metrics.x > 1 AND params.a = 'b'",
    "name LIKE '%'",
    "metrics.`x y` DESC",
    "metrics.x = nan OR (",
    "tags.`" + "é" * 200,
    "NaN",
    "1e999",
    "-1",
    "99999999999999999999",
    "models:/m-x",
    "runs:/x/../y",
    "LOGGED_MODEL_READY",
    "Production",
    "FINISHED",
    "ALL",
    "\ud7ff\u202e😀",
    "eyJvZmZzZXQiOiAxfQ==",
]
# What one request may move without having changed anything: when a key was last used.
PASSING: Final = {"accounts_apikey", IdempotencyRecord._meta.db_table, "django_session"}


class World:
    """Something of each kind, whose names the fuzzer knows."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        # Whoever asks first makes it, also with a question that is refused.
        ensure_default(build.team())
        place = build.project(caller.user)
        run = build.run(caller.user, place, config={"a": "1"})
        version = build.version(caller.user, build.collection(caller.user, place), made_by=run)
        registry = build.collection(caller.user, None, "MNIST")
        build.version(caller.user, registry, place=place)
        access = build.access(caller.user, project=place)
        draft = begin_artifact(type="model", access=access)
        self.known = [
            str(place.pk),
            "0",
            run.key,
            f"m-{version.artifact.key}",
            f"m-{draft.key}",
            "MNIST",
            "1",
            f"{place.pk}/{run.key}/artifacts/a.txt",
            f"{place.pk}/models/m-{draft.key}/artifacts/a.txt",
            f"mlflow-artifacts:/{place.pk}/{run.key}/artifacts",
            f"runs:/{run.key}/model",
        ]


def values(known: list[str]) -> st.SearchStrategy[Any]:
    texts = st.one_of(st.sampled_from(known), st.sampled_from(ODD_TEXTS), st.text(max_size=30))
    plain = st.one_of(
        texts,
        texts,
        st.none(),
        st.booleans(),
        st.integers(min_value=-(2**70), max_value=2**70),
        st.floats(allow_nan=True, allow_infinity=True),
    )
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
        ),
        max_leaves=8,
    )


def tables() -> dict[str, Any]:
    """Every row of every table, but for what a look is allowed to touch."""
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            if table not in PASSING:
                cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 (our tables)
                found[table] = sorted(map(repr, cursor.fetchall()))
    return found


def bound() -> Iterator[tuple[str, str]]:
    for address, methods in sorted(ENDPOINTS.items()):
        for method in sorted(methods):
            yield method, address


def filled(address: str, known: list[str]) -> st.SearchStrategy[str]:
    """The address with something in the place of each parameter."""
    parts: list[st.SearchStrategy[str]] = []
    for part in address.replace(">", "<").split("<"):
        is_parameter = ":" in part
        parts.append(
            st.one_of(st.sampled_from(known), st.sampled_from(["x", "..", "%2e%2e", "a//b", " "]))
            if is_parameter
            else st.just(part)
        )
    return st.tuples(*parts).map("".join)


@pytest.fixture
def world(calling: Callable[..., Caller]) -> World:
    return World(calling(Role.ADMIN))


@pytest.mark.parametrize(("method", "address"), list(bound()))
def test_no_input_is_a_fault_and_no_refusal_a_change(
    world: World, method: str, address: str
) -> None:
    root = "/api/2.0/" if address.startswith("mlflow") else "/"
    # Every example is undone, so this is where each of them begins.
    before = tables()

    @settings(
        max_examples=8,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        path=filled(address, world.known),
        fields=st.dictionaries(st.sampled_from(FIELDS), values(world.known), max_size=6),
        torn=st.sampled_from([None, None, None, None, b"{", b"[]", b'"x"', b"\xff", b"{" * 2000]),
    )
    def hold(path: str, fields: dict[str, Any], torn: bytes | None) -> None:
        with transaction.atomic():
            response = send(world.caller, method, root + path, fields, torn)
            body = b"".join(response) if response.streaming else response.content
            if response.status_code >= 400:
                assert json.loads(body)["error_code"], body
                assert tables() == before, "a refused call changed something"
            transaction.set_rollback(True)
        assert response.status_code < 500 or response.status_code == 501, body
        # The client would repeat these for minutes.
        assert response.status_code not in (408, 429), body

    hold()


def send(caller: Caller, method: str, path: str, fields: dict[str, Any], torn: bytes | None) -> Any:
    headers = {"Authorization": f"Bearer {caller.key}"}
    if method == "GET":
        query = {
            name: [str(one) for one in value] if isinstance(value, list) else str(value)
            for name, value in fields.items()
        }
        return Client().get(path, query_params=query, headers=headers)
    data = json.dumps(fields).encode() if torn is None else torn
    return Client().generic(method, path, data, content_type="application/json", headers=headers)


@pytest.mark.parametrize("error", [Busy("Busy."), StorageFull("Full.")])
def test_what_passes_by_itself_is_told_as_that(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A fault inside an endpoint, after it has begun: told, and undone."""

    def fail(*_arguments: object, **_more: object) -> None:
        raise error

    before = tables()
    monkeypatch.setattr(binding, "answer", fail)
    status, code = world.caller.refused("GET", "server-info")

    assert (status, code) in [(503, "TEMPORARILY_UNAVAILABLE"), (507, "RESOURCE_EXHAUSTED")]
    assert tables() == before
