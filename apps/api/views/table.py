"""The status table, with the parameters of its page: as JSON by pages, or as CSV whole."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from ninja import Query

from apps.api.operations import EITHER, ApiRequest, operation
from apps.api.views.models import model_of
from apps.api.wire.base import CursorText, Size
from apps.api.wire.table import TableOut, table_out
from apps.core.errors import Invalid
from apps.core.tables import DEFAULT_SIZE, TableQuery
from apps.projects.access import Action
from apps.registry.models import Column
from apps.registry.queries.export import table_lines
from apps.registry.queries.table import columns_of, status_table

MAX_CHOSEN = 200

_CSV: dict[str, Any] = {
    "responses": {
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
    }
}


@operation(
    "GET",
    "/models/{collection}/table",
    Action.READ,
    places=EITHER,
    returns=TableOut,
    describe=_CSV,
)
def show_table(
    request: ApiRequest,
    collection: str,
    q: str = "",
    filter: str = "",
    status: Annotated[list[str], Query(max_length=50)] = (),  # type: ignore[assignment]
    sort: str = "",
    columns: Annotated[list[str], Query(max_length=MAX_CHOSEN)] = (),  # type: ignore[assignment]
    cursor: CursorText = "",
    size: Size = DEFAULT_SIZE,
    format: Literal["json", "csv"] | None = None,
) -> TableOut | StreamingHttpResponse:
    """The status table of a model.

    `filter` is a query such as `status = "production" or loss@10k < 0.2`; `q` searches; `status`
    names labels of which a row must hold one; `sort` is version, logged or a column's slug, with
    `-` in front for descending; `columns` are slugs with commas, all shown ones when left out.
    `format=csv`, or `Accept: text/csv`, gives every matching row at once.
    """
    model = model_of(request, collection)
    user = request.access.user
    known = columns_of(model, user)
    shown = _chosen(known, columns)
    query = TableQuery(
        sort=sort, where=filter, status=tuple(status), search=q, cursor=cursor, size=size
    )
    if format == "csv" or (format is None and _wants_csv(request)):
        lines = table_lines(model, query, user, columns=shown)
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = content_disposition_header(
            True, f"{model.name}.csv"
        )
        return response
    return table_out(status_table(model, query, user, columns=shown))


def _chosen(known: Sequence[Column], given: Sequence[str]) -> list[Column]:
    """The columns that are named, in that order; the shown ones when none is. Raises Invalid."""
    if not given:
        return [column for column in known if column.is_visible]
    by_slug = {column.slug: column for column in known}
    chosen = {}
    # A slug may hold a comma itself; then it has its parameter to itself.
    slugs = given[0].split(",") if len(given) == 1 and given[0] not in by_slug else given
    for slug in slugs:
        if slug not in by_slug:
            raise Invalid(f"There is no column {slug[:200]!r}.", field="columns")
        chosen[slug] = by_slug[slug]
    return list(chosen.values())


def _wants_csv(request: ApiRequest) -> bool:
    return request.get_preferred_type(["application/json", "text/csv"]) == "text/csv"
