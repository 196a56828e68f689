"""What is stored: the collections of a project or of the registry, and the versions of one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, Version
from apps.artifacts.queries import (
    collection_named,
    collections_of,
    labels_of_versions,
    latest_number,
    standing_places,
    uploads_under_way,
    versions_of,
)
from apps.artifacts.summaries import CollectionSummary, summarise, type_counts, use_counts
from apps.core.names import clean_text
from apps.core.numbers import format_bytes, format_count
from apps.core.paging import Key, paginate
from apps.evaluations.queries import golden_sets_of
from apps.projects.access import Access, Action, requires
from apps.projects.models import Project
from apps.registry.models import StatusLabel
from apps.registry.queries.labels import labels_of
from apps.web.addresses import (
    artifacts_url,
    collection_url,
    golden_set_url,
    place_url,
    run_url,
    version_url,
)
from apps.web.htmx import answer, asks_for
from apps.web.overview import named_like
from apps.web.pager import pager
from apps.web.places import version_at
from apps.web.present.artifact import hue_of
from apps.web.present.first_lines import client_lines
from apps.web.present.model import crumbs_to_artifacts, crumbs_to_place
from apps.web.present.people import moment, name_of
from apps.web.present.places import project_tabs, team_tabs
from apps.web.present.table import pills_of
from apps.web.present.tags import tags_of_collection
from apps.web.present.version import other_places, version_facts
from apps.web.stored import shelf_of_version
from apps.web.views.account import person
from apps.web.views.versions import answer_files, artifact_context

MAX_SEARCH = 200
# One that was begun longer ago was given up; garbage collection takes it.
UPLOAD_LIFETIME = timedelta(days=1)
SHOWN_UPLOADS = 10
PAGE_SIZE = 50
BY_TYPE = (Key("type", "text"), Key("name_key", "text"), Key("pk", "integer"))
NEWEST_FIRST = (Key("number", "integer", descending=True),)


@requires(Action.READ)
@require_safe
def artifacts(
    request: HttpRequest, team: str, project: str | None = None, type: str = ""
) -> HttpResponse:
    """The collections of a project, or of the team's registry: of one type, or all by type."""
    access: Access = request.access  # type: ignore[attr-defined]
    place = access.project
    search = _text(request, "q")
    found = collections_of(access.team, access.user, type=type or None).filter(project=place)
    page = paginate(
        named_like(found, search),
        BY_TYPE,
        cursor=request.GET.get("cursor", ""),
        size=PAGE_SIZE,
        scope=f"{place.pk if place else ''}\n{type}\n{search}",
    )
    counts = type_counts(access.team, place, access.user)
    tabs = project_tabs(access, "artifacts") if place else team_tabs(access, "registry_artifacts")
    context = {
        "team": access.team,
        "project": place,
        "crumbs": crumbs_to_place(access.team, place),
        "tabs": tabs,
        "page": page.with_rows([_row(one) for one in summarise(page.rows, access.user)]),
        "foot": pager(request, page, target="collections"),
        "types": _type_choices(artifacts_url(access.team, place), counts, type),
        "search": search,
        "is_empty": not counts,
        "lines": [] if counts else client_lines(person(request), place=place),
    }
    if place is not None:
        context["uploads"] = _uploads(access, place)
    if not asks_for(request, "uploads"):
        return answer(request, "artifacts/list.html", context, fragment="collections")
    response = answer(request, "artifacts/list.html", context, fragment="uploads")
    if not context.get("uploads"):
        # All are sealed: once more the whole page, with what they have become.
        response.headers["HX-Refresh"] = "true"
    return response


def _uploads(access: Access, project: Project) -> list[dict[str, Any]]:
    """What is being written into the project just now, and how far it is."""
    since = timezone.now() - UPLOAD_LIFETIME
    rows = []
    for upload in uploads_under_way(project, since=since, limit=SHOWN_UPLOADS):
        artifact, run = upload.artifact, upload.artifact.made_by
        rows.append(
            {
                "type": artifact.type,
                "hue": hue_of(artifact.type),
                "run": run,
                "run_url": run_url(access.team, run) if run and not run.deleted_at else "",
                "by": name_of(artifact.created_by),
                "begun": moment(artifact.created_at),
                "count": upload.files,
                "files": format_count(upload.files),
                "size": format_bytes(upload.size_bytes),
            }
        )
    return rows


