"""Searching registered models, their versions, and logged models: filter, order, pages by key."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.db.models import FloatField, OuterRef, Q, QuerySet, Subquery

from apps.artifacts.choices import ArtifactState
from apps.artifacts.models import ArtifactTag, CollectionTag, Tag, Version, VersionTag
from apps.core.filtering import Field, Op, Tree, column, to_q
from apps.core.paging import Key, Page, paginate
from apps.mlflow_api.call import Call
from apps.mlflow_api.conditions import Fields, rows_with_text, text_column, time_column
from apps.mlflow_api.endpoint import Message
from apps.mlflow_api.model_messages import LOADED, logged_model_messages
from apps.mlflow_api.models import LoggedModel, LoggedModelMetric, LoggedModelParam
from apps.mlflow_api.places import MODEL_ID_PREFIX, projects_by_ids
from apps.mlflow_api.registry import IS_PROMPT, models_of, versions_seen
from apps.mlflow_api.search_grammar import (
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    Order,
    parse_filter,
    parse_order_key,
    parse_orders,
)
from apps.mlflow_api.version_messages import model_messages, version_messages
from apps.mlflow_api.wire import Params
from apps.projects.access import Access

MAX_MODELS: Final = 1_000
MAX_VERSIONS: Final = 200_000
MAX_LOGGED: Final = 5_000
MAX_EXPERIMENTS: Final = 1_000
MAX_DATASETS: Final = 100


def search_models(call: Call, access: Access) -> Message:
    """A page of the registered models that fit."""
    text = call.params.text("filter")
    where = _where(
        parse_filter(text, REGISTERED_MODELS),
        {
            "name": text_column("name"),
            "creation_timestamp": time_column("created_at"),
            "last_updated_timestamp": time_column("updated_at"),
        },
        {"tag": lambda key: _tag(CollectionTag.objects.all(), "collection", key)},
    )
    keys = _keys(
        parse_orders(call.params.texts("order_by"), REGISTERED_MODELS),
        {
            "name": ("name_key", "text"),
            "creation_timestamp": ("created_at", "time"),
            "last_updated_timestamp": ("updated_at", "time"),
        },
        default=(),
        last=(Key("name_key", "text"), Key("id", "integer")),
    )
    models = _without_prompts(models_of(access).filter(where), CollectionTag, "collection", text)
    page = _page(models, keys, call.params, text, default=100, most=MAX_MODELS)
    found = model_messages(page.rows, call, access)
    return {"registered_models": found, "next_page_token": page.next}


def search_versions(call: Call, access: Access) -> Message:
    """A page of the model versions that fit."""
    text = call.params.text("filter")
    where = _where(
        parse_filter(text, MODEL_VERSIONS),
        {
            "name": text_column("collection__name"),
            "version_number": column("number", "number"),
            "run_id": _either("registration__run_id", "artifact__made_by__key"),
            "source_path": text_column("registration__source"),
            "creation_timestamp": time_column("linked_at"),
            "last_updated_timestamp": time_column("updated_at"),
        },
        {"tag": lambda key: _tag(VersionTag.objects.all(), "version", key)},
    )
    keys = _keys(
        parse_orders(call.params.texts("order_by"), MODEL_VERSIONS),
        {
            "name": ("collection__name_key", "text"),
            "version_number": ("number", "integer"),
            "creation_timestamp": ("linked_at", "time"),
            "last_updated_timestamp": ("updated_at", "time"),
        },
        default=(Key("updated_at", "time", descending=True),),
        last=(
            Key("collection__name_key", "text"),
            Key("number", "integer", descending=True),
            Key("id", "integer"),
        ),
    )
    seen = versions_seen(access).filter(where)
    versions = _without_prompts(seen, VersionTag, "version", text).select_related("collection")
    page = _page(versions, keys, call.params, text, default=10_000, most=MAX_VERSIONS)
    found = version_messages([row.pk for row in page.rows], call, with_aliases=False)
    shown = [found[row.pk] for row in page.rows if row.pk in found]
    return {"model_versions": shown, "next_page_token": page.next}


def search_logged(call: Call) -> Message:
    """A page of the logged models of some experiments that fit."""
    params = call.params
    text = params.text("filter")
    metrics = LoggedModelMetric.objects.filter(_datasets(params))
    where = _where(
        parse_filter(text, LOGGED_MODELS),
        {
            "name": text_column("name"),
            "model_id": _model_id(),
            "model_type": text_column("model_type"),
            "status": text_column("status"),
            "source_run_id": text_column("source_run__key"),
            "creation_timestamp": time_column("created_at"),
            "last_updated_timestamp": time_column("updated_at"),
        },
        {
            "tag": lambda key: _tag(ArtifactTag.objects.all(), "artifact__logged_model", key),
            "param": lambda key: rows_with_text(LoggedModelParam.objects.filter(key=key), "model"),
            "metric": lambda key: _metric(metrics.filter(key=key)),
        },
    )
    projects = _projects(call, params)
    models = LoggedModel.objects.filter(where, project__in=projects).filter(
        # One whose places are all in the bin is deleted for this protocol.
        Q(artifact__state=ArtifactState.PENDING)
        | Q(
            artifact__in=Version.objects.filter(
                deleted_at=None, collection__deleted_at=None, artifact__project__in=projects
            ).values("artifact")
        )
    )
    models, keys = _logged_order(models, params)
    page = _page(models, keys, params, text, default=100, most=MAX_LOGGED, beside=str(projects))
    by_key = {
        one.pk: one
        for one in LoggedModel.objects.filter(pk__in=[row.pk for row in page.rows]).select_related(
            *LOADED
        )
    }
    found = [by_key[row.pk] for row in page.rows if row.pk in by_key]
    return {"models": logged_model_messages(found, call), "next_page_token": page.next}


def _where(
    tree: Tree | None,
    attributes: Mapping[str, Field],
    entities: Mapping[str, Callable[[str], Field]],
) -> Q:
    """A filter as a condition on rows."""

    def make(entity: str, key: str) -> Field:
        return attributes[key] if entity == "attribute" else entities[entity](key)

    return to_q(tree, Fields(make))


def _without_prompts(rows: QuerySet[Any], tags: type[Tag], owner: str, text: str) -> QuerySet[Any]:
    """Prompts are found only by a filter that names their tag, as with mlflow's own server."""
    if IS_PROMPT in text:
        return rows
    prompts = tags._default_manager.filter(name=IS_PROMPT, value__iexact="true")
    return rows.exclude(pk__in=prompts.values(owner))


