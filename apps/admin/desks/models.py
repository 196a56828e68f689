"""Models and their versions, who held which label, and the artifact versions behind them.

What was logged is sealed, so there is nothing to edit here; labels are moved by actions, through
the service that the button and the API use.
"""

from typing import Any

from django.contrib.admin import action, display, register
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from apps.accounts.choices import Role
from apps.accounts.models import Team, User
from apps.admin.asking import chosen
from apps.admin.cells import flag, json_text, moment, pills
from apps.admin.deleting import ask_deletion
from apps.admin.desk import Desk, DeskForm
from apps.admin.filters import ProjectFilter, TeamFilter, set_filter
from apps.admin.labels import ask_promotion, ask_removal, ask_roll_back
from apps.admin.links import collection_page, place_words, version_page
from apps.admin.places import collections_where, projects_where
from apps.admin.site import Words, site
from apps.artifacts.choices import ArtifactState
from apps.artifacts.models import ArtifactVersion, Collection, LabelHolding, Version
from apps.artifacts.services import update_collection, version_subject
from apps.bin.queries.consequences import consequences_of_collection, consequences_of_version
from apps.bin.services.deletion import delete_collection, delete_version
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.registry.models import StatusLabel

SECTION = _("Models")
CREATED = moment("created_at", _("made"))
LINKED = moment("linked_at", _("linked"))
HELD_FROM = moment("held_from", _("from"))
HELD_UNTIL = moment("held_until", _("until"))
ROLLED_BACK = flag("is_rollback", _("how"), _("rolled back"), _("promoted"))
SEALED = moment("sealed_at", _("sealed"))


class CollectionForm(DeskForm):
    class Meta:
        model = Collection
        fields = ("title", "description")
        labels = {"title": _("Title"), "description": _("Description")}


@register(Collection, site=site)
class CollectionDesk(Desk):
    section = SECTION
    heading = _("Models and other collections")
    about = _("Named lines of versions, in projects and in the registry. Roll a label back here.")
    team_path = "team"
    project_path = "project"
    has_registry = True
    subject = "collection"
    change = Action.LOG
    form = CollectionForm
    fields = ("name", "type", "place", "title", "description", "created_by", CREATED)
    readonly_fields = ("name", "type", "place", "created_by", CREATED)
    list_display = ("name", "type", "place", "title", CREATED)
    list_filter = (TeamFilter, ProjectFilter)
    list_select_related = ("team", "project")
    search_fields = ("name", "title", "type")
    ordering = ("name_key", "pk")
    actions = ("roll_back", "remove")

    def rows(self, user: User, role: Role) -> QuerySet[Collection]:
        return Collection.objects.filter(pk__in=collections_where(user, role))

    def place_of(self, row: Collection) -> tuple[Team, Project | None]:
        return row.team, row.project

    def page_of(self, row: Collection) -> str:
        return collection_page(row)

    @display(description=_("place"), ordering="team__name_key")
    def place(self, row: Collection) -> str:
        return place_words(row.team, row.project)

    def save(self, row: Collection, form: DeskForm, access: Access, *, is_new: bool) -> Collection:
        wanted = form.changed()
        return update_collection(
            collection=row,
            access=access,
            title=wanted.get("title"),
            description=wanted.get("description"),
        )

    @action(description=_("Roll a label back…"))
    def roll_back(
        self, request: HttpRequest, queryset: QuerySet[Collection]
    ) -> HttpResponse | None:
        return ask_roll_back(self, request, chosen(queryset))

    @action(description=_("Delete…"))
    def remove(self, request: HttpRequest, queryset: QuerySet[Collection]) -> HttpResponse | None:
        return ask_deletion(
            self,
            request,
            chosen(queryset),
            consequences=consequences_of_collection,
            delete=lambda row, **said: delete_collection(collection=row, **said),
        )


