"""Signing in and out, API keys, the password: what is a person's own."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import services
from apps.accounts import sign_in as password_sign_in
from apps.accounts.choices import Role, Scope
from apps.accounts.models import ApiKey, User
from apps.accounts.queries import keys_of, open_login_link, teams_of
from apps.core.errors import DomainError, Invalid, NotFound, NotSignedIn, TooMany
from apps.core.times import ago
from apps.projects.access import Action, actor_of, requires, strongest_role
from apps.web.forms.account import KeyForm, PasswordForm, SignInForm
from apps.web.present.first_lines import client_lines
from apps.web.redirects import next_address

# Nothing of the person's may stay in a browser that somebody else uses next.
FORGET = '"cache", "cookies", "storage"'


@requires(Action.PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in by name and password, and go on to where one wanted to be."""
    target = next_address(request)
    if request.method != "POST":
        if request.user.is_authenticated:
            return HttpResponseRedirect(target)
        return _sign_in_page(request, SignInForm(), target)
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _sign_in_page(request, form, target, status=400)
    try:
        user = password_sign_in.sign_in(**form.cleaned_data, actor=actor_of(request))
    except (NotSignedIn, TooMany) as error:
        form.add_error(None, error.message)
        response = _sign_in_page(request, form, target, status=error.status)
        if isinstance(error, TooMany):
            response.headers["Retry-After"] = str(error.retry_after)
        return response
    _let_in(request, user)
    return HttpResponseRedirect(target)


@requires(Action.PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_link(request: HttpRequest, token: str) -> HttpResponse:
    """A one-time link. Its button spends it: programs that open links in mails press none."""
    if request.method != "POST":
        link = open_login_link(token)
        return render(request, "account/sign_in_link.html", {"person": link.user})
    _let_in(request, services.use_login_link(token=token, actor=actor_of(request)))
    return redirect("home")


@requires(Action.PUBLIC)
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    response = redirect("sign_in")
    response.headers["Clear-Site-Data"] = FORGET
    return response


@requires(Action.SIGNED_IN)
@require_safe
def authorize(request: HttpRequest) -> HttpResponse:
    """What the wandb client prints: how to get a key."""
    return render(request, "account/authorize.html", {"lines": client_lines(person(request))})


@requires(Action.SIGNED_IN)
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Who one is here, and with what role in which team."""
    user = person(request)
    role = strongest_role(user)
    context = {
        "memberships": list(teams_of(user)),
        "may_enter_admin": role is not None and role.at_least(Role.CURATOR),
    }
    return render(request, "account/account.html", context)


@requires(Action.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Change the password: this session goes on, every other one of this person ends."""
    user = person(request)
    has_password = user.has_usable_password()
    form = PasswordForm(request.POST or None, has_password=has_password)
    if request.method == "POST" and form.is_valid():
        try:
            if has_password:
                password_sign_in.confirm_password(
                    user=user,
                    password=form.cleaned_data["current_password"],
                    actor=actor_of(request),
                )
            services.set_password(
                user=user, password=form.cleaned_data["password"], actor=actor_of(request)
            )
        except (Invalid, TooMany) as error:
            return _refused(request, "account/password.html", form, error)
        update_session_auth_hash(request, user)
        messages.success(request, _("Your password is changed. Other browsers are signed out."))
        return redirect("account")
    status = 400 if form.errors else 200
    return render(request, "account/password.html", {"form": form}, status=status)


@requires(Action.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: HttpRequest) -> HttpResponse:
    """One's API keys. A new one is in the answer to its form, and nowhere else ever again."""
    user = person(request)
    form = KeyForm(request.POST or None)
    secret = problem = ""
    if request.method == "POST" and form.is_valid():
        try:
            secret = services.create_api_key(
                user=user,
                name=form.cleaned_data["name"],
                scope=Scope(form.cleaned_data["scope"]),
                expires_at=form.expires_at(),
                once=form.cleaned_data["once"],
                actor=actor_of(request),
            )
        except Invalid as error:
            form.add_error("name" if error.field == "name" else None, error.message)
        except services.KeyFormUsed as error:
            # A new form below the reason, ready to be sent.
            form = KeyForm()
            problem = error.message
        else:
            form = KeyForm()
    context = {
        "form": form,
        "keys": [_key_row(key) for key in keys_of(user)],
        "secret": secret,
        "lines": client_lines(user, secret=secret) if secret else [],
        "problem": problem,
    }
    status = 409 if problem else 400 if form.errors else 200
    return render(request, "account/keys.html", context, status=status)


@requires(Action.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke_key(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then end a key at once."""
    key = keys_of(person(request)).filter(pk=pk).first()
    if key is None:
        raise NotFound(_("You have no such key."))
    if request.method != "POST":
        return render(request, "account/revoke_key.html", {"key": _key_row(key)})
    services.revoke_api_key(key=key, actor=actor_of(request))
    messages.success(request, _("The key “%(name)s” is revoked.") % {"name": key.name})
    return redirect("keys")


def person(request: HttpRequest) -> User:
    """Who is signed in; `requires` has made sure that somebody is."""
    if not isinstance(request.user, User):
        raise NotSignedIn(_("Sign in first."))
    return request.user


def _let_in(request: HttpRequest, user: User) -> None:
    """A session of its own: nothing of the former one, and never the same cookie again."""
    request.session.flush()
    login(request, user)


def _sign_in_page(
    request: HttpRequest, form: SignInForm, target: str, *, status: int = 200
) -> HttpResponse:
    context = {"form": form, "next": target, "is_new": not User.objects.exists()}
    return render(request, "account/sign_in.html", context, status=status)


def _refused(
    request: HttpRequest, template: str, form: forms.Form, error: DomainError
) -> HttpResponse:
    """The same form again with what is wrong beside its field."""
    field = getattr(error, "field", "")
    form.add_error(field if field in form.fields else None, error.message)
    response = render(request, template, {"form": form}, status=error.status)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _key_row(key: ApiKey) -> dict[str, Any]:
    return {
        "pk": key.pk,
        "name": key.name,
        "hint": key.hint,
        "scope": key.get_scope_display(),
        "created": ago(key.created_at),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "expires": ago(key.expires_at) if key.expires_at else _("never"),
        "is_over": key.expires_at is not None and key.expires_at <= timezone.now(),
        "used": ago(key.last_used_at) if key.last_used_at else _("not yet"),
        "used_at": key.last_used_at,
    }
