"""Forms of signing in and of one's own keys and password."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.choices import Scope
from apps.accounts.secrets import new_token
from apps.accounts.services import MAX_PASSWORD_LENGTH


def _password(label: Any, autocomplete: str, **options: Any) -> forms.CharField:
    """A password exactly as typed: spaces at its ends belong to it."""
    return forms.CharField(
        label=label,
        strip=False,
        max_length=MAX_PASSWORD_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
        **options,
    )


class SignInForm(forms.Form):
    """A name and its password."""

    username = forms.CharField(
        label=_("User name"),
        max_length=128,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = _password(_("Password"), "current-password")


class PasswordForm(forms.Form):
    """A new password; the present one is asked for where there is one."""

    current_password = _password(_("Present password"), "current-password")
    password = _password(
        _("New password"),
        "new-password",
        help_text=_("At least 10 characters; not a common one, and not like your name."),
    )
    repeated = _password(_("New password again"), "new-password")

    def __init__(self, *args: object, has_password: bool, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        if not has_password:
            del self.fields["current_password"]

    def clean(self) -> None:
        password, repeated = self.cleaned_data.get("password"), self.cleaned_data.get("repeated")
        if password and repeated and password != repeated:
            self.add_error("repeated", _("The two new passwords differ."))


class KeyForm(forms.Form):
    """An API key to make."""

    LIFETIMES = (
        ("30", _("30 days")),
        ("90", _("90 days")),
        ("365", _("1 year")),
        ("never", _("no expiry")),
    )

    name = forms.CharField(
        label=_("Name"),
        max_length=128,
        help_text=_("What will use it, such as “training cluster”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(
        label=_("What it may do"),
        choices=(
            (Scope.WRITE.value, _("read and write: for training code")),
            (Scope.READ.value, _("read only: for dashboards and downloads")),
        ),
        initial=Scope.WRITE.value,
    )
    lifetime = forms.ChoiceField(label=_("Expires after"), choices=LIFETIMES, initial="365")
    # The same form sent twice makes one key (accounts.services.create_api_key).
    once = forms.CharField(
        required=False, max_length=64, widget=forms.HiddenInput, initial=new_token
    )

    def expires_at(self) -> datetime | None:
        lifetime = self.cleaned_data["lifetime"]
        return None if lifetime == "never" else timezone.now() + timedelta(days=int(lifetime))
