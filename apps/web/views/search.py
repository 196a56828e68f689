"""Looking for anything by its name, among what the reader may see."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.core.names import clean_text, name_key
from apps.core.times import ago
from apps.projects.access import Action, requires
from apps.projects.queries import visible_projects
from apps.registry.queries.overview import visible_models
from apps.runs.queries import runs_like
from apps.web.addresses import model_url, project_url, run_url
from apps.web.overview import named_like
from apps.web.views.account import person

MAX_SEARCH = 200
# Of each kind; whoever looks for more than this had better write more of the name.
SHOWN = 20


@requires(Action.SIGNED_IN)
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Models, projects and runs whose names contain the words."""
    words = clean_text(
        request.GET.get("q", "").strip(), field="q", max_length=MAX_SEARCH, multiline=False
    )
    groups = _groups(person(request), words) if words else []
    context = {"searched": words, "groups": groups, "found": any(group["rows"] for group in groups)}
    return render(request, "home/search_page.html", context)


def _groups(user: User, words: str) -> list[dict[str, Any]]:
    models = named_like(visible_models(user), words).order_by("name_key", "pk")
    projects = visible_projects(user).filter(name_key__contains=name_key(words))
    return [
        {
            "title": _("Models"),
            "rows": [
                {
                    "name": str(model),
                    "url": model_url(model),
                    "note": str(model.project) if model.project else _("registry"),
                }
                for model in models[:SHOWN]
            ],
        },
        {
            "title": _("Projects"),
            "rows": [
                {
                    "name": str(project),
                    "url": project_url(project.team, project),
                    "note": project.team.name,
                }
                for project in projects[:SHOWN]
            ],
        },
        {
            "title": _("Runs"),
            "rows": [
                {
                    "name": run.name,
                    "url": run_url(run.project.team, run),
                    "note": f"{run.project} · {ago(run.started_at)}",
                }
                for run in runs_like(user, words)[:SHOWN]
            ],
        },
    ]
