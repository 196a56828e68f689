"""Where long keys may break."""

import pytest

from apps.web.wrapping import wrapping


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("loss", "loss"),
        ("optimizer.name", "optimizer.<wbr>name"),
        ("val/top_5", "val/<wbr>top_<wbr>5"),
        ("a..b", "a..<wbr>b"),
        ("end.", "end."),
        ("", ""),
        ("<b>.x&y", "&lt;b&gt;.<wbr>x&amp;y"),
        # Nothing that escaping made is taken apart.
        ('"a"', "&quot;a&quot;"),
    ],
)
def test_after_marks_and_nowhere_else(text: str, html: str) -> None:
    assert wrapping(text) == html
