"""What every chart builder hands back, and the small pieces of SVG that they share."""

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.web.charts.ticks import Tick

Role = Literal[
    "accent", "muted", "green", "amber", "blue", "violet", "red", "slate", "teal", "pink"
]
Style = Literal["solid", "dashed", "dotted"]
PlotlyFigure = dict[str, Any]

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_DASHES = {"solid": "solid", "dashed": "dash", "dotted": "dot"}


@dataclass(frozen=True, slots=True)
class LegendItem:
    """One line of the legend: its words and the classes of its key."""

    name: str
    classes: str
    is_marker: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A finished chart, three times over: drawings, a Plotly figure and a table."""

    key: str
    title: str
    drawings: tuple[SafeString, ...]
    figure: PlotlyFigure
    legend: tuple[LegendItem, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def keys(self) -> tuple[LegendItem, ...]:
        """The legend, where it says more than the title."""
        names = [item.name for item in self.legend]
        return () if names == [self.title] else self.legend

    @property
    def body(self) -> SafeString:
        """The rows as markup: a template took as long for two hundred of them as for a page."""
        lines = []
        for first, *others in self.rows:
            cells = "".join(f'<td class="is-number">{html.escape(cell)}</td>' for cell in others)
            lines.append(f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>')
        return SafeString("".join(lines))


@dataclass(frozen=True, slots=True)
class Size:
    """One of the drawings of a chart: CSS shows the one whose width suits the box."""

    name: str
    width: int
    height: int
    x_ticks: int
    y_ticks: int


SIZES = (
    Size("wide", 1160, 300, 12, 6),
    Size("medium", 680, 280, 8, 6),
    Size("narrow", 370, 260, 4, 5),
)
# As a figure's `meta`: on a narrow box the drawing says it better, and Plotly stays away.
WIDE_ONLY = "wide-only"
# A 12 px digit of the widest common system font; wide (CJK) characters count twice.
CHARACTER_WIDTH = 6.8


def check_key(key: str) -> str:
    """The key, which becomes an element id and therefore must be a plain word."""
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"{key!r} cannot be the key of a chart")
    return key


def role_class(role: Role) -> str:
    """The class that carries a colour: `role-accent`, `role-muted` or one of the palette."""
    return f"role-{role}" if role in ("accent", "muted") else f"hue-{role}"


def line_classes(role: Role, style: Style = "solid") -> str:
    """The classes of a line or of its legend key."""
    colour = role_class(role)
    return colour if style == "solid" else f"{colour} is-{style}"


def plotly_dash(style: Style) -> str:
    """What Plotly calls a style of line."""
    return _DASHES[style]


def plotly_text(text: str) -> str:
    """Text for a Plotly label, which would otherwise read tags in it."""
    return html.escape(text, quote=False)


def plotly_axis(name: str, **settings: object) -> dict[str, Any]:
    """An axis; the browser's side colours its grid."""
    return {
        "title": {"text": plotly_text(name), "standoff": 10, "font": {"size": 12}},
        "zeroline": False,
        "automargin": True,
        **settings,
    }


def plotly_annotation(text: str, **settings: object) -> dict[str, Any]:
    """A few words on top of the plot."""
    return {
        "text": plotly_text(text),
        "showarrow": False,
        "yref": "paper",
        "yanchor": "bottom",
        "font": {"size": 11, "weight": 600},
        **settings,
    }


def plotly_layout(
    *,
    x: dict[str, Any],
    y: dict[str, Any],
    y_name: str = "",
    top: int = 0,
    annotations: Sequence[dict[str, Any]] = (),
    **settings: object,
) -> dict[str, Any]:
    """What every figure has in common. The page itself writes title and legend.

    The name of the y axis lies above it, where it reads without turning one's head; `top` is the
    room that other words need between the two.
    """
    name = plotly_annotation(
        y_name,
        name="role-muted",
        x=0,
        xref="paper",
        xanchor="left",
        xshift=-44,
        y=1,
        yshift=top + 6,
    )
    return {
        "autosize": True,
        "height": 300,
        "margin": {"l": 44, "r": 14, "t": 8 + top + (20 if y_name else 0), "b": 36},
        "showlegend": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": x,
        "yaxis": y,
        "annotations": [*annotations, *([name] if y_name else [])],
        **settings,
    }


def number(value: float) -> str:
    """A length with at most one decimal, the same on every machine."""
    text = f"{value:.1f}"
    return text[:-2].replace("-0", "0") if text.endswith(".0") else text


def text_width(text: str, size: float = 12) -> float:
    """About how wide a text is drawn."""
    cells = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    return cells * CHARACTER_WIDTH * size / 12


def shortened(text: str, room: float, size: float = 12) -> str:
    """The text, cut to the room with an ellipsis."""
    text = printable(text)
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    return text + "…"


def printable(text: str) -> str:
    """The text without the control characters that XML does not allow."""
    return "".join(c for c in text if c >= " " and c not in "\ufffe\uffff" and not _surrogate(c))


def svg(*, key: str, size: Size, title: str, description: str, body: SafeString) -> SafeString:
    """The frame of a drawing, with its name and description for screen readers."""
    name = f"{key}-{size.name}"
    return format_html(
        '<svg class="drawing is-{}" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title"'
        ' aria-describedby="{}-desc"><title id="{}-title">{}</title><desc id="{}-desc">{}</desc>'
        "{}</svg>",
        size.name,
        size.width,
        size.height,
        *(name, name, name),
        printable(title),
        name,
        printable(description),
        body,
    )


def svg_line(classes: str, x1: float, y1: float, x2: float, y2: float) -> SafeString:
    """One straight line."""
    return format_html(
        '<path class="{}" d="M{} {}L{} {}"/>',
        classes,
        *(number(value) for value in (x1, y1, x2, y2)),
    )


def svg_text(text: str, x: float, y: float, *, anchor: str = "", classes: str = "") -> SafeString:
    """One line of text; `anchor` is "", "middle" or "end"."""
    return format_html(
        "<text{}{} x={} y={}>{}</text>",
        format_html(' class="{}"', classes) if classes else "",
        format_html(' text-anchor="{}"', anchor) if anchor else "",
        format_html('"{}"', number(x)),
        format_html('"{}"', number(y)),
        printable(text),
    )


def joined(parts: Iterable[SafeString]) -> SafeString:
    """Pieces of SVG, one after the other."""
    return format_html_join("", "{}", ((part,) for part in parts))


def widest(ticks: Iterable[Tick]) -> float:
    """How much room the words of an axis need."""
    return max((text_width(tick.text) for tick in ticks), default=0.0)


def _surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
