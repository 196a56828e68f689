"""What is compared: versions and runs with short names and looks that tell them apart."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.artifacts.models import Version
from apps.artifacts.queries import labels_of_versions
from apps.core.errors import Invalid
from apps.core.text import truncate_middle
from apps.registry.models import StatusLabel
from apps.registry.queries.selection import (
    Place,
    RunPlace,
    VersionPlace,
    read_number,
    read_run_place,
    read_version_place,
    runs_at,
    versions_at,
)
from apps.runs.models import Run
from apps.web.addresses import model_url, project_url, run_url, version_url
from apps.web.charts.chart import Role, Style, line_classes
from apps.web.comparing.asked import Asked
from apps.web.present.people import Moment, moment, name_of
from apps.web.present.table import Pill, pills_of
from apps.web.run_words import STATE_HUES

# Eight colours in three styles of line: none of the 20 items (MAX_COMPARED) looks like another.
_ROLES: Sequence[Role] = ("accent", "amber", "violet", "teal", "pink", "green", "red", "slate")
_STYLES: Sequence[Style] = ("solid", "dashed", "dotted")
NAME_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Item:
    """One version or run; `run` is the run itself or the one that made the version."""

    place: Place
    name: str
    version: Version | None
    run: Run | None
    role: Role
    style: Style
    pills: Sequence[Pill] = ()
    # Holds the first exclusive label of its team, which others are measured by.
    is_lead: bool = False

    @property
    def url(self) -> str:
        if self.version is not None:
            return version_url(self.version)
        assert self.run is not None  # noqa: S101 (an item is a version or a run)
        return run_url(self.run.project.team, self.run)

    @property
    def look(self) -> str:
        """The classes of its key in a legend."""
        return line_classes(self.role, self.style)


def load_items(asked: Asked, user: User) -> list[Item]:
    """The items in the order of the address. Raises NotFound for what the user may not see.

    Four queries at most: versions, runs, holdings, labels.
    """
    versions = versions_at([p for p in asked.places if isinstance(p, VersionPlace)], user)
    runs = runs_at([p for p in asked.places if isinstance(p, RunPlace)], user)
    held = labels_of_versions(versions.values()) if versions else {}
    labels = _labels({version.collection.team_id for version in versions.values()})
    names = _names(asked.places, versions, runs)
    items = []
    for index, place in enumerate(asked.places):
        version = versions[place] if isinstance(place, VersionPlace) else None
        run = runs[place] if isinstance(place, RunPlace) else _maker(version)
        known = labels.get(version.collection.team_id, {}) if version is not None else {}
        holdings = held.get(version.pk, []) if version is not None else []
        lead = next((key for key, label in known.items() if label.is_exclusive), None)
        items.append(
            Item(
                place=place,
                name=names[index],
                version=version,
                run=run,
                role=_ROLES[index % len(_ROLES)],
                style=_STYLES[index // len(_ROLES) % len(_STYLES)],
                pills=pills_of([one.label for one in holdings], known, is_latest=False),
                is_lead=any(one.label_key == lead for one in holdings),
            )
        )
    return items


def base_of(items: Sequence[Item], asked: Asked) -> Item:
    """What differences are taken to: as asked, else production's version, else the first."""
    named = next((item for item in items if asked.base and str(item.place) == asked.base), None)
    return named or next((item for item in items if item.is_lead), items[0])


def _maker(version: Version | None) -> Run | None:
    """The run that made a version, unless it is in the bin."""
    run = version.artifact.made_by if version is not None else None
    return run if run is not None and run.deleted_at is None else None


def _labels(teams: set[int]) -> dict[int, dict[str, StatusLabel]]:
    """The labels of these teams in their order (one query)."""
    found: dict[int, dict[str, StatusLabel]] = {}
    if teams:
        rows = StatusLabel.objects.filter(team__in=teams).order_by("position", "name_key")
        for label in rows:
            found.setdefault(label.team_id, {})[label.name_key] = label
    return found


