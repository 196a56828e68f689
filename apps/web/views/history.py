"""Who held which label from when to when, and everything else that happened to a model."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.artifacts.services import collection_subject
from apps.core.names import clean_text
from apps.core.paging import Key, paginate
from apps.projects.access import Access, Action, requires
from apps.registry.queries.history import history as events_of
from apps.registry.queries.labels import label_history, labels_of
from apps.web.addresses import model_url
from apps.web.htmx import answer
from apps.web.pager import pager
from apps.web.present.history import show_tenures, tell
from apps.web.present.model import crumbs_to
from apps.web.views.models import load_model

PAGE_SIZE = 25
FRAGMENT = "history"
EVENTS = "events"
_NEWEST_FIRST = (Key("held_from", "time", descending=True), Key("pk", "integer", descending=True))


@requires(Action.READ)
@require_safe
def history(
    request: HttpRequest, team: str, collection: str, project: str | None = None
) -> HttpResponse:
    """The label history, or with `?show=events` every event; both newest first, page by page."""
    access: Access = request.access  # type: ignore[attr-defined]
    model = load_model(access, collection)
    labels = list(labels_of(access.team))
    path = model_url(model)
    shows_events = request.GET.get("show") == EVENTS
    cursor = clean_text(request.GET.get("cursor", ""), field="cursor", max_length=5_000) or None
    context: dict[str, Any] = {
        "model": model,
        "path": path,
        "crumbs": crumbs_to(model),
        "tabs": [
            {"label": _("Labels"), "url": f"{path}/history", "current": not shows_events},
            {
                "label": _("All events"),
                "url": f"{path}/history?show={EVENTS}",
                "current": shows_events,
            },
        ],
    }
    if shows_events:
        events = events_of(
            access.team,
            access.user,
            subject=collection_subject(model),
            cursor=cursor,
            size=PAGE_SIZE,
        )
        context["events"] = tell(events.rows, labels)
        context["pager"] = pager(request, events, target=FRAGMENT)
    else:
        held = paginate(
            label_history(model, user=access.user),
            _NEWEST_FIRST,
            cursor=cursor,
            size=PAGE_SIZE,
            scope=f"tenures {model.pk}",
        )
        context["tenures"] = show_tenures(held.rows, labels, path)
        context["pager"] = pager(request, held, target=FRAGMENT)
    return answer(request, "models/history.html", context, fragment=FRAGMENT)
