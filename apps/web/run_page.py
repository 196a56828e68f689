"""The state of a run's page as its address says it, and the addresses of other states.

?show=system                what is shown: curves (absent), system, objects, files, code, console
&metric=loss&page=2         metrics with these words in their names, and which of their pages
&x=time&smooth=0.9&scale=log  how curves are drawn (curve_options)
&find=error&before=400      console lines with these words, before the line of this number
&key=gradients&cursor=…     the history of one key that is no number
&folder=media/images        a folder of the files; &find= and &cursor= as everywhere
"""

from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote, urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.core.errors import Invalid
from apps.core.names import clean_text
from apps.web.curve_options import CurveOptions, read_curve_options

Show = Literal["curves", "system", "objects", "files", "code", "console"]
SHOWS: tuple[Show, ...] = ("curves", "system", "objects", "files", "code", "console")
USUAL = CurveOptions()
MAX_WORDS = 200
MAX_DIGITS = 9


@dataclass(frozen=True)
class RunPage:
    """One state of the page. What is as usual is not in the address."""

    show: Show = "curves"
    options: CurveOptions = USUAL
    metric: str = ""
    page: int = 1
    find: str = ""
    before: int | None = None
    key: str = ""
    cursor: str = ""

    def parameters(self) -> list[tuple[str, str]]:
        pairs: list[tuple[str, str]] = []
        pairs += [("show", self.show)] if self.show != "curves" else []
        pairs += [("metric", self.metric)] if self.metric else []
        pairs += [("page", str(self.page))] if self.page > 1 else []
        pairs += self.options.parameters()
        pairs += [("find", self.find)] if self.find else []
        pairs += [("before", str(self.before))] if self.before is not None else []
        pairs += [("key", self.key)] if self.key else []
        return pairs + ([("cursor", self.cursor)] if self.cursor else [])

    def address(self, path: str) -> str:
        query = urlencode(self.parameters(), quote_via=quote)
        return f"{path}?{query}" if query else path

    def showing(self, show: Show) -> "RunPage":
        """Another part of the page; how curves are drawn stays."""
        return RunPage(show=show, options=self.options)

    def drawn(self, options: CurveOptions) -> "RunPage":
        return replace(self, options=options)

    def turned(self, page: int) -> "RunPage":
        return replace(self, page=page)

    def lines_before(self, number: int | None) -> "RunPage":
        return replace(self, before=number)


def read_run_page(params: QueryDict) -> RunPage:
    """The state that an address asks for. Raises Invalid for what it cannot mean."""
    show = next((one for one in SHOWS if one == (params.get("show") or "curves")), None)
    if show is None:
        raise Invalid(
            _("A run shows its curves, system, objects, files, code or console."), field="show"
        )
    before = _number(params, "before", _("before must be the number of a line."))
    page = _number(params, "page", _("page must be a number."))
    return RunPage(
        show=show,
        options=read_curve_options(params),
        metric=_words(params, "metric"),
        page=max(page or 1, 1),
        find=_words(params, "find"),
        before=before,
        key=clean_text(params.get("key", ""), field="key", max_length=255),
        cursor=clean_text(params.get("cursor", ""), field="cursor", max_length=2_000),
    )


def _words(params: QueryDict, name: str) -> str:
    return clean_text(params.get(name, ""), field=name, max_length=MAX_WORDS).strip()


def _number(params: QueryDict, name: str, refusal: str) -> int | None:
    text = params.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise Invalid(refusal, field=name)
    return int(text)
