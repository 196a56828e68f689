"""Examples of a golden set side by side: what the one version got right and the other wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.artifacts.queries import first_places
from apps.core.numbers import format_count, format_value
from apps.core.text import truncate
from apps.evaluations.examples import MAX_AT_ONCE, ExampleScore
from apps.evaluations.models import GoldenSet, Result
from apps.evaluations.outcomes import ExamplePair, Judge, Outcome, Outcomes, outcomes_of
from apps.evaluations.pictures import Tile, pictures_of
from apps.registry.models import Column
from apps.registry.queries.table import better_of, format_of
from apps.web.addresses import image_url, place_url, view_url
from apps.web.comparing.asked import Asked
from apps.web.comparing.items import Item
from apps.web.comparing.scores import Scored, token_of

ON_A_PAGE = 24
MAX_TEXT = 120
_WORDS: Mapping[Outcome, Promise] = {
    Outcome.NEWLY_WRONG: gettext_lazy("Newly wrong"),
    Outcome.NEWLY_RIGHT: gettext_lazy("Newly right"),
    Outcome.BOTH_WRONG: gettext_lazy("Both wrong"),
    Outcome.BOTH_RIGHT: gettext_lazy("Both right"),
    Outcome.WORSE: gettext_lazy("Worse"),
    Outcome.BETTER: gettext_lazy("Better"),
    Outcome.SAME: gettext_lazy("The same"),
    Outcome.CHANGED: gettext_lazy("Changed"),
}
_JUDGES: Mapping[Judge, Promise] = {
    "prediction": gettext_lazy("Right is a prediction that equals the target."),
    "hit": gettext_lazy("Every score is 0 or 1, which says whether an example is right."),
    "score": gettext_lazy("Without predictions, examples are told apart by their scores alone."),
}
_FORMER_RIGHT = {Outcome.NEWLY_WRONG, Outcome.BOTH_RIGHT}
_LATTER_RIGHT = {Outcome.NEWLY_RIGHT, Outcome.BOTH_RIGHT}


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of a menu; `value` is what the address says."""

    value: str
    words: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """One outcome with its count and the address that shows it."""

    words: str
    count: str
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """Where the picture is, and the part of it that is the example's, if it is not the whole."""

    url: str
    page: str
    tile: Tile | None


@dataclass(frozen=True, slots=True)
class Said:
    """What one version said of an example. `is_right` is None where nothing tells."""

    text: str
    exact: str
    score: str
    is_right: bool | None


@dataclass(frozen=True, slots=True)
class ShownExample:
    name: str
    target: str
    former: Said
    latter: Said
    picture: ShownPicture | None


@dataclass(frozen=True, slots=True)
class Examples:
    """The section: which examples there are, and one page of one kind of them.

    `kinds` and `shown` are empty where the two cannot be laid side by side; `note` says why.
    """

    base: Item
    other: Item
    scores: Sequence[Choice]
    others: Sequence[Choice]
    kinds: Sequence[Kind] = ()
    shown: Sequence[ShownExample] = ()
    text: str = ""
    previous_url: str = ""
    next_url: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Contest:
    """A column in which the base and another item have examples."""

    column: Column
    other: Item
    former: Result
    latter: Result


