"""Who did something, and to what: the two values that every event names."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is acting, and by which way in. Doors build it once for each request.

    Numbers and names are copied into events, not linked: the history outlives the account.
    """

    user_id: int | None
    name: str
    key_id: int | None = None  # the API key that was used, if one was
    address: str = ""
    request_id: str = ""

    @classmethod
    def system(cls, name: str) -> Self:
        """Our own program acting by itself: a command or a worker, named after what it does."""
        return cls(user_id=None, name=name)


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing that an event is about. `kind` is a word of the glossary, such as `version`."""

    kind: str
    object_id: int
    name: str
