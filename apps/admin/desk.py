"""One list of the admin with its pages: what Django's ModelAdmin does, over our rules.

A subclass says which rows there are for a role (`rows`), where each of them belongs (`place_of`),
and which service saves it (`save`). Django's own permissions, log and delete view are not used.
"""

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.views.main import ERROR_FLAG
from django.db import models
from django.db.models import Model, QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, register_converter
from django.urls.converters import StringConverter
from django.utils.translation import gettext_lazy as _

from apps.accounts.choices import Role
from apps.accounts.models import Team, User
from apps.admin.places import access_in, person, teams_where
from apps.admin.site import Words, bound
from apps.audit.actors import Subject
from apps.core.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from apps.projects.access import POLICY, Access, Action
from apps.projects.models import Project
from apps.registry.queries.history import history

PAGE = 50
MAX_SEARCH = 200
SAFE = ("GET", "HEAD")


class RowNumber(StringConverter):
    """A primary key, as text because Django's views want it so."""

    regex = r"[0-9]{1,18}"


register_converter(RowNumber, "row")


class TeamChoice(forms.ModelChoiceField):
    """The teams in which the person may add such a thing; the form fills them in."""

    def __init__(self) -> None:
        super().__init__(queryset=Team.objects.none(), label=_("Team"), empty_label=None)


