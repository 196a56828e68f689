"""Some versions of a model side by side: scores, what their runs were set to, their curves."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.artifacts.models import Version
from apps.artifacts.queries import latest_number
from apps.core.errors import Invalid
from apps.core.numbers import format_value
from apps.projects.access import Access, Action, requires
from apps.registry.queries.comparison import (
    MAX_COMPARED,
    scores_of,
    standing_of,
    versions_numbered,
)
from apps.registry.queries.table import columns_of
from apps.runs.models import RunParam
from apps.web.addresses import model_url
from apps.web.curves import draw_overlay
from apps.web.present.comparison import show_comparison
from apps.web.present.labels import pills_by_version
from apps.web.present.model import crumbs_to
from apps.web.views.models import load_model

SHOWN_PARAMS = 100


@requires(Action.READ)
@require_safe
def compare(
    request: HttpRequest, team: str, collection: str, project: str | None = None
) -> HttpResponse:
    """`?v=19&v=17`: the first is the base, unless one of them holds the first label."""
    access: Access = request.access  # type: ignore[attr-defined]
    model = load_model(access, collection)
    numbers = _numbers(request.GET.getlist("v"))
    context: dict[str, object] = {
        "model": model,
        "crumbs": crumbs_to(model),
        "back": model_url(model),
        "most": MAX_COMPARED,
    }
    if len(numbers) < 2:
        return render(request, "models/compare.html", context)
    versions = versions_numbered(model, numbers, access.user)
    standing = standing_of(model, access.user)
    lead = standing.lead
    base = next((one for one in versions if lead and one.pk == lead.version_id), versions[0])
    columns = columns_of(model, access.user)
    context |= {
        "comparison": show_comparison(
            versions,
            columns,
            scores_of([one.artifact_id for one in versions], columns),
            base=base,
            reference=f"v{base.number}",
            pills=pills_by_version(versions, standing, latest_number(model, access.user)),
        ),
        "base": f"v{base.number}",
        "params": _differences(versions),
        "charts": draw_overlay(
            [
                (f"v{one.number}", one.artifact.made_by)
                for one in versions
                if one.artifact.made_by is not None
            ]
        ),
    }
    return render(request, "models/compare.html", context)


def _numbers(values: Sequence[str]) -> list[int]:
    """The asked versions, each once, in the order of asking. Raises Invalid."""
    numbers: dict[int, None] = {}
    for value in values[: 10 * MAX_COMPARED]:
        for text in value.split(",")[: 10 * MAX_COMPARED]:
            text = text.strip().removeprefix("v")
            if not text:
                continue
            if not (text.isascii() and text.isdigit() and len(text) < 10):
                raise Invalid("v is the number of a version.", field="v")
            numbers[int(text)] = None
    if len(numbers) > MAX_COMPARED:
        raise Invalid(_("Compare %(most)d versions at most.") % {"most": MAX_COMPARED}, field="v")
    return list(numbers)


def _differences(versions: Sequence[Version]) -> list[tuple[str, list[str]]]:
    """The settings of the runs that are not the same in all of them (one query)."""
    runs = [one.artifact.made_by_id for one in versions]
    settings: dict[str, dict[int, str]] = {}
    for param in RunParam.objects.filter(run__in=[run for run in runs if run]).order_by("key"):
        number = param.number
        # Binary fractions are shortened: 0.005555555555555556 helps nobody.
        is_long = number is not None and len(param.text) > 10
        settings.setdefault(param.key, {})[param.run_id] = (
            format_value(number) if is_long else param.text
        )
    rows = []
    for key, by_run in settings.items():
        values = [by_run.get(run, "–") if run else "–" for run in runs]
        if len(set(values)) > 1:
            rows.append((key, values))
    return rows[:SHOWN_PARAMS]
