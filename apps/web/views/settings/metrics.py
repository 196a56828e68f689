"""What the team's metrics are called, which way they improve and how they are written."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.core.errors import Invalid, NotFound
from apps.core.names import clean_text, name_key
from apps.core.paging import Key, paginate
from apps.core.text import truncate
from apps.evaluations.choices import Better
from apps.evaluations.models import MetricDefinition
from apps.evaluations.queries import metrics_of
from apps.evaluations.services import define_metric
from apps.projects.access import Access, Action, requires
from apps.web.forms.columns import FORMATS
from apps.web.forms.settings import MetricForm
from apps.web.pager import pager
from apps.web.redirects import next_address
from apps.web.toasts import Undo, tell
from apps.web.views.settings.page import add_refusal, settings_page

SHOWN = 50
BY_NAME = [Key("name_key", "text"), Key("pk", "integer")]


@requires(Action.CURATE)
@require_safe
def metrics(request: HttpRequest, team: str) -> HttpResponse:
    """Every metric that the curator may know of, by name."""
    access: Access = request.access  # type: ignore[attr-defined]
    words = clean_text(request.GET.get("q", ""), field="q", max_length=200).strip()
    found = metrics_of(access.team, access.user)
    if words:
        found = found.filter(name_key__contains=name_key(words))
    page = paginate(
        found, BY_NAME, cursor=request.GET.get("cursor", ""), size=SHOWN, scope=f"metrics {words}"
    )
    context = {
        "search": words,
        "metrics": [
            {
                "name": metric.name,
                "title": metric.title,
                "better": Better(metric.better).label,
                "format": metric.format,
                "description": truncate(metric.description, 160),
                "url": reverse("team_metric", args=[access.team.name, metric.pk]),
            }
            for metric in page.rows
        ],
        "pager": pager(request, page, target=""),
    }
    return settings_page(request, access, "settings/metrics.html", context, current="team_metrics")


@requires(Action.CURATE)
@require_http_methods(["GET", "HEAD", "POST"])
def metric(request: HttpRequest, team: str, metric: int) -> HttpResponse:
    """Define one metric; every column that shows it follows, unless it has rules of its own."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = metrics_of(access.team, access.user).filter(pk=metric).first()
    if found is None:
        raise NotFound(_("There is no such metric here."))
    back = next_address(request, reverse("team_metrics", args=[access.team.name]))
    if request.method != "POST":
        return _page(request, access, found, MetricForm(initial=_values(found)), back)
    form = MetricForm(request.POST)
    if not form.is_valid():
        return _page(request, access, found, form, back, status=400)
    data = form.cleaned_data
    try:
        define_metric(name=found.name, access=access, **{**data, "better": Better(data["better"])})
    except Invalid as error:
        add_refusal(form, error)
        return _page(request, access, found, form, back, status=400)
    text = _("The metric %(name)s is saved.") % {"name": truncate(found.name, 60)}
    undo = Undo(request.path, (("next", back), *_values(found).items()))
    tell(request, text, undo=undo)
    return HttpResponseRedirect(back)


def _values(metric: MetricDefinition) -> dict[str, str]:
    return {
        "title": metric.title,
        "better": str(metric.better),
        "format": metric.format,
        "description": metric.description,
    }


def _page(
    request: HttpRequest,
    access: Access,
    metric: MetricDefinition,
    form: MetricForm,
    back: str,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "metric": metric,
        "form": form,
        "back": back,
        "formats": [one for one in FORMATS if one],
    }
    return settings_page(
        request, access, "settings/metric.html", context, current="team_metrics", status=status
    )
