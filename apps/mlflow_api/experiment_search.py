"""Searching experiments: the projects of the caller's default team by name, time and tags."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.db.models import CharField, F, Q, QuerySet
from django.db.models.functions import Cast, Coalesce

from apps.core import filtering
from apps.core.errors import Invalid
from apps.core.filtering import Field, Op
from apps.core.paging import Key, Page, paginate
from apps.mlflow_api.call import Call
from apps.mlflow_api.conditions import Fields, rows_with_text, text_column, time_column
from apps.mlflow_api.errors import invalid
from apps.mlflow_api.models import Experiment, ExperimentTag
from apps.mlflow_api.places import DEFAULT_ID
from apps.mlflow_api.search_grammar import EXPERIMENTS, parse_filter, parse_orders
from apps.mlflow_api.services import NOTE
from apps.projects.models import Project

_NEWEST_FIRST: Final = (Key("created_at", "time", descending=True), Key("pk", "integer"))
_ORDERS: Final = {
    "name": ("called", "text"),
    "experiment_id": ("pk", "integer"),
    "creation_time": ("created_at", "time"),
    "last_update_time": ("changed_at", "time"),
}


@dataclass(frozen=True)
class Search:
    """What is asked for, as the client wrote it."""

    view_type: str = "ACTIVE_ONLY"
    filter: str = ""
    order_by: Sequence[str] = ()
    max_results: int = 1000
    page_token: str = ""


def page_of_experiments(search: Search, call: Call) -> Page[Project]:
    """A page of the experiments that the caller may see, with their rows of `Experiment`."""
    found = _visible(call)
    if search.view_type != "ALL":
        found = found.filter(deleted_at__isnull=search.view_type == "ACTIVE_ONLY")
    tree = parse_filter(search.filter, EXPERIMENTS)
    if tree is not None:
        found = found.filter(filtering.to_q(tree, Fields(partial(_field, call))))
    keys = _keys(search.order_by)
    scope = "\n".join(["experiments", search.view_type, search.filter])
    try:
        return paginate(found, keys, cursor=search.page_token, size=search.max_results, scope=scope)
    except Invalid as error:
        raise invalid(f"Invalid page token: {error.message}") from error


def project_called(name: str, call: Call) -> Project | None:
    """The experiment of this very name that the caller may see, in the bin or not."""
    return _visible(call).filter(called=name).first()


def _visible(call: Call) -> QuerySet[Any]:
    projects = Project.with_deleted.filter(team=call.user.default_team, purged_at=None)
    return (
        projects.visible_to(call.user)
        .select_related("team", "experiment")
        .annotate(
            called=Coalesce("experiment__name", "name"),
            changed_at=Coalesce("experiment__updated_at", "created_at"),
        )
    )


def _keys(order_by: Sequence[str]) -> tuple[Key, ...]:
    orders = parse_orders(order_by, EXPERIMENTS)
    if not orders:
        return _NEWEST_FIRST
    keys = [Key(*_ORDERS[order.key], descending=order.descending) for order in orders]  # type: ignore[arg-type]
    return tuple(keys if any(key.name == "pk" for key in keys) else [*keys, Key("pk", "integer")])


def _field(call: Call, entity: str, key: str) -> Field:
    if entity == "tag":
        if key == NOTE:
            return _description()
        tags = ExperimentTag.objects.filter(key=key)
        return rows_with_text(tags, "project")
    match key:
        case "name":
            return text_column("called")
        case "creation_time":
            return time_column("created_at")
        case "last_update_time":
            return time_column("changed_at")
        case _:
            return Field("text", lambda op, value: _id_condition(op, value, call))


def _description() -> Field:
    """The tag that is the project's own description: there where it is not empty."""
    there = ~Q(description="")

    def condition(op: Op, value: Any) -> Q:
        if op in ("is missing", "is not missing"):
            return ~there if op == "is missing" else there
        return there & filtering.column("description", "text").q(op, value)

    return Field("text", condition)


def _id_condition(op: Op, value: Any, call: Call) -> Q:
    """Ids are texts for the client: 0 is the default experiment, any other a primary key."""
    if op in ("like", "ilike"):
        as_text = Cast(F("pk"), CharField(max_length=20))
        ids = Project.objects.annotate(as_text=as_text).filter(as_text__like=value)
        return Q(pk__in=ids.values("pk"))
    asked = value if isinstance(value, tuple) else (value,)
    numbers = [int(one) for one in asked if one.isascii() and one.isdigit() and len(one) < 19]
    found = Q(pk__in=numbers)
    if DEFAULT_ID in asked:
        default = Experiment.objects.filter(team=call.user.default_team, is_default=True)
        found |= Q(pk__in=default.values("project"))
    return found if op in ("=", "in") else ~found