class DeskForm(forms.ModelForm):
    """The form of one row. What the service refused is shown beside its field."""

    refusal: ClassVar[DomainError | None] = None
    teams: ClassVar[Any] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "team" in self.fields:
            self.fields["team"].queryset = self.teams  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.refusal is not None:
            field = getattr(self.refusal, "field", "")
            self.add_error(field if field in self.fields else None, self.refusal.message)
        return cleaned

    def changed(self) -> dict[str, Any]:
        """What the person has changed: only that is handed to the service."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


class Desk(ModelAdmin):
    """The base of every list."""

    # On the first page
    section: ClassVar[Words] = ""
    heading: ClassVar[Words] = ""
    about: ClassVar[Words] = ""
    # What the list, saving a row and adding one take. None: there is no such thing here.
    action: ClassVar[Action] = Action.CURATE
    change: ClassVar[Action | None] = None
    add: ClassVar[Action | None] = None
    # The ways from a row to where it belongs, for the filters
    team_path: ClassVar[str] = "team"
    project_path: ClassVar[str] = ""
    has_registry: ClassVar[bool] = False
    # Whether rows have a page of their own
    has_page: ClassVar[bool] = True
    # What events call such a row; history: whether it has any
    subject: ClassVar[str] = ""
    has_history: ClassVar[bool] = True

    form = DeskForm
    empty_value_display = "–"
    formfield_overrides: ClassVar = {
        models.TextField: {"widget": forms.Textarea(attrs={"rows": 4})},
    }
    list_per_page = PAGE
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ModelAdmin.show_facets.NEVER
    preserve_filters = True
    actions_selection_counter = True
    save_as = False

    # What a subclass says ------------------------------------------------------------------------

    def rows(self, user: User, role: Role) -> QuerySet[Any]:
        """The rows that lie where the user has this role, of those that the user may see."""
        raise NotImplementedError

    def place_of(self, row: Any) -> tuple[Team, Project | None]:
        """Where a row belongs."""
        raise NotImplementedError

    def save(self, row: Any, form: DeskForm, access: Access, *, is_new: bool) -> Any:
        """Hand what was changed to the service, and return the row as it is now."""
        raise NotImplementedError

    def subject_of(self, row: Any) -> Subject:
        """What the row's events name."""
        return Subject(self.subject, row.pk, str(row))

    def name_of(self, row: Any) -> str:
        """What pages call the row."""
        return str(row)

    def page_of(self, row: Any) -> str:
        """The row's page on the site, if it has one."""
        return ""

    def ways_of(self, row: Any) -> list[tuple[Words, str]]:
        """Further pages of the site where something is done with the row."""
        return []

    # Who may what --------------------------------------------------------------------------------

    @property
    def role(self) -> Role:
        return POLICY[self.action].role or Role.VIEWER

    def access(self, request: HttpRequest, row: Any) -> Access:
        return access_in(request, *self.place_of(row))

    def may(self, request: HttpRequest, row: Any, action: Action | None) -> bool:
        if action is None:
            return False
        if row is None or row.pk is None:
            return True
        try:
            self.access(request, row).require(action)
        except (Forbidden, NotFound):
            return False
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.role_anywhere.at_least(self.role))  # type: ignore[attr-defined]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, obj, self.action if obj is None else Action.READ)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, obj, self.change)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.add is not None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by Django, which would delete rows and what hangs on them."""
        return False

    def has_administer_permission(self, request: HttpRequest) -> bool:
        """For actions that only admins are offered."""
        return bool(request.role_anywhere.at_least(Role.ADMIN))  # type: ignore[attr-defined]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only our own filters; Django would take a condition on any field."""
        filters: Any = self.get_list_filter(request)
        return lookup in {one.parameter_name for one in filters}

    # Rows ----------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.rows(person(request), self.role).order_by(*self.get_ordering(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Django joins a condition for each word, and a database takes only so many."""
        if len(search_term) > MAX_SEARCH:
            raise Invalid(f"Search for {MAX_SEARCH} characters at most.", field="q")
        return super().get_search_results(request, queryset, search_term)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """The row. Raises NotFound, or Forbidden for one that the person may see elsewhere."""
        number = int(object_id)
        row = self.get_queryset(request).filter(pk=number).first()
        if row is None:
            if self.rows(person(request), Role.VIEWER).filter(pk=number).exists():
                raise Forbidden(f"This takes the role {self.role} or higher there.")
            raise NotFound("There is nothing at this address that you may see.")
        return row

    # Routes --------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        row = "<row:object_id>/"
        routes = [path("", bound(self.changelist_view, self.action), name=f"{name}_changelist")]
        if not self.has_page:
            return routes
        page = bound(self.change_view, self.action)
        routes.append(path(f"{row}change/", page, name=f"{name}_change"))
        if self.add is not None:
            routes.append(path("add/", bound(self.add_view, self.action), name=f"{name}_add"))
        if self.has_history:
            past = bound(self.history_view, self.action)
            routes.append(path(f"{row}history/", past, name=f"{name}_history"))
        return routes

    # Pages ---------------------------------------------------------------------------------------

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if ERROR_FLAG in request.GET:
            # Django has dropped a page number or an order that is none.
            return HttpResponseRedirect(request.path)
        return super().changelist_view(request, self._frame() | {"title": self.heading})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The form, and once more with its refusal where the service would not have it."""
        if object_id is not None and self.change is None and request.method == "POST":
            self.get_object(request, object_id)
            return HttpResponseNotAllowed(SAFE)
        try:
            return super().changeform_view(request, object_id, form_url, self._frame())
        except (Invalid, Conflict) as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
            response = super().changeform_view(request, object_id, form_url, self._frame())
            response.status_code = refusal.status
            return response

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        teams = Team.objects.filter(pk__in=teams_where(person(request), self.role))
        known = {
            "refusal": getattr(request, "refusal", None),
            "teams": teams.order_by("name_key"),
        }
        return type(form.__name__, (form,), known)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = context["original"]
        context["row_name"] = self.name_of(row) if row else ""
        context["ways"] = self.ways_of(row) if row else []
        response = super().render_change_form(request, context, *args, **kwargs)
        if context["errors"]:
            response.status_code = 400
        return response

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What the audit history holds about a row, as far as the person may know."""
        row = self.get_object(request, object_id)
        if request.method == "POST":
            return HttpResponseNotAllowed(SAFE)
        team, _project = self.place_of(row)
        page = history(
            team,
            person(request),
            subject=self.subject_of(row),
            cursor=request.GET.get("cursor"),
        )
        context = {
            **self.admin_site.each_context(request),
            **self._frame(),
            "title": _("History"),
            "original": row,
            "row_name": self.name_of(row),
            "opts": self.opts,
            "page": page,
        }
        return TemplateResponse(request, "admin/object_history.html", context)

    def _frame(self) -> dict[str, Any]:
        return {"desk": self}

    # Saving --------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service, which checks again, records the event, and may refuse."""
        action = self.change if change else self.add
        if action is None:
            raise Forbidden("This can only be read here.")
        access = self.access(request, obj)
        access.require(action)
        obj.pk = self.save(obj, form, access, is_new=not change).pk

    def save_related(self, *args: Any, **kwargs: Any) -> None:
        """Nothing hangs on these forms."""

    def log_addition(self, *args: Any, **kwargs: Any) -> Any:
        """The service has recorded the event."""

    def log_change(self, *args: Any, **kwargs: Any) -> Any:
        """The service has recorded the event."""

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return super().get_list_display_links(request, list_display) if self.has_page else ()

    def get_action_choices(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().get_action_choices(request, default_choices=[("", str(_("choose…")))])

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """An action that a service refuses changes nothing and says why."""
        try:
            return super().response_action(request, queryset, *args, **kwargs)
        except (Invalid, Conflict) as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return None

    def get_view_on_site_url(self, obj: Model | None = None) -> str | None:
        return (self.page_of(obj) or None) if obj is not None else None
