"""The page between choosing rows and changing them: what will happen, and why it is done.

It posts back to the list with the same rows chosen, so that it needs no address and keeps nothing
in the session. `APPLY` among the fields tells the answer from the question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from apps.core.errors import Invalid

APPLY = "apply"
# Each is one event with a reason; more than this at once is no decision.
MAX_ROWS = 50
MAX_REASON = 4_000


class ReasonForm(forms.Form):
    """Why. People must say so."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Kept in the history."),
        error_messages={"required": _("Say why, for those who ask in a year.")},
    )


class LabelForm(ReasonForm):
    """A label of the team's vocabulary, and why."""

    field_order = ("label", "reason")
    label = forms.ChoiceField(label=_("Label"))

    def __init__(self, data: Any = None, *, labels: Sequence[str]) -> None:
        super().__init__(data)
        self.fields["label"].choices = [(label, label) for label in labels]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Line:
    """One of the chosen rows, and what is known of it now."""

    words: str
    url: str = ""
    now: str = ""


def is_answer(request: HttpRequest) -> bool:
    return APPLY in request.POST


def chosen(rows: QuerySet[Any]) -> list[Any]:
    """The rows, if they are few enough. Raises Invalid."""
    found = list(rows[: MAX_ROWS + 1])
    if len(found) > MAX_ROWS:
        raise Invalid(f"Choose {MAX_ROWS} rows at most.")
    return found


def ask(
    desk: Any,
    request: HttpRequest,
    rows: Sequence[Any],
    form: forms.Form,
    *,
    title: Any,
    button: Any,
    lines: Sequence[Line],
    note: Any = "",
    hidden: Sequence[tuple[str, str]] = (),
    refusal: str = "",
    is_danger: bool = False,
    status: int = 200,
) -> HttpResponse:
    """The page, for an action of `desk` on these rows. `hidden` comes back with the answer."""
    context = {
        **desk.admin_site.each_context(request),
        "desk": desk,
        "opts": desk.opts,
        "title": title,
        "button": button,
        "lines": lines,
        "note": note,
        "form": form,
        "refusal": refusal,
        "is_danger": is_danger,
        "action": request.POST.get("action", ""),
        "hidden": [
            *((ACTION_CHECKBOX_NAME, str(row.pk)) for row in rows),
            *hidden,
        ],
    }
    return TemplateResponse(request, "admin/act.html", context, status=status)
