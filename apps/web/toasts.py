"""What just happened, told on the next page, and the way back where there is one.

A toast is one of Django's messages, so it waits in the session for whatever page comes next. The
way back is a form that posts to the same address as a person would by hand: undoing is a change
like any other, with its checks, its conflict and its event.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.core.jsontext import dump

# More than any form that is worth undoing; a session is no place for files.
MAX_UNDO = 60_000


@dataclass(frozen=True, slots=True)
class Undo:
    """A form that takes a change back: where to, and what its fields say."""

    url: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Toast:
    """One message as components/messages.html shows it."""

    text: str
    level: str
    undo: Undo | None


def tell(request: HttpRequest, text: str, *, undo: Undo | None = None) -> None:
    """Say on the next page that something is done, with a button that takes it back."""
    kept = dump({"url": undo.url, "fields": undo.fields}) if undo else ""
    messages.success(request, text, extra_tags=kept if len(kept) <= MAX_UNDO else "")


def toasts(request: HttpRequest) -> list[Toast]:
    """What there is to tell; asking for it counts as having told it."""
    return [
        Toast(message.message, message.level_tag, _undo(message.extra_tags))
        for message in messages.get_messages(request)
    ]


def reason_for_undoing() -> str:
    """What a change says that takes back the one before."""
    return _("Taken back.")


def _undo(kept: str | None) -> Undo | None:
    if not kept:
        return None
    told = json.loads(kept)
    fields: Iterable[tuple[str, str]] = ((name, value) for name, value in told["fields"])
    return Undo(told["url"], tuple(fields))
