"""The client's words for the states of runs: ours, but for the run that has not begun."""

from collections.abc import Mapping
from typing import Final

from apps.runs.choices import RunState

WORDS: Final[Mapping[str, RunState]] = {
    "pending" if state == RunState.SCHEDULED else str(state): state for state in RunState
}
_BY_STATE: Final = {state: word for word, state in WORDS.items()}


def word_for(state: RunState) -> str:
    return _BY_STATE[state]