def _tag(rows: QuerySet[Any], owner: str, key: str) -> Field:
    """A tag: without it nothing matches, but for the tag of prompts, by whose absence the client
    tells models from them."""
    return rows_with_text(rows.filter(name=key), owner, absent_differs=key == IS_PROMPT)


def _metric(rows: QuerySet[LoggedModelMetric]) -> Field:
    value = column("value", "number")
    return Field(
        "number", lambda op, wanted: Q(pk__in=rows.filter(value.q(op, wanted)).values("model"))
    )


def _projects(call: Call, params: Params) -> list[int]:
    """The experiments to search; those that are not there, or not to be seen, have no models."""
    found = projects_by_ids(params.texts("experiment_ids", most=MAX_EXPERIMENTS), call)
    call.is_placed = bool(found)
    return sorted(project.pk for project in found)


def _datasets(params: Params) -> Q:
    """The data sets to which metrics in the filter are narrowed."""
    wanted = Q()
    for one in params.messages("datasets", most=MAX_DATASETS):
        wanted |= _dataset(one.text("dataset_name", required=True), one.text("dataset_digest"))
    return wanted


def _dataset(name: str, digest: str) -> Q:
    found = Q(dataset_name=name) if name else Q()
    return found & Q(dataset_digest=digest) if digest else found


def _logged_order(
    models: QuerySet[LoggedModel], params: Params
) -> tuple[QuerySet[Any], Sequence[Key]]:
    """Logged models with what they are ordered by: `order_by` is a list of messages here."""
    keys: list[Key] = []
    known = {
        "name": ("name", "text"),
        "model_id": ("artifact__key", "text"),
        "model_type": ("model_type", "text"),
        "status": ("status", "text"),
        "source_run_id": ("source_run__key", "text"),
        "creation_timestamp": ("created_at", "time"),
        "last_updated_timestamp": ("updated_at", "time"),
    }
    for at, one in enumerate(params.messages("order_by", most=10)):
        field = parse_order_key(one.text("field_name", required=True), LOGGED_MODELS)
        falls = not one.boolean("ascending", default=True)
        entity, _, name = field.partition(".")
        if entity == "attribute":
            path, kind = known[name]
            keys.append(_key(path, kind, falls, nullable=name == "source_run_id"))
            continue
        rows = LoggedModelMetric.objects.filter(
            _dataset(one.text("dataset_name"), one.text("dataset_digest")),
            model=OuterRef("pk"),
            key=name,
        ).order_by("-timestamp_ms", "-step", "-pk")
        models = models.annotate(
            **{f"metric_{at}": Subquery(rows.values("value")[:1], output_field=FloatField())}
        )
        keys.append(_key(f"metric_{at}", "number", falls, nullable=True))
    if not any(key.name == "created_at" for key in keys):
        keys.append(Key("created_at", "time", descending=True))
    return models.select_related("artifact", "source_run"), [*keys, Key("id", "integer", True)]


def _keys(
    orders: Sequence[Order],
    known: Mapping[str, tuple[str, str]],
    *,
    default: Sequence[Key],
    last: Sequence[Key],
) -> list[Key]:
    """The keys of a page: as asked or as usual, and then what makes the order whole."""
    keys = [_key(*known[order.key], order.descending) for order in orders] or list(default)
    named = {key.name for key in keys}
    return [*keys, *(key for key in last if key.name not in named)]


def _key(path: str, kind: Any, descending: bool, *, nullable: bool = False) -> Key:
    return Key(path, kind, descending, nullable)


def _page(
    rows: QuerySet[Any],
    keys: Sequence[Key],
    params: Params,
    text: str,
    *,
    default: int,
    most: int,
    beside: str = "",
) -> Page[Any]:
    size = params.integer("max_results", default, minimum=1, maximum=most)
    token = params.text("page_token")
    return paginate(rows, keys, cursor=token, size=size, scope=f"mlflow {text} {beside}")


def _either(said: str, known: str) -> Field:
    """What a client said of a version, and where it said nothing what is known of its origin."""

    def q(op: Op, value: object) -> Q:
        unsaid = Q(**{f"{said}__isnull": True}) | Q(**{said: ""})
        spoken = column(said, "text").q(op, value) & ~unsaid
        return spoken | column(known, "text").q(op, value) & unsaid

    return Field("text", q)


def _model_id() -> Field:
    """The id is a key behind a prefix; only whole ids are looked for."""

    def q(op: Op, value: object) -> Q:
        texts = value if isinstance(value, tuple) else (value,)
        keys = tuple(str(text).removeprefix(MODEL_ID_PREFIX) for text in texts)
        return column("artifact__key", "text").q(op, keys if isinstance(value, tuple) else keys[0])

    return Field("text", q)
