"""Who else names content.

Apps above this one say, when they are loaded, how to ask them which digests they still need.
Garbage collection asks all of them. A foreign key to `Blob` protects by itself; this is for
digests that are kept as text, and for reasons that a person can read.
"""

from collections.abc import Callable, Iterable

StillNeeded = Callable[[Iterable[str]], Iterable[str]]

_sources: dict[str, StillNeeded] = {}


def register(name: str, still_needed: StillNeeded) -> None:
    """Have `still_needed` asked which of some digests are named by `name` ("a manifest")."""
    _sources[name] = still_needed


def named_by(digests: Iterable[str]) -> dict[str, str]:
    """Of these digests, the ones that somebody names, and who (the first, where several do)."""
    asked = list(digests)
    found: dict[str, str] = {}
    for name, still_needed in _sources.items():
        for digest in still_needed(asked):
            found.setdefault(digest, name)
    return found


def needed(digests: Iterable[str]) -> set[str]:
    """Of these digests, the ones that somebody names."""
    asked = list(digests)
    return {digest for still_needed in _sources.values() for digest in still_needed(asked)}


def names() -> list[str]:
    """Who is asked."""
    return sorted(_sources)
