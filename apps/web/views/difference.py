"""What changed from one version to another: files, metadata, and the lines of a text."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.artifacts.choices import MODEL
from apps.artifacts.differences import Change, changed_files, earlier_version, metadata_changes
from apps.artifacts.models import ArtifactFile, Version
from apps.artifacts.queries import file_at, versions_of
from apps.core.errors import Invalid
from apps.core.names import clean_text
from apps.core.paging import Key, paginate
from apps.projects.access import Access, Action, requires
from apps.web.addresses import model_url, place_url, view_url
from apps.web.htmx import answer
from apps.web.pager import pager
from apps.web.places import number_in, version_at
from apps.web.present.difference import (
    SHOWN_METADATA,
    ChangedFile,
    TextDifference,
    compare_texts,
    kind_choices,
    short,
    show_metadata_changes,
    sizes,
)
from apps.web.present.model import crumbs_to_version
from apps.web.preview import text_of

PAGE_SIZE = 100
SHOWN_VERSIONS = 50
BY_PATH = (Key("path", "text"),)


@requires(Action.READ)
@require_safe
def difference(
    request: HttpRequest,
    team: str,
    collection: str,
    project: str | None = None,
    number: int | None = None,
    type: str = MODEL,
    version: str = "",
) -> HttpResponse:
    """`?to=3` names the other version; without it, the one before. `?show=` is a kind of change,
    `?file=` a path whose texts are compared."""
    access: Access = request.access  # type: ignore[attr-defined]
    new = version_at(access, collection=collection, number=number, type=type, version=version)
    old = _other(new, request.GET.get("to", ""), access)
    page = place_url(new)
    others = versions_of(new.collection, access.user).exclude(pk=new.pk).order_by("-number")
    context: dict[str, Any] = {
        "new": new,
        "old": old,
        "page": page,
        "crumbs": crumbs_to_version(new),
        "others": list(others.values_list("number", flat=True)[:SHOWN_VERSIONS]),
    }
    if old is not None:
        context |= _changes(request, old, new, f"{page}/diff?to={old.number}")
        context["old_url"] = place_url(old)
        if new.collection.type == MODEL:
            query = urlencode([("v", new.number), ("v", old.number)])
            context["compare_url"] = f"{model_url(new.collection)}/compare?{query}"
    return answer(request, "versions/diff.html", context, fragment="changes")


def _other(new: Version, to: str, access: Access) -> Version | None:
    """The version to compare with. Raises Invalid, NotFound."""
    if not to:
        earlier = earlier_version(new, access.user)
        if earlier is None:
            return None
        to = str(earlier.number)
    number = number_in(to)
    if number is None:
        raise Invalid(_("Give the number of a version, such as 3."), field="to")
    where = {"type": new.collection.type, "collection": new.collection.name}
    return version_at(access, number=number, **where)


def _changes(request: HttpRequest, old: Version, new: Version, address: str) -> dict[str, Any]:
    files = {change: changed_files(old.artifact, new.artifact, change) for change in Change}
    counts = {change: found.count() for change, found in files.items()}
    chosen = _chosen(request.GET.get("show", ""), counts)
    page = paginate(
        files[chosen],
        BY_PATH,
        cursor=request.GET.get("cursor", ""),
        size=PAGE_SIZE,
        scope=f"{old.pk} {new.pk} {chosen}",
        total=counts[chosen],
    )
    metadata = metadata_changes(old.artifact, new.artifact)
    owner = place_url(old if chosen == Change.REMOVED else new)
    return {
        "files": page.with_rows(_file(row, chosen, owner, address) for row in page.rows),
        "foot": pager(request, page, target="changes"),
        "kinds": kind_choices(counts, chosen, address),
        "chosen": chosen,
        "is_same": not metadata and not any(counts.values()),
        "text": _text(old, new, request.GET.get("file", "")),
        "metadata": show_metadata_changes(metadata),
        "more_metadata": max(len(metadata) - SHOWN_METADATA, 0),
    }


def _chosen(show: str, counts: dict[Change, int]) -> Change:
    """The kind that is asked for, else the first of which there is something. Raises Invalid."""
    if show:
        try:
            return Change(show)
        except ValueError:
            raise Invalid(_("show is one of changed, added, removed."), field="show") from None
    return next((change for change, count in counts.items() if count), Change.CHANGED)


def _file(file: ArtifactFile, change: Change, owner: str, address: str) -> ChangedFile:
    before, after = sizes(file, change)
    digest = short(file)
    if change == Change.CHANGED:
        digest = f"{(file.old_blob or '–')[:12]} → {digest}"  # type: ignore[attr-defined]
    is_text = change == Change.CHANGED and file.blob_id is not None
    query = urlencode({"file": file.path})
    return ChangedFile(
        path=file.path,
        url=view_url(owner, file.path),
        text_url=f"{address}&{query}#text" if is_text else "",
        before=before,
        after=after,
        digests=digest,
    )


def _text(old: Version, new: Version, path: str) -> TextDifference | None:
    """The lines of one file in both versions. Raises NotFound when either has no such file."""
    if not path:
        return None
    path = clean_text(path, field="file", max_length=1024, multiline=False)
    before, after = file_at(old.artifact, path), file_at(new.artifact, path)
    return compare_texts(path, text_of(before), text_of(after))