@requires(Action.READ)
@require_safe
def collection(
    request: HttpRequest, team: str, type: str, collection: str, project: str | None = None
) -> HttpResponse:
    """The versions of one collection. A model's are in its status table."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = collection_named(access.team, access.project, collection, type=type)
    if found.type == MODEL:
        return HttpResponseRedirect(collection_url(found))
    versions = versions_of(found, access.user).select_related(
        "artifact__project", "artifact__made_by__project", "linked_by"
    )
    page = paginate(
        versions, NEWEST_FIRST, cursor=request.GET.get("cursor", ""), scope=str(found.pk)
    )
    summary = summarise([found], access.user)[0]
    context = {
        "collection": found,
        "crumbs": crumbs_to_artifacts(found, with_own=False),
        "hue": hue_of(found.type),
        "count": format_count(summary.version_count),
        "page": page.with_rows(_version_rows(page.rows, found, access)),
        "foot": pager(request, page, target="versions"),
        "path": collection_url(found),
        "tags": tags_of_collection(found),
        "may_delete": access.allows(Action.DELETE_VERSION),
    }
    return answer(request, "artifacts/collection.html", context, fragment="versions")


@requires(Action.READ)
@require_safe
def artifact(
    request: HttpRequest,
    team: str,
    type: str,
    collection: str,
    version: str,
    project: str | None = None,
) -> HttpResponse:
    """What W&B's client prints the address of: a model's version, or a page for anything else."""
    access: Access = request.access  # type: ignore[attr-defined]
    place = version_at(access, type=type, collection=collection, version=version)
    if place.collection.type == MODEL:
        return HttpResponseRedirect(version_url(place))
    found = place.artifact
    page = place_url(place)
    if asks_for(request, "files"):
        return answer_files(request, shelf_of_version(place))
    golden = golden_sets_of(access.team, access.user).filter(artifact=found).first()
    context = {
        "version": place,
        "artifact": found,
        "hue": hue_of(found.type),
        "page": page,
        "crumbs": crumbs_to_artifacts(place.collection),
        "golden_set": golden,
        "golden_set_url": golden_set_url(access.team, golden) if golden else "",
        "may_mark": access.allows(Action.CURATE),
        "may_delete": access.allows(Action.DELETE_VERSION),
        "logged": moment(place.linked_at),
        "by": name_of(place.linked_by),
        "facts": version_facts(place, access),
        "places": other_places(standing_places(found, access.user), place),
        **artifact_context(request, place, access),
    }
    return answer(request, "versions/artifact.html", context)


def _text(request: HttpRequest, field: str) -> str:
    text = request.GET.get(field, "").strip()
    return clean_text(text, field=field, max_length=MAX_SEARCH, multiline=False)


def _row(summary: CollectionSummary) -> dict[str, Any]:
    """A line of the list of collections."""
    one, newest = summary.collection, summary.newest
    return {
        "name": one.title or one.name,
        "url": collection_url(one),
        "type": one.type,
        "hue": hue_of(one.type),
        "description": one.description,
        "versions": format_count(summary.version_count),
        "newest": f"v{newest.number}" if newest else "",
        "newest_url": place_url_in(newest, one) if newest else "",
        "size": format_bytes(newest.artifact.size_bytes) if newest else "",
        "digest": newest.artifact.short_digest if newest else "",
        "logged": moment(newest.linked_at) if newest else None,
        "by": name_of(newest.linked_by) if newest else "",
    }


def place_url_in(version: Version, collection: Collection) -> str:
    """The page of a version whose collection is loaded already."""
    version.collection = collection
    return place_url(version)


def _type_choices(path: str, counts: dict[str, int], chosen: str) -> list[dict[str, Any]]:
    everything = {"label": _("All"), "url": path, "count": sum(counts.values())}
    return [
        {**everything, "is_chosen": not chosen},
        *(
            {
                "label": type,
                "url": f"{path}/{quote(type, safe='')}",
                "count": count,
                "is_chosen": type == chosen,
            }
            for type, count in counts.items()
        ),
    ]


def _version_rows(
    versions: Sequence[Version], collection: Collection, access: Access
) -> list[dict[str, Any]]:
    labels = {label.name_key: label for label in labels_of(access.team)}
    held = labels_of_versions(versions)
    artifacts = [version.artifact_id for version in versions]
    uses = use_counts(artifacts, access.user)
    golden = golden_sets_of(access.team, access.user).filter(artifact__in=artifacts)
    marked = {one.artifact_id: one for one in golden}
    latest = latest_number(collection, access.user)
    return [
        _version_row(version, collection, access)
        | {
            "pills": _pills(held.get(version.pk, ()), labels, is_latest=version.number == latest),
            "uses": format_count(uses.get(version.artifact_id, 0)),
            "golden_set": marked.get(version.artifact_id),
            "golden_set_url": golden_set_url(access.team, marked[version.artifact_id])
            if version.artifact_id in marked
            else "",
        }
        for version in versions
    ]


def _version_row(version: Version, collection: Collection, access: Access) -> dict[str, Any]:
    artifact, run = version.artifact, version.artifact.made_by
    if run is not None and run.deleted_at is not None:
        run = None
    return {
        "number": f"v{version.number}",
        "url": place_url_in(version, collection),
        "digest": artifact.short_digest,
        "note": version.note or artifact.description,
        "files": format_count(artifact.file_count),
        "size": format_bytes(artifact.size_bytes),
        "logged": moment(version.linked_at),
        "by": name_of(version.linked_by),
        "run": run.name if run else "",
        "run_url": run_url(access.team, run) if run else "",
    }


def _pills(held: Sequence[Any], labels: dict[str, StatusLabel], *, is_latest: bool) -> list[Any]:
    return list(pills_of([one.label for one in held], labels, is_latest=is_latest))
