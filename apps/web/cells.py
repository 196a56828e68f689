"""The cells of tables as markup, written here once for each and not by a template.

A page of a table has hundreds of cells of a few kinds. A template spent more time on them than on
the rest of the page (27 of 100 ms for 25 rows of 10 scores); a function for each kind takes a
tenth of that. Every text goes through `escape`; what comes out is safe to print.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.web.present.scores import Score


@dataclass(frozen=True, slots=True)
class Pill:
    """A word for a standing, in its colour; hollow when it is computed and nobody gives it."""

    text: str
    hue: str
    is_hollow: bool = False


def row(cells: Iterable[str], *, classes: str = "") -> SafeString:
    """One row of the table's body."""
    opening = f'<tr class="{classes}">' if classes else "<tr>"
    return SafeString(f"{opening}{''.join(cells)}</tr>")


def check_cell(name: str, value: object, label: str, *, key: str = "") -> SafeString:
    """A box to tick the row with, for the toolbar's Compare.

    With a `key`, of this page alone, it stays ticked when htmx brings the row again.
    """
    kept = f' id="{escape(key)}" hx-preserve="true"' if key else ""
    return SafeString(
        f'<td class="is-check"><label><input type="checkbox" name="{name}" value="{escape(value)}"'
        f'{kept} form="compare" aria-label="{escape(label)}"></label></td>'
    )


def key_cell(
    url: str, text: str, *, digest: str = "", title: str = "", mark: str = ""
) -> SafeString:
    """What the row is, as the link to its page; `mark` says that it belongs below another."""
    below = (
        f'<span class="nested" title="{escape(mark)}"><span aria-hidden="true">↳</span>'
        f'<span class="hidden-text">{escape(mark)}</span></span> '
        if mark
        else ""
    )
    small = f'<span class="digest">:{escape(digest)}</span>' if digest else ""
    return SafeString(
        f'<th class="is-key" scope="row">{below}<a href="{escape(url)}"{_title(title)}>'
        f"<bdi>{escape(text)}</bdi>{small}</a></th>"
    )


def text_cell(label: str, text: object, *, title: str = "") -> SafeString:
    """Words; none leave the cell empty, so that a phone leaves it out."""
    shown = f"<bdi>{escape(text)}</bdi>" if text not in (None, "") else ""
    return SafeString(f'<td data-label="{escape(label)}"{_title(title)}>{shown}</td>')


def number_cell(label: str, text: object, *, title: str = "", missing: bool = False) -> SafeString:
    """A number that is already written out; `missing` mutes it."""
    kind = "is-number is-missing" if missing else "is-number"
    return SafeString(
        f'<td class="{kind}" data-label="{escape(label)}"{_title(title)}>{escape(text)}</td>'
    )


def state_cell(label: str, text: str, hue: str, *, live: bool = False) -> SafeString:
    """How a run stands; one that goes on has a dot that lives."""
    shown = f'<span class="live">{escape(text)}</span>' if live else pill(Pill(text, hue))
    return SafeString(f'<td data-label="{escape(label)}">{shown}</td>')


def tags_cell(label: str, tags: Sequence[str], *, more: int = 0) -> SafeString:
    """Words on a run; how many more it has."""
    shown = " ".join(f'<span class="tag"><bdi>{escape(tag)}</bdi></span>' for tag in tags)
    rest = f' <span class="muted">+{more}</span>' if more else ""
    return SafeString(f'<td data-label="{escape(label)}">{shown}{rest}</td>')


def figures_cell(label: str, value: str, around: str, *, title: str) -> SafeString:
    """A figure of several rows together: the middle one, and what it lies between."""
    return SafeString(
        f'<td class="is-number" data-label="{escape(label)}"{_title(title)}>'
        f'<span class="measure is-plain"><span class="value">{escape(value)}</span></span> '
        f'<span class="muted small">{escape(around)}</span></td>'
    )


def pills_cell(label: str, pills: Sequence[Pill]) -> SafeString:
    return SafeString(f'<td data-label="{escape(label)}">{" ".join(map(pill, pills))}</td>')


def pill(shown: Pill) -> str:
    """The markup of components/pill.html."""
    hollow = " is-hollow" if shown.is_hollow else ""
    return f'<span class="pill hue-{shown.hue}{hollow}"><span>{escape(shown.text)}</span></span>'


def who_cell(label: str, by: str, text: str, exact: str) -> SafeString:
    """A moment with the face of who did it; the exact time when it is pointed at."""
    face = ""
    if by:
        face = (
            f'<span class="avatar" aria-hidden="true">{escape(by[:1])}</span>'
            f'<span class="hidden-text">{escape(by)}, </span>'
        )
    title = ", ".join(part for part in (by, exact) if part)
    return SafeString(
        f'<td data-label="{escape(label)}"><span class="who"{_title(title)}>{face}{escape(text)}'
        "</span></td>"
    )


def score_cell(score: Score) -> SafeString:
    """A score with its ±, its difference and whether it is the best, in line with its column."""
    label, title = escape(score.label), _title(score.title)
    if score.is_missing:
        return SafeString(
            f'<td class="is-number is-missing" data-label="{label}"{title}>{score.value}</td>'
        )
    best, parts = "", []
    if score.is_best:
        best = " is-best"
        parts.append(f'<span class="best">{escape(_("best"))}</span>')
    parts.append(f'<span class="value{best}">{escape(score.value)}</span>')
    if score.plus_minus:
        parts.append(f'<span class="plus-minus">{escape(score.plus_minus)}</span>')
    if score.delta is not None:
        words = escape(score.delta_words)
        parts.append(
            f'<span class="delta{score.delta_class}" title="{words}">'
            f'<span aria-hidden="true">{escape(score.delta.text)}</span>'
            f'<span class="hidden-text">{words}</span></span>'
        )
    shape = f" {score.shape}" if score.shape else ""
    return SafeString(
        f'<td class="is-number" data-label="{label}"{title}>'
        f'<span class="measure{shape}">{" ".join(parts)}</span></td>'
    )


def action_cell(text: str, url: str, label: str) -> SafeString:
    """The one thing that is most likely wanted of the row, if there is any."""
    if not url:
        return SafeString('<td class="is-actions"></td>')
    return SafeString(
        f'<td class="is-actions"><a href="{escape(url)}" data-dialog aria-label="{escape(label)}">'
        f"{escape(text)}</a></td>"
    )


def _title(text: str) -> str:
    return f' title="{escape(text)}"' if text else ""
