"""What a team has agreed on: status labels, metrics, golden sets, and the columns of each table."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import action, display, register
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.choices import Role
from apps.accounts.models import Team, User
from apps.admin.asking import chosen
from apps.admin.cells import flag, moment, pill
from apps.admin.desk import Desk, DeskForm, TeamChoice
from apps.admin.filters import ProjectFilter, TeamFilter, choice_filter, set_filter
from apps.admin.links import collection_page, place_words
from apps.admin.places import access_in, collections_where, teams_where
from apps.admin.site import site
from apps.artifacts.models import Collection
from apps.artifacts.services import collection_subject
from apps.audit.actors import Subject
from apps.core.errors import Conflict
from apps.core.names import name_key
from apps.evaluations.choices import Better
from apps.evaluations.models import GoldenSet, MetricDefinition
from apps.evaluations.queries import visible_golden_sets, visible_metrics
from apps.evaluations.services import define_metric, mark_golden_set
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.registry.choices import Colour
from apps.registry.models import Column, StatusLabel
from apps.registry.queries.columns import visible_columns
from apps.registry.services.columns import ColumnSpec, update_columns
from apps.registry.services.labels import save_label

SECTION = _("What the team has agreed on")
CREATED = moment("created_at", _("marked"))
EXCLUSIVE = flag("is_exclusive", _("holders"), _("one at a time"), _("several"))
PROTECTED = flag("is_protected", _("moved by"), _("curators"), _("editors"))
SHOWN = flag("is_visible", _("in the table"), _("shown"), _("hidden"))
RETIRED = moment("retired_at", _("retired"))


class LabelForm(DeskForm):
    team = TeamChoice()

    class Meta:
        model = StatusLabel
        fields = ("team", "name", "colour", "position", "is_exclusive", "is_protected")
        labels = {
            "name": _("Name"),
            "colour": _("Colour"),
            "position": _("Position"),
            "is_exclusive": _("Exclusive"),
            "is_protected": _("Protected"),
        }
        help_texts = {
            "position": _(
                "Lowest first. The first exclusive label is what scores are compared to."
            ),
            "is_exclusive": _("One version of a model holds it at a time."),
            "is_protected": _("Only curators move it."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A new label without a position is the last.
        if "name" in self.fields:
            self.fields["position"].required = False


@register(StatusLabel, site=site)
class LabelDesk(Desk):
    section = SECTION
    heading = _("Status labels")
    about = _("production, staging and the like: colour, order, who may move them.")
    change = add = Action.CURATE
    subject = "label"
    form = LabelForm
    fields = ("team", "name", "colour", "position", "is_exclusive", "is_protected")
    list_display = ("name", "look", "team", "position", EXCLUSIVE, PROTECTED)
    list_filter = (
        TeamFilter,
        choice_filter("colour", _("colour"), Colour.choices),
        set_filter("is_exclusive", _("exclusive"), yes=_("exclusive"), no=_("several at a time")),
        set_filter("is_protected", _("protected"), yes=_("protected"), no=_("open")),
    )
    list_select_related = ("team",)
    search_fields = ("name",)
    ordering = ("team__name_key", "position", "name_key")

    def rows(self, user: User, role: Role) -> QuerySet[StatusLabel]:
        return StatusLabel.objects.filter(team__in=teams_where(user, role))

    def place_of(self, row: StatusLabel) -> tuple[Team, None]:
        return row.team, None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("team", "name") if obj else ()

    @display(description=_("looks like"), ordering="colour")
    def look(self, row: StatusLabel) -> str:
        return pill(row.name, row.colour)

    def save(
        self, row: StatusLabel, form: DeskForm, access: Access, *, is_new: bool
    ) -> StatusLabel:
        wanted = form.cleaned_data if is_new else form.changed()
        if is_new:
            known = StatusLabel.objects.filter(team=row.team, name_key=name_key(row.name))
            if known.exists():
                raise Conflict(gettext("The team has a label of this name already."))
        return save_label(
            name=row.name,
            access=access,
            colour=Colour(wanted["colour"]) if "colour" in wanted else None,
            position=wanted.get("position"),
            is_exclusive=wanted.get("is_exclusive"),
            is_protected=wanted.get("is_protected"),
        )


class MetricForm(DeskForm):
    team = TeamChoice()

    class Meta:
        model = MetricDefinition
        fields = ("team", "name", "title", "better", "format", "description")
        labels = {
            "name": _("Name"),
            "title": _("Title"),
            "better": _("Better is"),
            "format": _("Format"),
            "description": _("Description"),
        }
        help_texts = {
            "name": _("As it is logged."),
            "format": _("auto, integer, fixed:4 (four decimals), percent:1"),
        }


@register(MetricDefinition, site=site)
class MetricDesk(Desk):
    section = SECTION
    heading = _("Metrics")
    about = _("What each metric is called, which way it improves, how it is written.")
    change = add = Action.CURATE
    subject = "metric"
    form = MetricForm
    fields = ("team", "name", "title", "better", "format", "description")
    list_display = ("name", "title", "team", "better", "format")
    list_filter = (TeamFilter, choice_filter("better", _("better"), Better.choices))
    list_select_related = ("team",)
    search_fields = ("name", "title", "description")
    ordering = ("team__name_key", "name_key")

    def rows(self, user: User, role: Role) -> QuerySet[MetricDefinition]:
        return visible_metrics(user).filter(team__in=teams_where(user, role))

    def place_of(self, row: MetricDefinition) -> tuple[Team, None]:
        return row.team, None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("team", "name") if obj else ()

    def save(
        self, row: MetricDefinition, form: DeskForm, access: Access, *, is_new: bool
    ) -> MetricDefinition:
        wanted = form.cleaned_data if is_new else form.changed()
        if is_new:
            known = MetricDefinition.objects.filter(team=row.team, name_key=name_key(row.name))
            if known.exists():
                raise Conflict(gettext("The team has a metric of this name already."))
        return define_metric(
            name=row.name,
            access=access,
            title=wanted.get("title"),
            better=Better(wanted["better"]) if "better" in wanted else None,
            format=wanted.get("format"),
            description=wanted.get("description"),
        )


class GoldenSetForm(DeskForm):
    team = TeamChoice()

    class Meta:
        model = GoldenSet
        fields = ("team", "name", "title", "digest", "example_count", "description")
        labels = {
            "name": _("Name"),
            "title": _("Title"),
            "digest": _("Digest"),
            "example_count": _("Examples"),
            "description": _("Description"),
        }
        help_texts = {"title": _("What columns call it: the 10k of Loss @ 10k.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "title" in self.fields:
            self.fields["title"].required = False


@register(GoldenSet, site=site)
class GoldenSetDesk(Desk):
    section = SECTION
    heading = _("Golden sets")
    about = _("The data that versions are evaluated on.")
    add = Action.CURATE
    subject = "golden_set"
    form = GoldenSetForm
    fields = ("team", "name", "title", "digest", "example_count", "description")
    list_display = ("name", "title", "team", "example_count", "data", CREATED, RETIRED)
    list_filter = (
        TeamFilter,
        set_filter("retired_at", _("retired"), yes=_("retired"), no=_("in use"), negate=True),
    )
    list_select_related = ("team", "artifact__project")
    search_fields = ("name", "title", "digest")
    ordering = ("team__name_key", "name_key")

    def rows(self, user: User, role: Role) -> QuerySet[GoldenSet]:
        return visible_golden_sets(user).filter(team__in=teams_where(user, role))

    def place_of(self, row: GoldenSet) -> tuple[Team, None]:
        return row.team, None

    @display(description=_("data"))
    def data(self, row: GoldenSet) -> str:
        where = f"{row.artifact.project.name} · " if row.artifact else ""
        return f"{where}{row.digest[:8]}"

    def save(self, row: GoldenSet, form: DeskForm, access: Access, *, is_new: bool) -> GoldenSet:
        wanted = form.cleaned_data
        return mark_golden_set(
            name=row.name,
            access=access,
            title=wanted["title"],
            digest=wanted["digest"],
            example_count=wanted["example_count"],
            description=wanted["description"],
        )


class ColumnForm(DeskForm):
    class Meta:
        model = Column
        fields = ("title", "position", "is_visible", "better", "format")
        labels = {
            "title": _("Title"),
            "position": _("Position"),
            "is_visible": _("Shown"),
            "better": _("Better is"),
            "format": _("Format"),
        }
        help_texts = {
            "position": _("0 is the first column."),
            "better": _("Empty: as the metric says."),
            "format": _("Empty: as the metric says. auto, integer, fixed:4, percent:1"),
        }


@register(Column, site=site)
class ColumnDesk(Desk):
    section = SECTION
    heading = _("Columns")
    about = _("The score columns of each status table: title, order, shown or not.")
    change = Action.CURATE
    team_path = "collection__team"
    project_path = "collection__project"
    has_registry = True
    form = ColumnForm
    fields = ("table", "metric_name", "title", "position", "is_visible", "better", "format")
    readonly_fields = ("table", "metric_name")
    list_display = (
        "title",
        "table",
        "metric_name",
        "position",
        SHOWN,
        "better",
        "format",
        "origin",
    )
    list_filter = (
        TeamFilter,
        ProjectFilter,
        set_filter("is_visible", _("shown"), yes=_("shown"), no=_("hidden")),
    )
    search_fields = ("title", "collection__name", "metric__name")
    ordering = ("collection__name_key", "collection", "position", "pk")
    actions = ("show", "hide")

    def rows(self, user: User, role: Role) -> QuerySet[Column]:
        columns = visible_columns(user).filter(collection__in=collections_where(user, role))
        # Here, because Django's list adds none to a query that has some already.
        return columns.select_related("collection__team", "collection__project")

    def place_of(self, row: Column) -> tuple[Team, Project | None]:
        return row.collection.team, row.collection.project

    def page_of(self, row: Column) -> str:
        return collection_page(row.collection)

    @display(description=_("table"), ordering="collection__name_key")
    def table(self, row: Column) -> str:
        return f"{place_words(*self.place_of(row))} · {row.collection.name}"

    @display(description=_("metric on golden set"))
    def metric_name(self, row: Column) -> str:
        where = row.golden_set.name if row.golden_set else _("in training")
        return f"{row.metric.name} @ {where}"

    def subject_of(self, row: Column) -> Subject:
        """Its events are those of the table."""
        return collection_subject(row.collection)

    def save(self, row: Column, form: DeskForm, access: Access, *, is_new: bool) -> Column:
        _change(row.collection, {row.pk: form.changed()}, access)
        return row

    @action(description=_("Show in the table"))
    def show(self, request: HttpRequest, queryset: QuerySet[Column]) -> None:
        self._set_visible(request, queryset, is_visible=True)

    @action(description=_("Hide from the table"))
    def hide(self, request: HttpRequest, queryset: QuerySet[Column]) -> None:
        self._set_visible(request, queryset, is_visible=False)

    def _set_visible(
        self, request: HttpRequest, queryset: QuerySet[Column], *, is_visible: bool
    ) -> None:
        """All or none; one event for each table."""
        wanted: dict[Collection, dict[int, dict[str, Any]]] = {}
        for column in chosen(queryset):
            wanted.setdefault(column.collection, {})[column.pk] = {"is_visible": is_visible}
        with transaction.atomic():
            for collection, changes in wanted.items():
                access = access_in(request, collection.team, collection.project)
                access.require(Action.CURATE)
                _change(collection, changes, access)
        count = sum(len(changes) for changes in wanted.values())
        words = ngettext("%(count)d column changed.", "%(count)d columns changed.", count)
        self.message_user(request, words % {"count": count}, messages.SUCCESS)


def _change(collection: Collection, changes: dict[int, dict[str, Any]], access: Access) -> None:
    """Hand the whole table to the service, with these columns changed."""
    columns = list(visible_columns(access.user).filter(collection=collection))
    for pk, wanted in changes.items():
        if "position" in wanted:
            moved = next(column for column in columns if column.pk == pk)
            columns.remove(moved)
            columns.insert(wanted["position"], moved)
    specs = []
    for column in columns:
        wanted = changes.get(column.pk, {})
        better = wanted.get("better", column.better)
        specs.append(
            ColumnSpec(
                pk=column.pk,
                title=wanted.get("title", column.title),
                is_visible=wanted.get("is_visible", column.is_visible),
                better=Better(better) if better else None,
                format=wanted.get("format", column.format),
            )
        )
    update_columns(collection=collection, specs=specs, access=access)
