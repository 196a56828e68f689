"""The settings of a team as its admins and curators type them."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.choices import Role
from apps.accounts.services import MAX_RETENTION_DAYS
from apps.core.errors import Invalid
from apps.core.numbers import check_format
from apps.evaluations.choices import Better
from apps.registry.choices import Colour

ROLES = (
    (Role.VIEWER.value, _("viewer: reads everything that is not private")),
    (Role.EDITOR.value, _("editor: logs runs, versions and scores, moves open labels")),
    (Role.CURATOR.value, _("curator: promotes, sets labels, metrics and columns")),
    (Role.ADMIN.value, _("admin: manages people, keys and projects too")),
)


class TeamForm(forms.Form):
    """What the team is called, and how long its bin keeps things."""

    title = forms.CharField(
        label=_("Title"),
        required=False,
        max_length=128,
        help_text=_("Shown instead of the name; addresses and clients keep the name."),
    )
    retention_days = forms.IntegerField(
        label=_("Days in the bin"),
        min_value=1,
        max_value=MAX_RETENTION_DAYS,
        help_text=_(
            "What was deleted longer ago goes for good. Fewer days apply to what lies there now."
        ),
    )


class MemberForm(forms.Form):
    """Somebody to add to the team."""

    username = forms.CharField(
        label=_("User name"),
        max_length=64,
        help_text=_("Of somebody new, or of somebody who is in another team."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    display_name = forms.CharField(label=_("Shown as"), required=False, max_length=128)
    email = forms.EmailField(label=_("E-mail"), required=False)
    role = forms.ChoiceField(
        label=_("Role"),
        choices=ROLES,
        initial=Role.VIEWER.value,
        widget=forms.RadioSelect,
    )


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(label=_("Role"), choices=ROLES, widget=forms.RadioSelect)


class LabelForm(forms.Form):
    """The rules of a status label; with a name for one that is new."""

    name = forms.CharField(
        label=_("Name"),
        max_length=64,
        help_text=_("Clients use it as an alias or a stage, so it cannot be changed later."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    colour = forms.ChoiceField(
        label=_("Colour"),
        choices=Colour.choices,
        initial=Colour.SLATE.value,
        widget=forms.RadioSelect,
    )
    is_exclusive = forms.BooleanField(
        label=_("Exclusive: one version of a model at a time"), required=False, initial=True
    )
    is_protected = forms.BooleanField(
        label=_("Protected: only curators and admins move it"), required=False
    )

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["name"]


class MetricForm(forms.Form):
    """What a metric is called, which way it improves and how it is written."""

    title = forms.CharField(label=_("Title"), required=False, max_length=128)
    better = forms.ChoiceField(
        label=_("Direction"), choices=Better.choices, widget=forms.RadioSelect
    )
    format = forms.CharField(
        label=_("Format"),
        max_length=32,
        help_text=_("auto, integer, fixed:4 (four decimals), percent:1"),
        widget=forms.TextInput(attrs={"list": "formats", "autocomplete": "off"}),
    )
    description = forms.CharField(
        label=_("What it measures"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def clean_format(self) -> str:
        text: str = self.cleaned_data["format"].strip()
        try:
            return check_format(text)
        except Invalid as error:
            raise forms.ValidationError(error.message) from error
