"""The frame that the pages of a team's settings share."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.core.errors import DomainError
from apps.projects.access import Access
from apps.web.addresses import team_url
from apps.web.present.model import Crumb
from apps.web.present.places import settings_tabs, team_tabs


def settings_page(
    request: HttpRequest,
    access: Access,
    template: str,
    context: dict[str, Any],
    *,
    current: str,
    status: int = 200,
) -> HttpResponse:
    """A page of the settings; `current` is the route of its tab."""
    frame = {
        "team": access.team,
        "crumbs": [Crumb(access.team.title or access.team.name, team_url(access.team))],
        "tabs": team_tabs(access, "team_settings"),
        "parts": settings_tabs(access, current),
    }
    return render(request, template, frame | context, status=status)


def add_refusal(form: forms.Form, error: DomainError) -> None:
    """What a service refused, beside the field that it is about."""
    field = getattr(error, "field", "")
    form.add_error(field if field in form.fields else None, error.message)
