"""Looking for anything by its name, among what the reader may see: a page, and a dialog that asks
for a part of it while one types."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from apps.accounts.choices import Role
from apps.accounts.models import Membership, Team
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.core.names import clean_text
from apps.core.times import ago
from apps.evaluations.models import GoldenSet
from apps.projects.access import Action, requires
from apps.projects.models import Project
from apps.registry.queries.finding import Found, find
from apps.runs.models import Run
from apps.web.addresses import (
    collection_url,
    golden_set_url,
    model_url,
    place_url,
    project_url,
    run_url,
    version_url,
)
from apps.web.htmx import answer
from apps.web.views.account import person

MAX_SEARCH = 200
# Of each kind; whoever looks for more than this had better write more of the name.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found: what it is called, where it is, and what tells it from others."""

    name: str
    url: str
    note: str


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one kind; `is_cut`: there is more."""

    title: str
    hits: Sequence[Hit]
    is_cut: bool


@requires(Action.SIGNED_IN)
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Whatever has the words in its name: models first, as they are what people look for."""
    words = clean_text(
        request.GET.get("q", "").strip(), field="q", max_length=MAX_SEARCH, multiline=False
    )
    groups = _groups(find(person(request), words, limit=SHOWN + 1)) if words else []
    count = sum(len(group.hits) for group in groups)
    context = {
        "searched": words,
        "groups": groups,
        "count": ngettext("%(count)d found", "%(count)d found", count) % {"count": count},
    }
    return answer(request, "home/search_page.html", context, fragment="found")


def _groups(found: Found) -> list[Group]:
    kinds = (
        (_("Models"), [_model(one) for one in found.models]),
        (_("Versions"), [_version(one) for one in found.versions]),
        (_("Labels"), [_holding(one) for one in found.holdings]),
        (_("Projects"), [_project(one) for one in found.projects]),
        (_("Runs"), [_run(one) for one in found.runs]),
        (_("Golden sets"), [_golden_set(one) for one in found.golden_sets]),
        (_("Artifacts"), [_collection(one) for one in found.collections]),
        (_("People"), [_member(one) for one in found.members]),
    )
    return [Group(title, hits[:SHOWN], len(hits) > SHOWN) for title, hits in kinds if hits]


def _model(model: Collection) -> Hit:
    return Hit(str(model), model_url(model), _place(model))


def _version(version: Version) -> Hit:
    name = f"{version.collection} v{version.number}"
    note = f"{version.artifact.short_digest} · {_place(version.collection)}"
    return Hit(name, place_url(version), note)


def _holding(holding: LabelHolding) -> Hit:
    version = holding.version
    name = f"{version.collection} v{version.number}"
    return Hit(f"{holding.label}: {name}", version_url(version), _place(version.collection))


def _project(project: Project) -> Hit:
    return Hit(str(project), project_url(project.team, project), project.team.name)


def _run(run: Run) -> Hit:
    return Hit(
        run.name,
        run_url(run.project.team, run),
        f"{_within(run.project.team, run.project)} · {ago(run.started_at)}",
    )


def _golden_set(golden_set: GoldenSet) -> Hit:
    team = golden_set.team.name
    note = f"{golden_set.name} · {team}" if golden_set.name != golden_set.title else team
    return Hit(golden_set.title, golden_set_url(golden_set.team, golden_set), note)


def _member(member: Membership) -> Hit:
    """A person, by way of what they did in the team."""
    query = urlencode({"by": member.user.username})
    address = f"{reverse('activity', args=[member.team.name])}?{query}"
    return Hit(str(member.user), address, f"{Role(member.role).label} · {member.team.name}")


def _collection(collection: Collection) -> Hit:
    return Hit(
        str(collection), collection_url(collection), f"{collection.type} · {_place(collection)}"
    )


def _place(collection: Collection) -> str:
    return _within(collection.team, collection.project)


def _within(team: Team, project: Project | None) -> str:
    """A place with its team: names are given anew in each."""
    return f"{team.name} / {project or _('registry')}"
