"""The comparison as its address says it, and the addresses of other comparisons.

    ?m=main/digits/candidates/19     a version; main//MNIST/3 in the registry (?v=19 below a model)
    &r=main/digits/3f9a1c            a run
    &base=main//MNIST/3              what differences are taken to
    &settings=all                    the settings that are the same everywhere, too
    &metric=val/loss                 whose curves to draw, as often as wanted
    &x= &smooth= &scale=             how to draw them (curve_options)
    &bars=ce_loss                    whose bars to draw
    &across=config.lr &up=last.loss  the two axes of the scatter
    &axis=config.lr                  an axis of the parallel coordinates, as often as wanted
    &on=accuracy@digits-10k &to=…    whose examples, and which item beside the base
    &show=newly-wrong &page=2        which of them

What is as usual is left out. A place of a version has four parts and that of a run three, so `base`
and `to` need no further mark.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.artifacts.models import Collection
from apps.core.errors import Invalid
from apps.core.limits import MAX_KEY
from apps.core.names import clean_text
from apps.registry.queries.comparison import MAX_COMPARED
from apps.registry.queries.selection import (
    Place,
    RunPlace,
    VersionPlace,
    read_number,
    read_run_place,
    read_version_place,
)
from apps.web.addresses import model_url
from apps.web.curve_options import CurveOptions, read_curve_options

MAX_METRICS = 12
MAX_AXES = 10
MAX_PAGE = 100_000
USUAL = CurveOptions()


@dataclass(frozen=True, slots=True)
class Asked:
    """One comparison. `model` where the address is below a model's."""

    places: tuple[Place, ...]
    model: Collection | None = None
    base: str = ""
    all_settings: bool = False
    metrics: tuple[str, ...] = ()
    curves: CurveOptions = USUAL
    bars: str = ""
    across: str = ""
    up: str = ""
    axes: tuple[str, ...] = ()
    on: str = ""
    to: str = ""
    show: str = ""
    page: int = 1

    def parameters(self, *leaving: str) -> list[tuple[str, str]]:
        """The comparison as pairs, without the named ones: for an address or hidden fields."""
        below = self._model_of_all()
        pairs = [_pair(place, below=below) for place in self.places]
        pairs += [("base", self.base), ("settings", "all" if self.all_settings else "")]
        pairs += [("metric", key) for key in self.metrics]
        pairs += self.curves.parameters()
        pairs += [("bars", self.bars), ("across", self.across), ("up", self.up)]
        pairs += [("axis", token) for token in self.axes]
        pairs += [("on", self.on), ("to", self.to), ("show", self.show)]
        pairs += [("page", str(self.page) if self.page > 1 else "")]
        return [(name, value) for name, value in pairs if value and name not in leaving]

    @property
    def path(self) -> str:
        """Below the model while only its versions are compared, else the page for anything."""
        below = self._model_of_all()
        return f"{model_url(below)}/compare" if below is not None else reverse("compare_any")

    def address(self, anchor: str = "") -> str:
        query = urlencode(self.parameters(), safe="/@", quote_via=quote)
        return (f"{self.path}?{query}" if query else self.path) + (f"#{anchor}" if anchor else "")

    def but(self, **changes: Any) -> "Asked":
        """The same comparison but for this."""
        return replace(self, **changes)

    def with_place(self, place: Place) -> "Asked":
        return replace(self, places=(*self.places, place))

    def without(self, place: Place) -> "Asked":
        """One item fewer; what was said of it is forgotten."""
        gone = str(place)
        return replace(
            self,
            places=tuple(other for other in self.places if other != place),
            base="" if self.base == gone else self.base,
            to="" if self.to == gone else self.to,
            page=1,
        )

    def has(self, place: Place) -> bool:
        return any(place.key == other.key for other in self.places)

    def _model_of_all(self) -> Collection | None:
        model = self.model
        if model is None:
            return None
        project = model.project.name if model.project is not None else ""
        home = VersionPlace(model.team.name, project, model.name, 0).key
        for place in self.places:
            if (
                isinstance(place, RunPlace)
                or VersionPlace(place.key.team, place.key.project, place.key.model, 0) != home
            ):
                return None
        return model


def read_asked(params: QueryDict, model: Collection | None = None) -> Asked:
    """The comparison that an address asks for. Raises Invalid for what it cannot mean."""
    places: dict[Place, Place] = {}
    for place in _places(params, model):
        places.setdefault(place.key, place)
        if len(places) > MAX_COMPARED:
            raise Invalid(
                _("Compare %(most)d versions and runs at most.") % {"most": MAX_COMPARED},
                field="v" if model is not None else "m",
            )
    return Asked(
        places=tuple(places.values()),
        model=model,
        base=_text(params, "base"),
        all_settings=_text(params, "settings") == "all",
        metrics=_texts(params, "metric", MAX_METRICS),
        curves=read_curve_options(params),
        bars=_text(params, "bars"),
        across=_text(params, "across"),
        up=_text(params, "up"),
        axes=_texts(params, "axis", MAX_AXES),
        on=_text(params, "on"),
        to=_text(params, "to"),
        show=_text(params, "show"),
        page=_page(_text(params, "page")),
    )


def _pair(place: Place, *, below: Collection | None) -> tuple[str, str]:
    if isinstance(place, RunPlace):
        return "r", str(place)
    return ("v", str(place.number)) if below is not None else ("m", str(place))


def _places(params: QueryDict, model: Collection | None) -> Iterable[Place]:
    if model is not None:
        team, project = model.team.name, model.project.name if model.project is not None else ""
        for text in _split(params.getlist("v")):
            yield VersionPlace(team, project, model.name, read_number(text, field="v"))
        return
    for text in params.getlist("m"):
        if text:
            yield read_version_place(text)
    for text in params.getlist("r"):
        if text:
            yield read_run_place(text)


def _split(values: Sequence[str]) -> Iterable[str]:
    """Numbers, one a value or several with commas between."""
    for value in values:
        for text in clean_text(value, field="v", max_length=2_000).split(","):
            if text.strip():
                yield text


def _text(params: QueryDict, name: str) -> str:
    return clean_text(params.get(name, ""), field=name, max_length=2 * MAX_KEY, multiline=False)


def _texts(params: QueryDict, name: str, most: int) -> tuple[str, ...]:
    """Several values of one name, each once. Raises Invalid for too many."""
    values = dict.fromkeys(value for value in params.getlist(name) if value)
    if len(values) > most:
        words = {"most": most, "name": name}
        raise Invalid(_("Choose %(most)d of %(name)s at most.") % words, field=name)
    return tuple(
        clean_text(value, field=name, max_length=2 * MAX_KEY, multiline=False) for value in values
    )


def _page(text: str) -> int:
    if not text:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) < 7 and 1 <= int(text) <= MAX_PAGE):
        raise Invalid(_("page is a whole number from 1 on."), field="page")
    return int(text)
