"""The settings of a project as its admins type them."""

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.choices import Role
from apps.projects.choices import Visibility
from apps.web.forms.settings import ROLES


class VisibilityForm(forms.Form):
    """Who may see the project."""

    visibility = forms.ChoiceField(
        label=_("Who may see it"),
        choices=(
            (Visibility.TEAM.value, _("everybody in the team")),
            (Visibility.PRIVATE.value, _("the people named for it, and the team's admins")),
        ),
        widget=forms.RadioSelect,
    )


class NamingForm(forms.Form):
    """Somebody of the team to name for the project."""

    username = forms.CharField(
        label=_("User name"),
        max_length=64,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    role = forms.ChoiceField(
        label=_("Role"),
        choices=ROLES,
        initial=Role.VIEWER.value,
        widget=forms.RadioSelect,
    )
