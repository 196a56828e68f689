"""What the runs were set to: first what differs, on demand what does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.core.numbers import MISSING, format_value
from apps.core.text import truncate
from apps.runs.models import Run, RunParam
from apps.web.comparing.items import Item

SHOWN_SETTINGS = 200
# Of 20 runs with thousands of settings each; the rest is on the pages of the runs.
MAX_PARAMS = 20_000
MAX_TEXT = 80

# The settings of each run by its primary key: parameters by key.
Settings = Mapping[int, Mapping[str, RunParam]]


@dataclass(frozen=True, slots=True)
class Cell:
    """`exact` is the whole text where the shown one is shortened."""

    text: str
    exact: str
    is_different: bool


@dataclass(frozen=True, slots=True)
class SettingRow:
    key: str
    cells: Sequence[Cell]
    differs: bool


@dataclass(frozen=True, slots=True)
class SettingsTable:
    rows: Sequence[SettingRow]
    differing: int
    same: int
    hidden: int


def settings_of(items: Sequence[Item]) -> Settings:
    """Every setting of the items' runs, in one query."""
    found: dict[int, dict[str, RunParam]] = {item.run.pk: {} for item in items if item.run}
    if found:
        rows = RunParam.objects.filter(run__in=list(found)).order_by("key", "run")
        for param in rows[:MAX_PARAMS]:
            found[param.run_id][param.key] = param
    return found


def show_settings(
    items: Sequence[Item], base: Item, settings: Settings, *, with_same: bool
) -> SettingsTable:
    """A setting in each row, an item in each column; what differs from the base's stands out."""
    keys = dict.fromkeys(key for params in settings.values() for key in params)
    rows = [_code_row(items, base)]
    rows += [_row(key, items, base, settings) for key in sorted(keys)]
    rows = [row for row in rows if any(cell.text != MISSING for cell in row.cells)]
    differing = [row for row in rows if row.differs]
    shown = [*differing, *(row for row in rows if not row.differs)] if with_same else differing
    return SettingsTable(
        rows=shown[:SHOWN_SETTINGS],
        differing=len(differing),
        same=len(rows) - len(differing),
        hidden=max(len(shown) - SHOWN_SETTINGS, 0),
    )


def _row(key: str, items: Sequence[Item], base: Item, settings: Settings) -> SettingRow:
    return _compared(key, [_text(_param(item, key, settings)) for item in items], items, base)


def _code_row(items: Sequence[Item], base: Item) -> SettingRow:
    """The code that ran is a setting too."""
    commits = [_commit(item.run) for item in items]
    return _compared(_("commit of the code"), commits, items, base)


def _compared(
    key: str, texts: Sequence[tuple[str, str]], items: Sequence[Item], base: Item
) -> SettingRow:
    exacts = [exact for _shown, exact in texts]
    theirs = exacts[items.index(base)]
    cells = [Cell(shown, exact, exact != theirs) for shown, exact in texts]
    return SettingRow(key, cells, differs=len(set(exacts)) > 1)


def _param(item: Item, key: str, settings: Settings) -> RunParam | None:
    return settings[item.run.pk].get(key) if item.run is not None else None


def _text(param: RunParam | None) -> tuple[str, str]:
    """A setting as it is shown, and as it was sent."""
    if param is None:
        return MISSING, ""
    # Binary fractions are shortened: 0.005555555555555556 helps nobody.
    is_long = param.number is not None and len(param.text) > 10
    shown = format_value(param.number) if is_long else truncate(param.text, MAX_TEXT)
    return shown, param.text


def _commit(run: Run | None) -> tuple[str, str]:
    if run is None or not run.code_commit:
        return MISSING, ""
    return run.code_commit[:12], run.code_commit
