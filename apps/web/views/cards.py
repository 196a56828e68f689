"""A version's model card: writing it, and the texts that it had before."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.artifacts.cards import MAX_CARD, card_of, cards_of, write_card
from apps.artifacts.lineage import lineage_of
from apps.artifacts.models import Version
from apps.artifacts.queries import first_places, version_numbered
from apps.core.paging import Key, paginate
from apps.evaluations.queries import current_results
from apps.projects.access import Access, Action, requires
from apps.web.addresses import version_url
from apps.web.forms.notes import NotesForm
from apps.web.htmx import answer
from apps.web.pager import pager
from apps.web.present.card_history import show_edits
from apps.web.present.model import Crumb, crumbs_to
from apps.web.present.new_card import new_card
from apps.web.present.notes import may_write
from apps.web.views.models import load_model
from apps.web.views.notes import Editing, edit

EDITS = 10
FRAGMENT = "edits"
_NEWEST_FIRST = [Key("pk", "integer", descending=True)]


@requires(Action.LOG)
@require_http_methods(["GET", "HEAD", "POST"])
def card(
    request: HttpRequest, team: str, collection: str, number: int, project: str | None = None
) -> HttpResponse:
    """Write the card. The first one starts from the facts that are known."""
    access: Access = request.access  # type: ignore[attr-defined]
    version = version_numbered(load_model(access, collection), number, access.user)
    newest = card_of(version)

    def save(form: NotesForm) -> None:
        write_card(
            version=version,
            text=form.cleaned_data["text"],
            seen=newest.pk if newest else None,
            access=access,
        )

    has_text = newest is not None and bool(newest.text)
    editing = Editing(
        heading=_("Edit the model card") if has_text else _("Write a model card"),
        subject=f"{version.collection.name} v{version.number}",
        back=version_url(version),
        crumbs=_crumbs(version),
        text=newest.text if newest and has_text else _template(version, access),
        seen=str(newest.pk) if newest else "new",
        max_length=MAX_CARD,
        hint=""
        if has_text
        else _("Filled in from what is known of the version. Nothing is saved yet."),
    )
    return edit(request, editing, save)


@requires(Action.READ)
@require_safe
def card_history(
    request: HttpRequest, team: str, collection: str, number: int, project: str | None = None
) -> HttpResponse:
    """Every edit of the card with what it changed, newest first."""
    access: Access = request.access  # type: ignore[attr-defined]
    version = version_numbered(load_model(access, collection), number, access.user)
    page = paginate(
        cards_of(version),
        _NEWEST_FIRST,
        cursor=request.GET.get("cursor", ""),
        size=EDITS,
        scope=f"cards {version.pk}",
    )
    oldest = page.rows[-1].pk if page.rows else 0
    before = cards_of(version).filter(pk__lt=oldest).first()
    context = {
        "version": version,
        "crumbs": _crumbs(version),
        "edits": show_edits(page.rows, before),
        "pager": pager(request, page, target=FRAGMENT),
        "edit_url": f"{version_url(version)}/card" if may_write(access) else "",
    }
    return answer(request, "cards/history.html", context, fragment=FRAGMENT)


def _crumbs(version: Version) -> list[Crumb]:
    place = Crumb(f"v{version.number}", version_url(version))
    return [*crumbs_to(version.collection), place]


def _template(version: Version, access: Access) -> str:
    results = current_results(version.artifact).select_related(
        "metric", "golden_set__artifact__project"
    )
    graph = lineage_of(version.artifact, access.user)
    return new_card(version, results, graph, first_places(graph.artifacts, access.user))
