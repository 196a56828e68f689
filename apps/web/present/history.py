"""The history of a model or a version in words: events, and who held which label when."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.html import conditional_escape, escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext

from apps.artifacts.models import LabelHolding
from apps.audit.models import Event, EventSubject
from apps.core.names import name_key
from apps.core.numbers import format_value
from apps.core.text import truncate
from apps.core.times import ago, span
from apps.registry.models import StatusLabel
from apps.web.present.people import day, exact, name_of

MAX_NAME = 80


@dataclass(frozen=True, slots=True)
class Place:
    """What a thing is called now, and where it is; `url` is empty when it has no page."""

    name: str
    url: str


# By kind and primary key of a subject.
Links = Mapping[tuple[str, int], Place]


@dataclass(frozen=True, slots=True)
class Change:
    """One value that was another before."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Told:
    """One event as components/timeline.html shows it."""

    hue: str
    who: str
    what: SafeString
    reason: str
    when: str
    when_title: str
    day: str
    changes: Sequence[Change]


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
    is_stage: bool
    is_removed: bool


def tell(
    events: Iterable[Event], labels: Sequence[StatusLabel], links: Links | None = None
) -> list[Told]:
    """The events in words; with `links` every thing is named in full and leads to its page."""
    hues = {label.name_key: str(label.colour) for label in labels}
    return [_tell(event, hues, links) for event in events]


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
            is_stage=held.is_stage,
            is_removed=held.version.deleted_at is not None,
        )
        for held in holdings
    ]


def _tell(event: Event, hues: Mapping[str, str], links: Links | None) -> Told:
    payload: dict[str, Any] = json.loads(event.payload)
    before, after = payload.get("before") or {}, payload.get("after") or {}
    label = label_of(before, after)
    return Told(
        hue=hues.get(name_key(label), "slate") if label else _HUES.get(event.kind, "slate"),
        who=event.actor_name or _("the system"),
        what=_Telling(event, before, after, links).words(),
        reason=truncate(event.reason, 600),
        when=ago(event.at),
        when_title=exact(event.at),
        day=day(event.at),
        changes=_changes(event, before, after) if links is not None else [],
    )


_HUES = {
    "results.recorded": "blue",
    "card.written": "violet",
    "run.failed": "red",
    "run.crashed": "red",
    "version.deleted": "red",
}


def _phrase(text: str, **words: str) -> SafeString:
    """A sentence around names and links; what is no markup already is escaped."""
    escaped = {name: conditional_escape(word) for name, word in words.items()}
    return mark_safe(escape(text) % escaped)  # noqa: S308 (every part is escaped)


@dataclass(frozen=True, slots=True)
class _Telling:
    """One event, with the links to what it is about where the page shows many things."""

    event: Event
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    links: Links | None

    def words(self) -> SafeString:
        phrases: Mapping[str, Callable[[], SafeString]] = {
            "label.moved": self._moved,
            "label.rolled_back": self._rolled_back,
            "label.removed": self._removed,
            "results.recorded": self._recorded,
            "columns.changed": self._columns,
            "member.changed": self._member,
            "project_member.changed": self._project_member,
            "user.created": self._user,
            "run.used_artifact": self._used,
            "run.made_artifact": self._made_again,
        }
        if self.event.kind in phrases:
            return phrases[self.event.kind]()
        noun, _dot, deed = self.event.kind.partition(".")
        # What is sealed is an artifact, but people know it as the version that it became.
        subject = self._subject() if noun == "artifact" else self._subject(noun, *_LEADING)
        if self.event.kind in _SENTENCES:
            return _phrase(str(_SENTENCES[self.event.kind]), subject=subject)
        if deed in _DEEDS:
            # A kind of things that has no sentence of its own.
            return _phrase(str(_DEEDS[deed]), subject=subject)
        # A kind that this page does not know is still told, by its own name.
        return _phrase("%(kind)s %(subject)s", kind=self.event.kind, subject=self._subject())

    def _moved(self) -> SafeString:
        if self.before.get("version") is None:
            return _phrase(_("gave %(label)s to %(winner)s"), **self._label())
        return _phrase(_("gave %(label)s to %(winner)s; %(loser)s lost it"), **self._label())

    def _rolled_back(self) -> SafeString:
        text = _("rolled %(label)s back to %(winner)s; %(loser)s lost it")
        return _phrase(text, **self._label())

    def _removed(self) -> SafeString:
        return _phrase(_("took %(label)s from %(loser)s"), **self._label())

    def _label(self) -> dict[str, str]:
        return {
            "label": label_of(self.before, self.after),
            "winner": self._version(self.after.get("version")),
            "loser": self._version(self.before.get("version")),
        }

    def _version(self, number: object) -> str:
        """`v4` on the page of its model; elsewhere `MNIST:v4`, as a link."""
        if self.links is not None:
            for subject in self._subjects():
                if subject.kind == "version" and subject.name.endswith(f":v{number}"):
                    return self._named(subject)
        return f"v{number}"

    def _recorded(self) -> SafeString:
        what = _results(self.after.get("results") or [])
        if self.links is None:
            return _phrase("%(what)s", what=what)
        return _phrase(_("%(what)s for %(subject)s"), what=what, subject=self._subject("artifact"))

    def _columns(self) -> SafeString:
        if self.links is None:
            return _phrase(_("changed the columns of the table"))
        text = _("changed the columns of %(subject)s")
        return _phrase(text, subject=self._subject("collection"))

    def _member(self) -> SafeString:
        words = {"person": self._subject("user"), "team": self._subject("team")}
        return self._role(words, _("took %(person)s out of the team"))

    def _project_member(self) -> SafeString:
        words = {"person": self._subject("user"), "team": self._subject("project")}
        return self._role(words, _("no longer names %(person)s for %(team)s"))

    def _role(self, words: Mapping[str, str], gone: str) -> SafeString:
        role = self.after.get("role")
        if not role:
            return _phrase(gone, **words)
        return _phrase(_("made %(person)s %(role)s of %(team)s"), role=role, **words)

    def _user(self) -> SafeString:
        words = {"person": self._subject("user"), "role": self.after.get("role", "")}
        return _phrase(_("added %(person)s as %(role)s"), **words)

    def _used(self) -> SafeString:
        if self.links is None:
            return _phrase(_("used it in the run %(run)s"), run=self._subject("run"))
        words = {"run": self._subject("run"), "subject": self._subject("artifact")}
        return _phrase(_("used %(subject)s in the run %(run)s"), **words)

    def _made_again(self) -> SafeString:
        if self.links is None:
            return _phrase(_("made it again in the run %(run)s"), run=self._subject("run"))
        words = {"run": self._subject("run"), "subject": self._subject("artifact")}
        return _phrase(_("made %(subject)s again in the run %(run)s"), **words)

    def _subjects(self) -> list[EventSubject]:
        return list(self.event.subjects.all())

    def _subject(self, *kinds: str) -> str:
        """What the event is about: the first thing of these kinds, else the first of all."""
        subjects = self._subjects()
        for kind in kinds or _LEADING:
            for subject in subjects:
                if subject.kind == kind:
                    return self._named(subject)
        return self._named(subjects[0]) if subjects else ""

    def _named(self, subject: EventSubject) -> str:
        place = (self.links or {}).get((subject.kind, subject.object_id))
        # An artifact that stands nowhere has its digest for a name.
        known = subject.name if subject.kind != "artifact" else subject.name[:12]
        name = truncate(place.name if place else known, MAX_NAME)
        if place is None or not place.url:
            return format_html("<bdi>{}</bdi>", name) if self.links is not None else name
        return format_html('<a href="{}"><bdi>{}</bdi></a>', place.url, name)


