"""What people say when they move a label: which, why, and who they believe to hold it."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core.errors import Invalid
from apps.registry.services.promotion import MAX_REASON, Expected


class ReasonForm(forms.Form):
    """Why. People must say so; programs may leave it out."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Shown on the model's page and in its history."),
        error_messages={"required": _("Say why, for those who ask in a year.")},
    )


class PromotionForm(ReasonForm):
    """A label of the vocabulary for a version."""

    field_order = ("label", "reason")
    label = forms.ChoiceField(
        label=_("Label"),
        error_messages={
            "required": _("Choose a label."),
            "invalid_choice": _("Choose a label of this team."),
        },
    )

    def __init__(self, *args: Any, labels: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ChoiceField", self.fields["label"])
        field.choices = [(label, label) for label in labels]


def expected_holder(values: list[str], label: str) -> Expected:
    """Who held the label when the form was shown: one "19:production" among the hidden fields.

    Raises Invalid when the form does not say, because then nobody has looked.
    """
    for value in values:
        number, _colon, name = value.partition(":")
        is_number = number.isascii() and number.isdigit() and len(number) < 10
        if name == label and (is_number or not number):
            return Expected(int(number) if number else None)
    raise Invalid("The form does not say who held the label. Open it again.", field="holder")
