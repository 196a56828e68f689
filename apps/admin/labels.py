"""Moving labels from the admin's lists: asked first, with a reason, by the registry's services.

The page carries who held each label when it was shown, so that whoever was slower is told and
decides again. Several versions move together or not at all.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import Team
from apps.admin.asking import LabelForm, Line, ask, is_answer
from apps.admin.links import collection_page, version_page
from apps.admin.places import access_in, person
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.core.errors import Conflict, Invalid
from apps.projects.models import Project
from apps.registry.models import StatusLabel
from apps.registry.queries.labels import exclusive_holdings, labels_of
from apps.registry.services.holdings import hold_still
from apps.registry.services.promotion import (
    Expected,
    former_holding,
    promote_version,
    remove_label,
    roll_back,
)

Holdings = dict[int, list[LabelHolding]]


def ask_promotion(desk: Any, request: HttpRequest, rows: list[Version]) -> HttpResponse | None:
    """Give each of these versions one label."""
    team = _one_team([row.collection for row in rows])
    labels = list(labels_of(team))
    form = LabelForm(
        request.POST if is_answer(request) else None, labels=[label.name for label in labels]
    )
    refusal, status = "", 200
    if form.is_valid():
        name = form.cleaned_data["label"]
        rules = next(label for label in labels if label.name == name)
        try:
            if rules.is_exclusive and len({row.collection_id for row in rows}) < len(rows):
                raise Conflict(
                    _("%(label)s has one holder in a model: choose one version of each.")
                    % {"label": name}
                )
            with transaction.atomic():
                hold_still([row.collection for row in rows], team)
                for row in sorted(rows, key=lambda one: one.collection_id):
                    promote_version(
                        version=row,
                        label=name,
                        access=access_in(request, team, row.collection.project),
                        reason=form.cleaned_data["reason"],
                        expected=_expected(request, row.collection, name)
                        if rules.is_exclusive
                        else None,
                    )
        except Conflict as error:
            refusal, status = error.message, error.status
        else:
            words = ngettext(
                "%(count)d version promoted to %(label)s.",
                "%(count)d versions promoted to %(label)s.",
                len(rows),
            )
            _say(desk, request, words % {"count": len(rows), "label": name})
            return None
    elif form.is_bound:
        status = 400
    holders = _holders(request, [row.collection for row in rows], labels)
    lines = [
        Line(_name(row), version_page(row), _held_words(holders.get(row.collection_id, [])))
        for row in rows
    ]
    return ask(
        desk,
        request,
        rows,
        form,
        title=_("Promote"),
        button=_("Promote"),
        lines=lines,
        note=_("The label moves at once, for everybody and every client."),
        hidden=_hidden([row.collection for row in rows], [one.name for one in labels], holders),
        refusal=refusal,
        status=status,
    )


def ask_removal(desk: Any, request: HttpRequest, rows: list[Version]) -> HttpResponse | None:
    """Take one label from each of these versions."""
    team = _one_team([row.collection for row in rows])
    held = LabelHolding.objects.filter(version__in=[row.pk for row in rows]).standing().once()
    by_version: Holdings = {}
    for holding in held.order_by("label_key").select_related("version"):
        by_version.setdefault(holding.version_id, []).append(holding)
    names = sorted({holding.label for found in by_version.values() for holding in found})
    if not names:
        raise Conflict(_("None of these versions holds a label."))
    form = LabelForm(request.POST if is_answer(request) else None, labels=names)
    if form.is_valid():
        label = form.cleaned_data["label"]
        with transaction.atomic():
            hold_still([row.collection for row in rows], team)
            holding_it = [
                row
                for row in sorted(rows, key=lambda one: one.collection_id)
                if any(holding.label == label for holding in by_version.get(row.pk, []))
            ]
            for row in holding_it:
                remove_label(
                    version=row,
                    label=label,
                    access=access_in(request, team, row.collection.project),
                    reason=form.cleaned_data["reason"],
                )
        words = ngettext(
            "%(label)s taken from %(count)d version.",
            "%(label)s taken from %(count)d versions.",
            len(holding_it),
        )
        _say(desk, request, words % {"count": len(holding_it), "label": label})
        return None
    lines = [
        Line(
            _name(row),
            version_page(row),
            ", ".join(holding.label for holding in by_version.get(row.pk, [])) or _("no label"),
        )
        for row in rows
    ]
    return ask(
        desk,
        request,
        rows,
        form,
        title=_("Take a label away"),
        button=_("Take it away"),
        lines=lines,
        note=_("Afterwards nobody holds an exclusive label that is taken away."),
        is_danger=True,
        status=400 if form.is_bound else 200,
    )


def ask_roll_back(desk: Any, request: HttpRequest, rows: list[Collection]) -> HttpResponse | None:
    """Return one exclusive label to its former holder in each of these models."""
    team = _one_team(rows)
    vocabulary = list(labels_of(team))
    labels = [label.name for label in vocabulary if label.is_exclusive]
    form = LabelForm(request.POST if is_answer(request) else None, labels=labels)
    refusal, status = "", 200
    if form.is_valid():
        label = form.cleaned_data["label"]
        try:
            with transaction.atomic():
                hold_still(rows, team)
                for row in sorted(rows, key=lambda one: one.pk):
                    roll_back(
                        collection=row,
                        label=label,
                        access=access_in(request, team, row.project),
                        reason=form.cleaned_data["reason"],
                        expected=_expected(request, row, label),
                    )
        except Conflict as error:
            refusal, status = error.message, error.status
        else:
            words = ngettext(
                "%(label)s rolled back in %(count)d model.",
                "%(label)s rolled back in %(count)d models.",
                len(rows),
            )
            _say(desk, request, words % {"count": len(rows), "label": label})
            return None
    elif form.is_bound:
        status = 400
    holders = _holders(request, rows, vocabulary)
    lines = [
        Line(row.name, collection_page(row), _ways_back(request, holders.get(row.pk, [])))
        for row in rows
    ]
    return ask(
        desk,
        request,
        rows,
        form,
        title=_("Roll a label back"),
        button=_("Roll back"),
        lines=lines,
        note=_("The label returns to the version that held it before, at once."),
        hidden=_hidden(rows, labels, holders),
        refusal=refusal,
        status=status,
    )


def _one_team(collections: Sequence[Collection]) -> Team:
    """Labels are words of a team, so the rows must be of one. Raises Invalid."""
    teams = {collection.team_id: collection.team for collection in collections}
    if len(teams) != 1:
        raise Invalid(_("Choose rows of one team: each team has labels of its own."))
    return next(iter(teams.values()))


def _holders(
    request: HttpRequest, collections: Sequence[Collection], labels: Sequence[StatusLabel]
) -> Holdings:
    """Who holds the exclusive labels of these collections now, as far as the person may see: the
    lead of each."""
    visible = Project.objects.visible_to(person(request)).values("pk")
    found = LabelHolding.objects.filter(
        collection__in=[collection.pk for collection in collections],
        version__artifact__project__in=visible,
    )
    standing = found.standing().lead_first().select_related("version", "former__version")
    leads: dict[tuple[int, str], LabelHolding] = {}
    for holding in exclusive_holdings(labels, standing):
        leads.setdefault((holding.collection_id, holding.label_key), holding)
    holders: Holdings = {}
    for holding in leads.values():
        holders.setdefault(holding.collection_id, []).append(holding)
    return holders


def _hidden(
    collections: Sequence[Collection], labels: Sequence[str], holders: Holdings
) -> list[tuple[str, str]]:
    """Who held what when the page was made: `collection:number:label`, no number for nobody."""
    fields = set()
    for collection in collections:
        held = {one.label: one.version.number for one in holders.get(collection.pk, [])}
        fields |= {f"{collection.pk}:{held.get(label, '')}:{label}" for label in labels}
    return [("holder", value) for value in sorted(fields)]


def _expected(request: HttpRequest, collection: Collection, label: str) -> Expected:
    """Whom the page named as the holder. Raises Invalid when it does not say."""
    for value in request.POST.getlist("holder"):
        pk, _colon, rest = value.partition(":")
        number, _colon, name = rest.partition(":")
        is_number = number.isascii() and number.isdigit() and len(number) < 10
        if pk == str(collection.pk) and name == label and (is_number or not number):
            return Expected(int(number) if number else None)
    raise Invalid(_("The form does not say who held the label. Open it again."))


def _held_words(holdings: list[LabelHolding]) -> str:
    held = [f"{one.label}: v{one.version.number}" for one in holdings]
    return ", ".join(held) or _("nobody holds a label")


def _ways_back(request: HttpRequest, holdings: list[LabelHolding]) -> str:
    visible = Project.objects.visible_to(person(request))
    ways = []
    for holding in holdings:
        former = former_holding(holding)
        if former and not visible.filter(pk=former.version.artifact.project_id).exists():
            # Not even its number is told.
            former = None
        if former is None:
            ways.append(f"{holding.label}: v{holding.version.number}, {_('nobody before')}")
        else:
            ways.append(f"{holding.label}: v{holding.version.number} → v{former.version.number}")
    return ", ".join(ways) or _("nobody holds a label")


def _name(version: Version) -> str:
    return f"{version.collection.name} v{version.number}"


def _say(desk: Any, request: HttpRequest, words: str) -> None:
    desk.message_user(request, words, messages.SUCCESS)
