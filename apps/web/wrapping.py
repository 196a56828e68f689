"""Long keys in narrow places: `optimizer.learning_rate` may break after a dot, not in a word."""

import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_PLACES = re.compile(r"(?<=[._/:=-])(?=[^._/:=-])")


def wrapping(text: str) -> SafeString:
    """The text as HTML that names where a line may end."""
    # Each part is escaped by itself, and what joins them is ours.
    return mark_safe("<wbr>".join(escape(part) for part in _PLACES.split(text)))  # noqa: S308
