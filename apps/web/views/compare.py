"""Versions and runs side by side: what they were set to, how they scored, how they got there."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.artifacts.models import Collection
from apps.core.names import clean_text
from apps.projects.access import Access, Action, requires
from apps.registry.queries.comparison import MAX_COMPARED
from apps.web.addresses import model_url
from apps.web.comparing.asked import Asked, read_asked
from apps.web.comparing.curves import show_overlay
from apps.web.comparing.examples import show_examples
from apps.web.comparing.fields import fields_of, show_parallel, show_scatter
from apps.web.comparing.items import Item, base_of, load_items, read_pasted, show_items
from apps.web.comparing.scores import scored, show_bars, show_scores
from apps.web.comparing.settings import settings_of, show_settings
from apps.web.comparing.values import logged_by, show_logged
from apps.web.present.model import crumbs_to
from apps.web.views.account import person
from apps.web.views.models import load_model

TEMPLATE = "compare/compare.html"
MAX_PASTED = 2_000


@requires(Action.READ)
@require_safe
def compare(
    request: HttpRequest, team: str, collection: str, project: str | None = None
) -> HttpResponse:
    """Versions of one model: `?v=19&v=17`."""
    access: Access = request.access  # type: ignore[attr-defined]
    return _answer(request, load_model(access, collection))


@requires(Action.SIGNED_IN)
@require_safe
def compare_any(request: HttpRequest) -> HttpResponse:
    """Versions and runs from anywhere; what the reader may not see is not found."""
    return _answer(request, None)


def _answer(request: HttpRequest, model: Collection | None) -> HttpResponse:
    asked = read_asked(request.GET, model)
    pasted = clean_text(
        request.GET.get("add", ""), field="add", max_length=MAX_PASTED, multiline=False
    )
    if pasted.strip():
        place = read_pasted(pasted)
        return HttpResponseRedirect(
            (asked if asked.has(place) else asked.with_place(place)).address()
        )
    user = person(request)
    items = load_items(asked, user)
    return render(request, TEMPLATE, _context(items, asked, user))


def _context(items: Sequence[Item], asked: Asked, user: User) -> dict[str, Any]:
    base = base_of(items, asked) if items else None
    context: dict[str, Any] = {
        "model": asked.model,
        "crumbs": crumbs_to(asked.model) if asked.model is not None else [],
        "back": model_url(asked.model) if asked.model is not None else "",
        "most": MAX_COMPARED,
        "asked": asked,
        "hidden": asked.parameters(),
        "path": asked.path,
        "items": show_items(items, base, asked),
        "is_full": len(items) >= MAX_COMPARED,
        "is_compared": len(items) > 1,
    }
    if base is None or len(items) < 2:
        return context
    settings = settings_of(items)
    logged = logged_by(items)
    found = scored(items, user)
    fields = fields_of(items, settings, logged, found)
    return context | {
        "base": base,
        "settings": show_settings(items, base, settings, with_same=asked.all_settings),
        "settings_url": asked.but(all_settings=not asked.all_settings).address("settings"),
        "comparison": show_scores(items, base, found),
        "examples": show_examples(items, base, found, asked, user),
        "example_fields": asked.parameters("on", "to", "show", "page"),
        "logged": show_logged(items, base, logged),
        "overlay": show_overlay(items, logged, asked),
        "metric_fields": asked.parameters("metric"),
        "bars": show_bars(items, found, asked),
        "scatter": show_scatter(items, fields, asked),
        "scatter_fields": asked.parameters("across", "up"),
        "parallel": show_parallel(items, fields, asked),
        "axis_fields": asked.parameters("axis"),
    }
