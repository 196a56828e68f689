"""POST /graphql."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from apps.core.errors import Invalid
from apps.core.jsontext import dump, parse
from apps.projects.access import Action, requires_anywhere
from apps.wandb_api import documents, mutations, types  # noqa: F401  importing declares them
from apps.wandb_api.context import Context
from apps.wandb_api.executor import execute


@requires_anywhere(Action.READ)
def graphql(request: HttpRequest) -> HttpResponse:
    """One document. Each field looks to its own rights; to be here takes a key and a team."""
    # What no text can hold is mended: notes are as little at fault as output.
    body = parse(request.body, allow_nonfinite=True, mend_texts=True)
    if not isinstance(body, Mapping):
        raise Invalid("The request must be one object with a query.")
    text, name = body.get("query"), body.get("operationName")
    variables: Any = body.get("variables") or {}
    if not isinstance(text, str) or not isinstance(name, str | None):
        raise Invalid("query and operationName must be text.")
    if not isinstance(variables, Mapping):
        raise Invalid("variables must be an object.")
    context = Context(request)
    answer = execute(documents.read(text), context, variables=variables, operation_name=name)
    context.unknown.keep()
    found: dict[str, Any] = {"data": answer.data}
    if answer.errors:
        found["errors"] = answer.errors
    return HttpResponse(dump(found), content_type="application/json")
