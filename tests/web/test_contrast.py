"""The colours in static/css are readable in both themes, by the formula of WCAG 2.2 (AA)."""

import re
from pathlib import Path

import pytest
from django.conf import settings

CSS = Path(settings.BASE_DIR) / "static" / "css"
HUES = ("green", "amber", "blue", "violet", "red", "slate", "teal", "pink")
THEMES = ("light", "dark")
TEXT, GRAPHIC = 4.5, 3.0
_TOKEN = re.compile(r"--([a-z-]+): (?:light-dark\((#\w{6}), (#\w{6})\)|(#\w{6}))")


def tokens(block: str, theme: str) -> dict[str, str]:
    """The colours that a block of CSS sets."""
    return {
        name: both or (light if theme == "light" else dark)
        for name, light, dark, both in _TOKEN.findall(block)
    }


def rule(selector: str, file: str = "base.css") -> str:
    """What stands between the braces of a rule."""
    match = re.search(re.escape(selector) + r" \{(.*?)\}", (CSS / file).read_text(), re.DOTALL)
    assert match, selector
    return match[1]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["page", "panel", "sunken", "raised", "hover", "tint"])
@pytest.mark.parametrize("ink", ["text", "muted", "accent", "better", "worse"])
def test_words_are_readable_on_every_ground(ink: str, ground: str, theme: str) -> None:
    colours = tokens(rule(":root"), theme)

    assert contrast(colours[ink], colours[ground]) >= TEXT


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ink", ["text", "muted", "accent", "better", "worse"])
def test_words_are_readable_in_a_ticked_row(ink: str, theme: str) -> None:
    colours = tokens(rule(":root"), theme)

    assert contrast(colours[ink], colours["accent-soft"]) >= TEXT


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["accent-solid", "accent-hover"])
def test_primary_buttons_are_readable(ground: str, theme: str) -> None:
    colours = tokens(rule(":root"), theme)

    assert contrast(colours["on-accent"], colours[ground]) >= TEXT


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["page", "panel", "sunken"])
def test_borders_of_fields_stand_out(ground: str, theme: str) -> None:
    colours = tokens(rule(":root"), theme)

    assert contrast(colours["line-strong"], colours[ground]) >= GRAPHIC


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("hue", HUES)
def test_pills_are_readable_and_their_colour_shows_in_charts(hue: str, theme: str) -> None:
    colours = tokens(rule(":root"), theme)
    palette = tokens(rule(f".hue-{hue}"), theme)

    assert contrast(palette["ink"], palette["soft"]) >= TEXT
    assert contrast(palette["ink"], colours["panel"]) >= TEXT
    assert contrast(palette["solid"], colours["panel"]) >= GRAPHIC


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("role", ["accent", "muted"])
def test_lines_stand_out(role: str, theme: str) -> None:
    panel = tokens(rule(":root"), theme)["panel"]

    assert contrast(tokens(rule(f".role-{role}", "charts.css"), theme)["solid"], panel) >= GRAPHIC


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", ["success", "warning", "error"])
def test_messages_are_readable(kind: str, theme: str) -> None:
    colours = tokens(rule(":root"), theme)
    ground = tokens(rule(f".message.is-{kind}", "components.css"), theme)["soft"]

    assert contrast(colours["text"], ground) >= TEXT
    assert contrast(colours["accent"], ground) >= TEXT


def test_a_scheme_changes_nothing_but_colours() -> None:
    """light-dark() takes colours alone; so pages are tried whole in one scheme, see AxeCheck."""
    sheets = [path.read_text() for path in sorted(CSS.glob("*.css"))]
    assert not [sheet for sheet in sheets if "prefers-color-scheme" in sheet]
    for sheet in sheets:
        for body in re.findall(r"\[data-theme[^{}]*\{([^}]*)\}", sheet):
            names = re.findall(r"([\w-]+):", body)
            assert [name for name in names if not name.startswith("--")] == ["color-scheme"]
