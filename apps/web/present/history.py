"""The history of a model or a version in words: events, and who held which label when."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.artifacts.models import LabelHolding
from apps.audit.models import Event
from apps.core.names import name_key
from apps.core.numbers import format_value
from apps.core.text import truncate
from apps.core.times import ago, span
from apps.registry.models import StatusLabel
from apps.web.present.people import exact, name_of


@dataclass(frozen=True, slots=True)
class Told:
    """One event as components/timeline.html shows it."""

    hue: str
    who: str
    what: str
    reason: str
    when: str
    when_title: str


@dataclass(frozen=True, slots=True)
class Tenure:
    """That a version held a label from one moment to another."""

    label: str
    hue: str
    version: str
    url: str
    by: str
    reason: str
    since: str
    until: str
    length: str
    is_open: bool
    is_rollback: bool
    is_removed: bool


def tell(events: Iterable[Event], labels: Sequence[StatusLabel]) -> list[Told]:
    hues = {label.name_key: str(label.colour) for label in labels}
    return [_tell(event, hues) for event in events]


def show_tenures(
    holdings: Iterable[LabelHolding], labels: Sequence[StatusLabel], path: str
) -> list[Tenure]:
    hues = {label.name_key: str(label.colour) for label in labels}
    return [
        Tenure(
            label=held.label,
            hue=hues.get(held.label_key, "slate"),
            version=f"v{held.version.number}",
            url=f"{path}/versions/{held.version.number}",
            by=name_of(held.given_by),
            reason=held.reason,
            since=exact(held.held_from),
            until=exact(held.held_until) if held.held_until else _("now"),
            length=span(held.held_from, held.held_until),
            is_open=held.held_until is None,
            is_rollback=held.is_rollback,
            is_removed=held.version.deleted_at is not None,
        )
        for held in holdings
    ]


def _tell(event: Event, hues: Mapping[str, str]) -> Told:
    payload: dict[str, Any] = json.loads(event.payload)
    before, after = payload.get("before") or {}, payload.get("after") or {}
    label = str(after.get("label") or before.get("label") or "")
    return Told(
        hue=hues.get(name_key(label), "slate") if label else _HUES.get(event.kind, "slate"),
        who=event.actor_name or _("the system"),
        what=_words(event, before, after, label),
        reason=truncate(event.reason, 600),
        when=ago(event.at),
        when_title=exact(event.at),
    )


_HUES = {"results.recorded": "blue", "version.deleted": "red"}


def _words(event: Event, before: Mapping[str, Any], after: Mapping[str, Any], label: str) -> str:
    words = {
        "label": label,
        "winner": f"v{after.get('version')}",
        "loser": f"v{before.get('version')}",
        "subject": _subject(event),
    }
    match event.kind:
        case "label.moved" if before.get("version") is not None:
            return _("gave %(label)s to %(winner)s; %(loser)s lost it") % words
        case "label.moved":
            return _("gave %(label)s to %(winner)s") % words
        case "label.rolled_back":
            return _("rolled %(label)s back to %(winner)s; %(loser)s lost it") % words
        case "label.removed":
            return _("took %(label)s from %(loser)s") % words
        case "artifact.sealed":
            return _("logged %(subject)s") % words
        case "version.linked":
            return _("linked %(subject)s") % words
        case "version.deleted":
            return _("removed %(subject)s") % words
        case "results.recorded":
            return _results(after.get("results") or [])
        case "columns.changed":
            return _("changed the columns of the table")
        case "card.written":
            return _("wrote the model card of %(subject)s") % words
        case "collection.changed":
            return _("changed the title or the notes of %(subject)s") % words
        case "collection.created":
            return _("created %(subject)s") % words
        case "view.saved":
            return _("shared the view %(view)s of the table") % {"view": _subject(event, "view")}
        case "view.changed":
            return _("changed the view %(view)s of the table") % {"view": _subject(event, "view")}
        case "view.deleted":
            return _("deleted the view %(view)s of the table") % {"view": _subject(event, "view")}
        case "view.default_changed" if after.get("default") is None:
            return _("left the table without a default view")
        case "view.default_changed":
            return _("made the view %(view)s what the table shows first") % {
                "view": after.get("default")
            }
        case "run.used_artifact":
            return _("used it in the run %(run)s") % {"run": _subject(event, "run")}
        case "run.made_artifact":
            return _("made it again in the run %(run)s") % {"run": _subject(event, "run")}
        case _:
            # A kind that this page does not know is still told, by its own name.
            return event.kind


def _subject(event: Event, *kinds: str) -> str:
    """What the event is about: the version or collection it names first, else anything."""
    subjects = list(event.subjects.all())
    for kind in kinds or ("version", "collection"):
        for subject in subjects:
            if subject.kind == kind:
                return subject.name
    return subjects[0].name if subjects else ""


def _results(results: Sequence[Mapping[str, Any]]) -> str:
    shown = [_result(result) for result in results[:3]]
    text = _("recorded %(results)s") % {"results": ", ".join(shown)}
    more = len(results) - len(shown)
    if more > 0:
        text += " " + ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more}
    return text


def _result(result: Mapping[str, Any]) -> str:
    value = result.get("value")
    # Numbers that JSON has no word for come as text.
    shown = format_value(value) if isinstance(value, int | float) else str(value)
    if result.get("golden_set"):
        return _("%(metric)s on %(golden_set)s = %(value)s") % {
            "metric": result.get("metric"),
            "golden_set": result.get("golden_set"),
            "value": shown,
        }
    return _("%(metric)s = %(value)s") % {"metric": result.get("metric"), "value": shown}
