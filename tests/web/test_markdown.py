"""Markdown as HTML: what is kept, and that nothing hostile gets through."""

import re

import pytest
from django.utils.safestring import SafeString

from apps.web.markdown import MAX_MARKDOWN, escape_markdown, render_markdown

# Whatever is written, no element but these may come out.
KEPT = {
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "div",
    "em",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
} | {*("li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul")}


def elements(html: str) -> set[str]:
    return set(re.findall(r"<(\w+)", html))


class TestWhatIsKept:
    def test_words_lists_and_code(self) -> None:
        html = render_markdown("**Best** on ~~1k~~ *10k*:\n\n- `a`\n- b\n\n> quoted")
        assert "<strong>Best</strong>" in html
        assert "<s>1k</s> <em>10k</em>" in html
        assert "<li><code>a</code></li>" in html
        assert "<blockquote>" in html

    def test_a_table_scrolls_by_itself_and_aligns_by_a_class(self) -> None:
        html = render_markdown("| Metric | Value |\n|---|---:|\n| loss | 0.1 |")
        assert '<div class="table-scroll" tabindex="0" role="region" aria-label="Table">' in html
        assert '<th scope="col" class="number">Value</th>' in html
        assert '<td class="number">0.1</td>' in html
        assert "style" not in html

    def test_headings_follow_the_pages_own_without_a_gap(self) -> None:
        html = render_markdown("# One\n### Two\n###### Three\n# Four\n## Five")
        assert re.findall(r"<(h\d)>(\w+)", html) == [
            ("h3", "One"),
            ("h4", "Two"),
            ("h5", "Three"),
            ("h3", "Four"),
            ("h4", "Five"),
        ]

    def test_a_link_says_that_we_do_not_vouch_for_it(self) -> None:
        html = render_markdown('[paper](https://example.org/a?b=1&c=2 "The paper")')
        assert html == (
            '<p><a href="https://example.org/a?b=1&amp;c=2" title="The paper"'
            ' rel="nofollow noopener noreferrer">paper</a></p>\n'
        )

    def test_an_image_of_this_site_is_shown(self) -> None:
        html = render_markdown("![Confusion](/main/digits/models/m/versions/1/files/a.png)")
        assert '<img src="/main/digits/models/m/versions/1/files/a.png" alt="Confusion"' in html

    def test_nothing_gives_nothing(self) -> None:
        assert render_markdown(" \n ") == ""
        assert isinstance(render_markdown("x"), SafeString)


class TestHostile:
    @pytest.mark.parametrize(
        "source",
        [
            "https://evil.example/pixel.png",
            "//evil.example/pixel.png",
            "/\\evil.example/pixel.png",
            "data:image/png;base64,AAAA",
            "data:image/svg+xml,<svg onload=alert(1)>",
            "http:/\\evil.example/x",
            "/%2f/evil.example/x",
        ],
    )
    def test_no_image_of_another_site_is_asked_for(self, source: str) -> None:
        assert "<img" not in render_markdown(f"![pixel]({source})")
        assert "pixel" in render_markdown(f"![pixel]({source})")

    @pytest.mark.parametrize(
        "address",
        [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "&#106;avascript:alert(1)",
            "java\tscript:alert(1)",
            "<java\tscript:alert(1)>",
            "vbscript:msgbox(1)",
            "data:text/html,<script>alert(1)</script>",
            "file:///etc/passwd",
            "x-custom:open",
        ],
    )
    def test_no_link_runs_anything(self, address: str) -> None:
        for html in (render_markdown(f"[x]({address})"), render_markdown(f"[x]: {address}\n\n[x]")):
            hrefs = re.findall(r'href="([^"]*)"', html)
            # What is no address may be left as text, or read as a path of ours (`java%09script:`).
            assert not any(re.match(r"[a-z][a-z0-9+.-]*:", href, re.I) for href in hrefs), html

    @pytest.mark.parametrize(
        "text",
        [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<svg><script>alert(1)</script></svg>",
            "<iframe src=//evil.example></iframe>",
            "a <b onclick=alert(1)>b</b>",
            "<style>*{display:none}</style>",
            "<form action=/sign-out method=post><button>x</button></form>",
            "<!-- <script>alert(1)</script> -->",
            "<a href='javascript:alert(1)'>x</a>",
            "```html\n<script>alert(1)</script>\n```",
            "    <script>alert(1)</script>",
            "`<script>alert(1)</script>`",
            '[x](https://a.example "\\" onmouseover=alert(1) x=\\"")',
            '![x" onerror=alert(1) y="](/a.png)',
            "![x](/a.png'onerror='alert(1))",
            "| <script> |\n|---|\n| <img src=x onerror=alert(1)> |",
            "<<script>script>alert(1)</script>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
        ],
    )
    def test_html_stays_text(self, text: str) -> None:
        html = render_markdown(text)
        assert elements(html) <= KEPT, html
        for opened in re.findall(r"<\w[^>]*>", html):
            # Outside quoted values there is no handler.
            assert " on" not in re.sub(r'"[^"]*"', "", opened), html

    @pytest.mark.parametrize(
        "text",
        [
            ">" * 10_000,
            "\n".join("  " * depth + "- a" for depth in range(130)),
            "[" * MAX_MARKDOWN,
            "![" * (MAX_MARKDOWN // 2),
            "*a **b " * 2_800,
            "`" * MAX_MARKDOWN,
            "<" * MAX_MARKDOWN,
            "\x00\x01 \ufffd \u202e right to left \U0001f600",
            "|" + "a|" * 1_000 + "\n|" + "-|" * 1_000 + "\n" + "|a|\n" * 2_000,
        ],
    )
    def test_deep_and_wide_input_is_taken(self, text: str) -> None:
        assert elements(render_markdown(text[:MAX_MARKDOWN])) <= KEPT

    def test_a_megabyte_is_cut_and_shown_as_text(self) -> None:
        html = render_markdown("<b>**x** " * 120_000)
        assert len(html) < 4 * MAX_MARKDOWN
        assert elements(html) == {"p"}
        assert "**x**" in html


@pytest.mark.parametrize(
    "words",
    [
        "a*b_c",
        "[x](y)",
        "<b>",
        "| a |",
        "# a",
        "1. a",
        "- a",
        "+ a",
        "`a`",
        "![a](b)",
        "&amp;",
        "~~a~~",
    ],
)
def test_escaped_words_mean_only_themselves(words: str) -> None:
    shown = render_markdown(escape_markdown(words))
    plain = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert shown == f"<p>{plain}</p>\n"
