"""What curators say about a golden set."""

from django import forms
from django.utils.translation import gettext_lazy as _


class DescribeForm(forms.Form):
    """What it is called, how large it is, and what it holds."""

    title = forms.CharField(
        label=_("Title"),
        max_length=128,
        help_text=_("Short, for the heads of columns: the “10k” of “Loss @ 10k”."),
        error_messages={"required": _("Give it a title.")},
    )
    example_count = forms.IntegerField(
        label=_("Examples"),
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text=_("How many examples it has."),
    )
    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("What is in it, where it comes from, what it must never be used for."),
    )


class MarkForm(DescribeForm):
    """A data set version as a golden set."""

    field_order = ("name", "title", "example_count", "description")
    name = forms.CharField(
        label=_("Name"),
        max_length=255,
        help_text=_("What clients call it when they record results. It does not change."),
        error_messages={"required": _("Give it a name.")},
    )


class RetireForm(forms.Form):
    """Why a golden set is no longer what models are measured by, or is again."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say why, for those who ask in a year.")},
    )
