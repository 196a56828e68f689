"""How values look in the lists and on the pages of rows: the same as elsewhere on the site."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.admin import display
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from apps.registry.choices import Colour

# More of a long text than this helps nobody in a form; the page of the row has it all.
MAX_SHOWN = 20_000


def moment(field: str, words: Any) -> Any:
    """A column with a time, to the minute; for `list_display`, `fields` and `readonly_fields`."""

    @display(description=words, ordering=field, empty_value="–")
    def show(row: Any) -> str:
        at: datetime | None = getattr(row, field)
        if at is None:
            return ""
        text = timezone.localtime(at).strftime("%Y-%m-%d %H:%M")
        return format_html('<time datetime="{}">{}</time>', at.isoformat(), text)

    # Django names the column's class after it.
    show.__name__ = f"{field}_shown"
    return show


def flag(field: str, words: Any, yes: Any, no: Any = "–") -> Any:
    """A column that says in a word whether something is so."""

    @display(description=words, ordering=field.replace(".", "__"))
    def show(row: Any) -> str:
        for part in field.split("."):
            row = getattr(row, part)
        return str(yes if row else no)

    show.__name__ = f"{field.replace('.', '_')}_shown"
    return show


def pill(words: str, hue: str) -> str:
    return format_html('<span class="pill hue-{}"><span>{}</span></span>', hue, words)


def pills(labels: Iterable[tuple[str, str | None]]) -> str:
    """Labels with their colours, None for a word outside the vocabulary."""
    return format_html_join(
        " ",
        '<span class="pill hue-{}"><span>{}</span></span>',
        ((hue or Colour.SLATE.value, words) for words, hue in labels),
    )


def json_text(text: str) -> str:
    """JSON with one value in a line."""
    text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    more = "\n…" if len(text) > MAX_SHOWN else ""
    return format_html(
        '<pre class="admin-json" tabindex="0" role="region" aria-label="JSON">{}</pre>',
        text[:MAX_SHOWN] + more,
    )