def _names(
    places: Sequence[Place],
    versions: Mapping[VersionPlace, Version],
    runs: Mapping[RunPlace, Run],
) -> list[str]:
    """Names as short as tells them apart: `v19`, or `candidates:v19`, or with the project."""
    short = [_forms(place, versions, runs) for place in places]
    found = []
    for forms in short:
        # The first form that nobody else has; the last one is the place itself.
        for length, form in enumerate(forms):
            if Counter(other[min(length, len(other) - 1)] for other in short)[form] == 1:
                break
        found.append(form)
    if len({place.key.model for place in versions}) > 1:
        found = [
            forms[1] if isinstance(place, VersionPlace) and name == forms[0] else name
            for place, forms, name in zip(places, short, found, strict=True)
        ]
    cut = [truncate_middle(name, NAME_LENGTH) for name in found]
    # What a cut has made equal is counted: a chart must not take two for one.
    return [
        f"{name} #{cut[:place].count(name) + 1}" if cut.count(name) > 1 else name
        for place, name in enumerate(cut)
    ]


def _forms(
    place: Place, versions: Mapping[VersionPlace, Version], runs: Mapping[RunPlace, Run]
) -> list[str]:
    if isinstance(place, RunPlace):
        run = runs[place]
        return [run.name, f"{run.name} ({run.key})", str(place)]
    collection = versions[place].collection
    number = f"v{place.number}"
    return [number, f"{collection.name}:{number}", str(place)]


# --- adding one ---------------------------------------------------------------------------------


def read_pasted(text: str) -> Place:
    """A version or run by its place, or by the address of its page. Raises Invalid."""
    text = text.strip()
    path = _path_of(text) if "://" in text or text.startswith("/") else text
    parts = path.split("/")
    match parts:
        case [team, "models", model, "versions", number]:
            return VersionPlace(team, "", model, read_number(number, field="add"))
        case [team, project, "models", model, "versions", number]:
            return VersionPlace(team, project, model, read_number(number, field="add"))
        case [team, project, "artifacts", "model", model, number]:
            return VersionPlace(team, project, model, read_number(number, field="add"))
        case [team, project, "runs", run]:
            return RunPlace(team, project, run)
        case [_team, _project, _model, _number]:
            return read_version_place(path)
        case [_team, _project, _run]:
            return read_run_place(path)
    raise Invalid(
        _("Paste the address of a version's or a run's page, or team/project/model/number."),
        field="add",
    )


def _path_of(address: str) -> str:
    try:
        return unquote(urlsplit(address).path.strip("/"))
    except ValueError:
        return ""


# --- the list of them ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item in the list at the top of the page."""

    item: Item
    home: str
    home_url: str
    state: str
    hue: str
    note: str
    made: Moment | None
    by: str
    is_base: bool
    base_url: str
    remove_url: str


def show_items(items: Sequence[Item], base: Item | None, asked: Asked) -> list[ItemRow]:
    now = timezone.now()
    rows = []
    for item in items:
        version, run = item.version, item.run
        if version is not None:
            collection = version.collection
            home, home_url = collection.name, model_url(collection)
            at, by, state, hue = version.linked_at, name_of(version.linked_by), "", ""
            note = run.name if run is not None else ""
        else:
            assert run is not None  # noqa: S101 (an item is a version or a run)
            home, home_url = str(run.project), project_url(run.project.team, run.project)
            shown = run.state_at(now)
            at, by = run.started_at, name_of(run.created_by)
            state, hue, note = str(shown.label), STATE_HUES[shown], ""
        rows.append(
            ItemRow(
                item=item,
                home=home,
                home_url=home_url,
                state=state,
                hue=hue,
                note=note,
                made=moment(at),
                by=by,
                is_base=item is base,
                base_url=asked.but(base=str(item.place), to="", page=1).address(),
                remove_url=asked.without(item.place).address(),
            )
        )
    return rows
