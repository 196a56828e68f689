"""Deleting from the admin's lists: into the bin, once what goes with it has been read and accepted.

Nothing is deleted by Django itself, which would remove rows for good with all that hangs on them.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts.models import User
from apps.admin.asking import Line, ReasonForm, ask, is_answer
from apps.admin.places import person
from apps.bin.queries.consequences import Consequence
from apps.bin.services.deletion import HasConsequences
from apps.projects.access import Access


class DeletionForm(ReasonForm):
    """Why, and that what goes with it was read."""

    field_order = ("accept", "reason")
    accept = forms.BooleanField(
        label=gettext_lazy("I have read what goes with it"),
        error_messages={"required": gettext_lazy("Read what goes with it, and tick this.")},
    )

    def __init__(self, data: Any = None, *, has_consequences: bool) -> None:
        super().__init__(data)
        if not has_consequences:
            del self.fields["accept"]


def ask_deletion(
    desk: Any,
    request: HttpRequest,
    rows: Sequence[Any],
    *,
    consequences: Callable[[Any, User], Sequence[Consequence]],
    delete: Callable[..., None],
) -> HttpResponse | None:
    """Put these rows into the bin, all or none. `delete` takes the row and the access to it."""
    found = {row.pk: consequences(row, person(request)) for row in rows}
    form = DeletionForm(
        request.POST if is_answer(request) else None, has_consequences=any(found.values())
    )
    refusal, status = "", 400 if form.is_bound else 200
    if form.is_valid():
        try:
            with transaction.atomic():
                for row in rows:
                    access: Access = desk.access(request, row)
                    delete(
                        row,
                        access=access,
                        reason=form.cleaned_data["reason"],
                        accept_consequences=form.cleaned_data.get("accept", False),
                    )
        except HasConsequences as error:
            # Something has come to hang on one of them since the page was made.
            refusal, status = error.message, error.status
        else:
            words = ngettext(
                "%(count)d row is in the bin now.", "%(count)d rows are in the bin now.", len(rows)
            )
            desk.message_user(request, words % {"count": len(rows)}, messages.SUCCESS)
            return None
    lines = [
        Line(str(desk.name_of(row)), desk.page_of(row), "; ".join(map(_words, found[row.pk])))
        for row in rows
    ]
    return ask(
        desk,
        request,
        rows,
        form,
        title=_("Delete"),
        button=_("Delete"),
        lines=lines,
        note=_("Into the bin, from which it can be restored until the team's retention is over."),
        refusal=refusal,
        is_danger=True,
        status=status,
    )


def _words(one: Consequence) -> str:
    names = ", ".join(one.names) + (", …" if one.count > len(one.names) else "")
    return f"{one.effect.label}: {names or one.count}"
