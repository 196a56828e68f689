"""Moving labels in words: what each choice would do, and what happened instead."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.artifacts.models import LabelHolding, Version
from apps.core.times import ago
from apps.projects.access import Access
from apps.registry.models import StatusLabel
from apps.registry.queries.comparison import Standing
from apps.web.addresses import model_url
from apps.web.cells import Pill
from apps.web.present.people import exact, name_of
from apps.web.present.table import may_move, pills_of


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """One label that a version might get. `field` carries who holds it now ("19:production")."""

    name: str
    hue: str
    consequence: str
    is_open: bool
    is_chosen: bool
    field: str


@dataclass(frozen=True, slots=True)
class Moved:
    """What stands against what was asked: the label has another holder than was thought."""

    thought: str
    fact: str
    reason: str
    when: str


def label_choices(
    version: Version, standing: Standing, access: Access, *, chosen: str
) -> list[LabelChoice]:
    """Every label of the vocabulary with what giving it would do."""
    return [_choice(version, label, standing, access, chosen) for label in standing.labels]


def _choice(
    version: Version, label: StatusLabel, standing: Standing, access: Access, chosen: str
) -> LabelChoice:
    has_it = any(held.label_key == label.name_key for held in standing.held_by(version))
    holder = standing.holder_of(label.name_key) if label.is_exclusive else None
    is_open = not has_it and may_move(label, access)
    return LabelChoice(
        name=label.name,
        hue=str(label.colour),
        consequence=_consequence(version, label, holder, has_it=has_it, is_open=is_open),
        is_open=is_open,
        is_chosen=is_open and label.name == chosen,
        field=f"{holder.version.number if holder else ''}:{label.name}",
    )


def _consequence(
    version: Version,
    label: StatusLabel,
    holder: LabelHolding | None,
    *,
    has_it: bool,
    is_open: bool,
) -> str:
    words = {
        "version": f"v{version.number}",
        "label": label.name,
        "holder": f"v{holder.version.number}" if holder else "",
    }
    if has_it:
        return _("%(version)s holds it already.") % words
    if not is_open:
        return _("Protected: curators and admins of the team move it.")
    if holder is not None:
        return _("%(version)s becomes %(label)s, %(holder)s loses it.") % words
    if label.is_exclusive:
        return _("%(version)s becomes %(label)s; nobody holds it now.") % words
    return _("%(version)s becomes %(label)s too; others keep it.") % words


def moved_meanwhile(label: str, thought: int | None, holder: LabelHolding | None) -> Moved:
    """Both facts for somebody whom another one was quicker than."""
    words = {"label": label, "thought": f"v{thought}", "number": f"v{thought}"}
    believed = (
        _("nobody held %(label)s") % words
        if thought is None
        else _("%(thought)s held %(label)s") % words
    )
    if holder is None:
        return Moved(believed, _("Nobody holds %(label)s any more.") % words, "", "")
    fact = _("%(holder)s holds %(label)s, given by %(name)s %(ago)s.") % {
        **words,
        "holder": f"v{holder.version.number}",
        "name": name_of(holder.given_by),
        "ago": ago(holder.held_from),
    }
    return Moved(believed, fact, holder.reason, exact(holder.held_from))


def gave(version: Version, label: str, loser: int | None) -> SafeString:
    """What happened, with the way to the history."""
    words = {"version": f"v{version.number}", "label": label, "loser": f"v{loser}"}
    if loser is None or loser == version.number:
        text = _("%(version)s holds %(label)s now.") % words
    else:
        text = _("%(version)s holds %(label)s now; %(loser)s has lost it.") % words
    return _with_history(text, version)


def took(version: Version, label: str) -> SafeString:
    words = {"version": f"v{version.number}", "label": label}
    return _with_history(_("%(version)s no longer holds %(label)s.") % words, version)


def pills_by_version(
    versions: Sequence[Version], standing: Standing, latest: int | None
) -> dict[int, list[Pill]]:
    labels = {label.name_key: label for label in standing.labels}
    return {
        version.pk: pills_of(
            [held.label for held in standing.held_by(version)],
            labels,
            is_latest=version.number == latest,
        )
        for version in versions
    }


def _with_history(text: str, version: Version) -> SafeString:
    return format_html(
        '{} <a href="{}">{}</a>', text, f"{model_url(version.collection)}/history", _("History")
    )