def show_examples(
    items: Sequence[Item], base: Item, found: Scored, asked: Asked, user: User
) -> Examples | None:
    """None where the base has examples in common with no other. Four queries at most."""
    contests = _contests(items, base, found)
    if not contests:
        return None
    contest = _chosen(contests, asked)
    columns = {one.column.pk: one.column for one in contests}
    scores = [
        Choice(token_of(column), column.title, column == contest.column)
        for column in columns.values()
    ]
    others = [
        Choice(str(one.other.place), one.other.name, one is contest)
        for one in contests
        if one.column == contest.column
    ]
    outcomes = outcomes_of(contest.former, contest.latter, better_of(contest.column))
    if outcomes is None:
        note = _("They have no example in common, or more than the %(most)s that a page reads.")
        words = note % {"most": format_count(MAX_AT_ONCE)}
        return Examples(base, contest.other, scores, others, note=words)
    kind = _kind(outcomes, asked.show)
    pairs = outcomes.of(kind)
    page = min(asked.page, max(1, -(-len(pairs) // ON_A_PAGE)))
    first = (page - 1) * ON_A_PAGE
    here = asked.but(on=token_of(contest.column), to=str(contest.other.place), show=kind, page=1)
    return Examples(
        base=base,
        other=contest.other,
        scores=scores,
        others=others,
        kinds=[
            Kind(
                str(_WORDS[one]),
                format_count(count),
                here.but(show=one).address("examples"),
                one == kind,
            )
            for one, count in outcomes.counts.items()
        ],
        shown=_shown(pairs[first : first + ON_A_PAGE], outcomes, contest.column, user),
        text=_span(first, len(pairs)),
        previous_url=here.but(page=page - 1).address("examples") if page > 1 else "",
        next_url=here.but(page=page + 1).address("examples")
        if first + ON_A_PAGE < len(pairs)
        else "",
        note=_note(outcomes),
    )


def _contests(items: Sequence[Item], base: Item, found: Scored) -> list[_Contest]:
    contests = []
    for column in found.columns:
        former = found.of(base, column)
        if former is None or column.golden_set is None or former.pk not in found.exemplified:
            continue
        for item in items:
            latter = found.of(item, column)
            # One artifact in two places has the same result twice.
            if latter is not None and latter != former and latter.pk in found.exemplified:
                contests.append(_Contest(column, item, former, latter))
    return contests


def _chosen(contests: Sequence[_Contest], asked: Asked) -> _Contest:
    """The one that fits the address best; the first of several."""
    return max(
        contests,
        key=lambda one: (token_of(one.column) == asked.on, str(one.other.place) == asked.to),
    )


def _kind(outcomes: Outcomes, asked: str) -> Outcome:
    """The kind that was asked for, else the first that there is any of."""
    named = next((kind for kind in outcomes.kinds if kind == asked), None)
    some = next((kind for kind in outcomes.kinds if outcomes.counts[kind]), outcomes.kinds[0])
    return named or some


def _note(outcomes: Outcomes) -> str:
    """What makes an example right, and what is left out."""
    words = str(_JUDGES[outcomes.judge])
    if not outcomes.unshared:
        return words
    left = _("%(count)s that only one of them has are left out.")
    return f"{words} {left % {'count': format_count(outcomes.unshared)}}"


def _span(first: int, total: int) -> str:
    if not total:
        return ""
    return _("%(first)s–%(last)s of %(total)s") % {
        "first": format_count(first + 1),
        "last": format_count(min(first + ON_A_PAGE, total)),
        "total": format_count(total),
    }


def _shown(
    pairs: Sequence[ExamplePair], outcomes: Outcomes, column: Column, user: User
) -> list[ShownExample]:
    assert column.golden_set is not None  # noqa: S101 (contests have one)
    pictures = _pictures(column.golden_set, [pair.former.example for pair in pairs], user)
    # A score that says no more than right or wrong would be said twice.
    scores = [one.score for pair in pairs for one in (pair.former, pair.latter)]
    spec = "" if all(score in (0.0, 1.0) for score in scores) else format_of(column)
    told = outcomes.judge != "score"
    return [
        ShownExample(
            name=pair.former.example,
            target=truncate(pair.former.target, MAX_TEXT),
            former=_said(pair.former, pair.outcome in _FORMER_RIGHT if told else None, spec),
            latter=_said(pair.latter, pair.outcome in _LATTER_RIGHT if told else None, spec),
            picture=pictures.get(pair.former.example),
        )
        for pair in pairs
    ]


def _said(example: ExampleScore, is_right: bool | None, spec: str) -> Said:
    return Said(
        text=truncate(example.prediction, MAX_TEXT),
        exact=example.prediction,
        score=format_value(example.score, spec) if spec else "",
        is_right=is_right,
    )


def _pictures(golden_set: GoldenSet, names: Sequence[str], user: User) -> dict[str, ShownPicture]:
    """The pictures of these examples, if the reader may see the golden set's files."""
    if golden_set.artifact_id is None:
        return {}
    place = first_places([golden_set.artifact_id], user).get(golden_set.artifact_id)
    if place is None:
        return {}
    page = place_url(place)
    return {
        name: ShownPicture(image_url(page, one.path), view_url(page, one.path), one.tile)
        for name, one in pictures_of(golden_set, names).items()
    }
