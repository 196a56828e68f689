"""Which saved view an address shows, and the menu of views above a table.

    /main/digits/models/candidates          the default view, where curators chose one
    …?view=7                                the view 7
    …?sort=loss@10k&view=7                  a state that came from view 7 and may differ from it
    …?sort=loss@10k                         a state by itself
    …?view=none                             no view: the table as its columns were curated

A view shows what its reader may see: columns of it that the reader does not know are left out.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.core.errors import Invalid, NotFound
from apps.projects.access import Access, Action
from apps.registry.choices import Sharing
from apps.registry.models import SavedView
from apps.registry.queries.table import FIXED_ORDERS
from apps.registry.queries.views import Viewed, rights_over, views_of
from apps.web.listing import NO_VIEW, Listing, column_value

# What is no part of a state: which page of it, which view it came from, what a poll has seen of it.
BESIDE_THE_STATE = frozenset({"cursor", "view", "seen"})
Read = Callable[[QueryDict], Listing]


@dataclass(frozen=True)
class Shown:
    """The state that an address asks for, and the view that it is or comes from."""

    listing: Listing
    view: SavedView | None
    views: Sequence[SavedView]
    is_changed: bool


@dataclass(frozen=True, slots=True)
class ViewChoice:
    """One view in the menu."""

    name: str
    url: str
    is_chosen: bool
    is_default: bool
    is_own: bool


@dataclass(frozen=True, slots=True)
class ViewMenu:
    """What components/table_views.html shows. `change_url` is empty where the reader may not."""

    label: str
    is_changed: bool
    choices: Sequence[ViewChoice]
    plain_url: str
    is_plain: bool
    state: str
    here: str
    save_url: str
    change_url: str
    may_keep: bool
    may_share: bool


def show_view(
    params: QueryDict, viewed: Viewed, access: Access, read: Read, columns: Collection[str] | None
) -> Shown:
    """Read the state of an address, by way of a saved view where it names or means one.

    `read` makes a listing of a query and raises Invalid; `columns` are the names of columns that
    the reader may choose (None: any). One query. Raises NotFound for a view that is not there.
    """
    views = list(views_of(viewed, access.user))
    default = next((view for view in views if view.is_default), None)
    is_stated = any(name not in BESIDE_THE_STATE for name in params)
    view = _named(params.get("view", ""), views, None if is_stated else default)
    if view is None:
        listing = replace(read(params), has_default=default is not None)
        return Shown(listing, None, views, is_changed=False)
    kept = read(known_state(view.state, columns))
    listing = read(params) if is_stated else kept.at(params.get("cursor", ""))
    listing = replace(listing, view=str(view.pk), has_default=default is not None)
    return Shown(listing, view, views, is_changed=listing.state != kept.state)


def menu_of_views(shown: Shown, path: str, access: Access, *, views: str) -> ViewMenu:
    """The menu above a table whose page is at `path`, and the page of its views at `views`."""
    view = shown.view
    user = access.user
    is_open = access.project is None or access.project.archived_at is None
    may_change = view is not None and is_open and rights_over(view, access).change
    return ViewMenu(
        label=view.name if view else "",
        is_changed=shown.is_changed,
        choices=[
            ViewChoice(
                one.name,
                f"{path}?view={one.pk}",
                is_chosen=view is not None and one.pk == view.pk,
                is_default=one.is_default,
                is_own=one.sharing == Sharing.PRIVATE and user is not None,
            )
            for one in shown.views
        ],
        plain_url=f"{path}?view={NO_VIEW}" if shown.listing.has_default else path,
        is_plain=view is None and not shown.listing.state,
        state=shown.listing.state,
        here=shown.listing.at("").address(path),
        save_url=views,
        change_url=f"{views}/{view.pk}" if view and may_change else "",
        may_keep=is_open and access.allows(Action.KEEP),
        may_share=is_open and access.allows(Action.LOG),
    )


def known_state(state: str, columns: Collection[str] | None) -> QueryDict:
    """A kept state without the columns that have gone since, or that this reader does not know.

    The words of its filter stay: without one of them it would let other rows through.
    """
    params = QueryDict(state, mutable=True)
    if columns is None:
        return params
    if "columns" in params:
        wanted = [
            name.removesuffix(",")
            for value in params.getlist("columns")
            for name in ([value] if value.endswith(",") else value.split(","))
        ]
        params.setlist("columns", [column_value(name) for name in wanted if name in columns])
    if params.get("sort", "").removeprefix("-") not in {*columns, *FIXED_ORDERS}:
        params.pop("sort", None)
    return params


def _named(word: str, views: Sequence[SavedView], otherwise: SavedView | None) -> SavedView | None:
    if not word:
        return otherwise
    if word == NO_VIEW:
        return None
    if not (word.isascii() and word.isdigit()):
        raise Invalid("A view is named by its number, or none.", field="view")
    found = next((view for view in views if str(view.pk) == word), None)
    if found is None:
        raise NotFound(_("There is no such saved view of this table."))
    return found
