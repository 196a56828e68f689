"""What people say when they delete: why, and that they accept what goes with it."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.registry.services.promotion import MAX_REASON


class DeletionForm(forms.Form):
    """A reason, and the word for what goes with it where anything does."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=MAX_REASON,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Shown in the bin and in the history."),
        error_messages={"required": _("Say why, for those who ask in a year.")},
    )
    accept = forms.BooleanField(
        label=_("I have read what goes with it, and accept it."),
        error_messages={"required": _("Accept what goes with it, or leave it as it is.")},
    )

    def __init__(self, *args: Any, has_consequences: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = has_consequences
        if not has_consequences:
            del self.fields["accept"]

    @property
    def is_accepted(self) -> bool:
        return bool(self.cleaned_data.get("accept"))
