"""Markdown that people and programs write, as HTML that is safe to show.

Twice safe: the parser knows no raw HTML, and of what it renders only the elements and attributes
listed here are kept. Images come from this site alone, so that opening a page tells nobody; any
other image becomes a link to it. Links say that we do not vouch for where they lead.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import nh3
from django.utils.html import escape, linebreaks
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from apps.core.text import truncate
from apps.web.redirects import is_local_path

# What is longer is shown as plain text, cut there. Both limits bound the parser's time, which grows
# with the length and the nesting: 20,000 brackets take it 0.4 s, at a nesting of 60 it is 1 s.
MAX_MARKDOWN: Final = 20_000
MAX_NESTING: Final = 20
_DEEPEST_HEADING: Final = 6

_ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "loading"},
    "ol": {"start"},
    "th": {"scope"},
    "pre": {"tabindex"},
    "div": {"tabindex", "role", "aria-label"},
}
_CLASSES: Final = {"div": {"table-scroll"}, "table": {"table"}, "th": {"number"}, "td": {"number"}}
_TAGS: Final = {
    *("a", "blockquote", "br", "code", "div", "em", "h3", "h4", "h5", "h6", "hr", "img"),
    *("li", "ol", "p", "pre", "strong", "table", "tbody", "td", "th", "s", "thead", "tr", "ul"),
}
_SCHEMES: Final = {"http", "https", "mailto"}
# What has a meaning anywhere in a line (an underscore inside a word has none), and at its start.
_MARKS: Final = re.compile(r"([\\`*\[\]<&|~]|(?<![^\W_])_|_(?![^\W_]))")
_STARTS: Final = re.compile(r"^(?:(\d+)(?=[.)](?:\s|$))|(?=[-#+=]+(?:\s|$)|>))")


def render_markdown(text: str, *, below: int = 2) -> SafeString:
    """The text as HTML. Its headings are one level `below` that of the page they stand under."""
    if not text.strip():
        return SafeString("")
    if len(text) > MAX_MARKDOWN:
        return mark_safe(linebreaks(truncate(text, MAX_MARKDOWN), autoescape=True))  # noqa: S308 (escaped)
    parser = _parser()
    tokens = parser.parse(text)
    _level_headings(tokens, below)
    html = parser.renderer.render(tokens, parser.options, {})
    return mark_safe(_cleaned(html))  # noqa: S308 (cleaned)


def escape_markdown(text: object) -> str:
    """Words that mean only themselves in Markdown, on one line."""
    words = _MARKS.sub(r"\\\1", " ".join(str(text).split()))
    return _STARTS.sub(r"\1\\", words)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING})
    parser.enable(["table", "strikethrough"])
    rules = {
        "image": _image,
        "table_open": _table_open,
        "table_close": _table_close,
        "th_open": _cell_open,
        "td_open": _cell_open,
        "fence": _code,
        "code_block": _code,
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


def _cleaned(html: str) -> str:
    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script", "style"},
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        url_schemes=_SCHEMES,
        link_rel="nofollow noopener noreferrer",
        strip_comments=True,
    )


def _level_headings(tokens: Sequence[Token], below: int) -> None:
    """Headings that follow on the page's own without a gap, whatever levels the writer used."""
    outer: list[int] = []
    for token in tokens:
        if token.type == "heading_open":
            written = int(token.tag[1])
            while outer and outer[-1] >= written:
                outer.pop()
            outer.append(written)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(below + len(outer), _DEEPEST_HEADING)}"


def _image(renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    token = tokens[at]
    source = str(token.attrGet("src") or "")
    words = escape(token.content or source)
    if is_local_path(source):
        return f'<img src="{escape(source)}" alt="{words}" loading="lazy">'
    return f'<a href="{escape(source)}">{words}</a>'


def _table_open(*_rest: Any) -> str:
    # A wide table scrolls by itself, and what scrolls must be reachable by keyboard.
    name = escape(_("Table"))
    region = f'<div class="table-scroll" tabindex="0" role="region" aria-label="{name}">'
    return f'{region}<table class="table">'


def _table_close(*_rest: Any) -> str:
    return "</table></div>"


def _cell_open(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any
) -> str:
    """Alignment as a class: a style attribute would be refused by the content policy."""
    token = tokens[at]
    scope = ' scope="col"' if token.tag == "th" else ""
    right = ' class="number"' if "right" in str(token.attrGet("style") or "") else ""
    return f"<{token.tag}{scope}{right}>"


def _code(renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return f'<pre tabindex="0"><code>{escape(tokens[at].content)}</code></pre>'