# Which of its subjects an event is told about.
_LEADING = ("version", "collection", "run", "project", "label", "metric", "golden_set", "user")

_SENTENCES: Mapping[str, Promise] = {
    "artifact.sealed": _lazy("logged %(subject)s"),
    "card.written": _lazy("wrote the model card of %(subject)s"),
    "collection.changed": _lazy("changed the title or the notes of %(subject)s"),
    "collection.created": _lazy("created %(subject)s"),
    "golden_set.marked": _lazy("marked the golden set %(subject)s"),
    "golden_set.retired": _lazy("retired the golden set %(subject)s"),
    "golden_set.brought_back": _lazy("brought the golden set %(subject)s back"),
    "golden_set.described": _lazy("described the golden set %(subject)s anew"),
    "label.defined": _lazy("set the rules of the label %(subject)s"),
    "label.deleted": _lazy("deleted the label %(subject)s"),
    "labels.ordered": _lazy("put the labels into another order"),
    "login_link.created": _lazy("made a one-time link for %(subject)s"),
    "metric.defined": _lazy("defined the metric %(subject)s"),
    "project.archived": _lazy("archived the project %(subject)s"),
    "project.changed": _lazy("changed the project %(subject)s"),
    "project.created": _lazy("created the project %(subject)s"),
    "project.reopened": _lazy("reopened the project %(subject)s"),
    "run.begun": _lazy("began the scheduled run %(subject)s"),
    "run.changed": _lazy("changed the run %(subject)s"),
    "run.crashed": _lazy("lost the run %(subject)s"),
    "run.failed": _lazy("ended the run %(subject)s as failed"),
    "run.finished": _lazy("finished the run %(subject)s"),
    "run.killed": _lazy("stopped the run %(subject)s"),
    "run.resumed": _lazy("resumed the run %(subject)s"),
    "run.rewound": _lazy("took the run %(subject)s back to an earlier step"),
    "run.scheduled": _lazy("scheduled the run %(subject)s"),
    "run.started": _lazy("started the run %(subject)s"),
    "run.stop_asked": _lazy("asked the run %(subject)s to stop"),
    "team.changed": _lazy("changed the settings of the team"),
    "team.created": _lazy("created the team %(subject)s"),
    "user.activated": _lazy("let %(subject)s in again"),
    "user.deactivated": _lazy("shut %(subject)s out"),
    "view.changed": _lazy("changed the view %(subject)s"),
    "view.default_changed": _lazy("chose %(subject)s as the view that a table opens with"),
    "view.deleted": _lazy("deleted the view %(subject)s"),
    "view.saved": _lazy("saved the view %(subject)s"),
    "version.deleted": _lazy("removed %(subject)s"),
    "version.linked": _lazy("linked %(subject)s"),
}

_DEEDS: Mapping[str, Promise] = {
    "changed": _lazy("changed %(subject)s"),
    "created": _lazy("created %(subject)s"),
    "deleted": _lazy("put %(subject)s into the bin"),
    "restored": _lazy("took %(subject)s out of the bin"),
    "purged": _lazy("removed %(subject)s for good"),
    "revoked": _lazy("revoked %(subject)s"),
}


def label_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    return str(after.get("label") or before.get("label") or "")


def _changes(event: Event, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What was one thing and is another now, for events that are not told in words."""
    if event.kind not in _TOLD_BY_VALUE or not before:
        return []
    return [
        Change(name.replace("_", " "), _value(before.get(name)), _value(value))
        for name, value in after.items()
        if before.get(name) != value
    ]


_TOLD_BY_VALUE = frozenset(
    {"label.defined", "metric.defined", "project.changed", "collection.changed", "team.changed"}
)


def _value(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return truncate(str(value), 120)


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