@register(Version, site=site)
class VersionDesk(Desk):
    section = SECTION
    heading = _("Versions")
    about = _("Numbered places in collections. Promote them, or take a label away.")
    team_path = "collection__team"
    project_path = "collection__project"
    has_registry = True
    subject = "version"
    fields = ("version", "place", "labels", "digest", "note", "linked_by", LINKED)
    readonly_fields = ("version", "place", "digest", "labels", LINKED)
    list_display = ("version", "place", "labels", "digest", "linked_by", LINKED)
    list_filter = (TeamFilter, ProjectFilter)
    list_select_related = (
        "collection__team",
        "collection__project",
        "artifact__project",
        "linked_by",
    )
    search_fields = ("collection__name", "artifact__digest", "note")
    search_help_text = _("By the name of the collection, the digest or the note.")
    ordering = ("-linked_at", "-pk")
    actions = ("promote", "remove_label", "remove")

    def rows(self, user: User, role: Role) -> QuerySet[Version]:
        return Version.objects.filter(
            collection__in=collections_where(user, role),
            artifact__project__in=Project.objects.visible_to(user).values("pk"),
            deleted_at=None,
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Version]:
        known = StatusLabel.objects.filter(
            team=OuterRef("collection__team"), name_key=OuterRef("label_key")
        )
        held = LabelHolding.objects.standing().once().order_by("label_key")
        held = held.annotate(colour=Subquery(known.values("colour")[:1]))
        return (
            super()
            .get_queryset(request)
            .prefetch_related(Prefetch("holdings", queryset=held, to_attr="held"))
        )

    def place_of(self, row: Version) -> tuple[Team, Project | None]:
        return row.collection.team, row.collection.project

    def name_of(self, row: Version) -> str:
        return f"{row.collection.name} v{row.number}"

    def page_of(self, row: Version) -> str:
        return version_page(row)

    def ways_of(self, row: Version) -> list[tuple[Words, str]]:
        page = version_page(row)
        return [(_("Promote…"), f"{page}/promote")] if page else []

    @display(description=_("version"), ordering="collection__name_key")
    def version(self, row: Version) -> str:
        return self.name_of(row)

    @display(description=_("place"), ordering="collection__team__name_key")
    def place(self, row: Version) -> str:
        return place_words(*self.place_of(row))

    @display(description=_("labels"))
    def labels(self, row: Version) -> str:
        held: list[Any] = row.held  # type: ignore[attr-defined]
        return pills((holding.label, holding.colour) for holding in held) or "–"

    @display(description=_("digest"), ordering="artifact__digest")
    def digest(self, row: Version) -> str:
        return row.artifact.short_digest

    @action(description=_("Promote…"))
    def promote(self, request: HttpRequest, queryset: QuerySet[Version]) -> HttpResponse | None:
        return ask_promotion(self, request, chosen(queryset))

    @action(description=_("Take a label away…"))
    def remove_label(
        self, request: HttpRequest, queryset: QuerySet[Version]
    ) -> HttpResponse | None:
        return ask_removal(self, request, chosen(queryset))

    @action(description=_("Delete…"))
    def remove(self, request: HttpRequest, queryset: QuerySet[Version]) -> HttpResponse | None:
        return ask_deletion(
            self,
            request,
            chosen(queryset),
            consequences=consequences_of_version,
            delete=lambda row, **said: delete_version(version=row, **said),
        )


@register(LabelHolding, site=site)
class HoldingDesk(Desk):
    section = SECTION
    heading = _("History of labels")
    about = _("Which version held which label, from when to when, by whom and why. Read only.")
    team_path = "collection__team"
    project_path = "collection__project"
    has_registry = True
    subject = "version"
    fields = (
        "label",
        "version_name",
        HELD_FROM,
        HELD_UNTIL,
        "given_by",
        "reason",
        ROLLED_BACK,
    )
    readonly_fields = ("version_name", HELD_FROM, HELD_UNTIL, ROLLED_BACK)
    list_display = (
        "label",
        "version_name",
        HELD_FROM,
        HELD_UNTIL,
        "given_by",
        ROLLED_BACK,
        "reason",
    )
    list_filter = (
        TeamFilter,
        ProjectFilter,
        set_filter("held_until", _("until"), yes=_("ended"), no=_("held now"), negate=True),
    )
    list_select_related = ("collection__team", "collection__project", "version", "given_by")
    search_fields = ("label", "collection__name", "reason")
    ordering = ("-held_from", "-pk")

    def rows(self, user: User, role: Role) -> QuerySet[LabelHolding]:
        return LabelHolding.objects.filter(
            collection__in=collections_where(user, role),
            version__artifact__project__in=Project.objects.visible_to(user).values("pk"),
        )

    def place_of(self, row: LabelHolding) -> tuple[Team, Project | None]:
        return row.collection.team, row.collection.project

    def page_of(self, row: LabelHolding) -> str:
        return collection_page(row.collection)

    def subject_of(self, row: LabelHolding) -> Any:
        return version_subject(row.version)

    @display(description=_("version"), ordering="version__number")
    def version_name(self, row: LabelHolding) -> str:
        return f"{row.collection.name} v{row.version.number}"


@register(ArtifactVersion, site=site)
class ArtifactDesk(Desk):
    section = SECTION
    heading = _("Artifact versions")
    about = _("Sealed files and metadata. Read only: a change means a new version.")
    team_path = "project__team"
    project_path = "project"
    subject = "artifact"
    fields = (
        "digest",
        "type",
        "project",
        "file_count",
        "size",
        "description",
        "facts",
        "made_by",
        "created_by",
        SEALED,
    )
    readonly_fields = ("size", "facts", SEALED)
    list_display = ("short", "type", "place", "file_count", "size", "made_by", "created_by", SEALED)
    list_filter = (TeamFilter, ProjectFilter)
    list_select_related = ("project__team", "made_by", "created_by")
    search_fields = ("digest", "type", "description")
    ordering = ("-sealed_at", "-pk")

    def rows(self, user: User, role: Role) -> QuerySet[ArtifactVersion]:
        return ArtifactVersion.objects.filter(
            project__in=projects_where(user, role), state=ArtifactState.SEALED
        )

    def place_of(self, row: ArtifactVersion) -> tuple[Team, Project | None]:
        return row.project.team, row.project

    @display(description=_("digest"), ordering="digest")
    def short(self, row: ArtifactVersion) -> str:
        return row.short_digest

    @display(description=_("place"), ordering="project__name_key")
    def place(self, row: ArtifactVersion) -> str:
        return place_words(row.project.team, row.project)

    @display(description=_("metadata"))
    def facts(self, row: ArtifactVersion) -> str:
        return json_text(row.metadata)

    @display(description=_("size"), ordering="size_bytes")
    def size(self, row: ArtifactVersion) -> str:
        return filesizeformat(row.size_bytes)
