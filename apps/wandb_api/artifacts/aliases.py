"""W&B's aliases are our status labels, but for `latest` and `v3`, which are computed.

Giving an alias is a promotion: the same policy, the same event, whichever door asks.
"""

import re
from collections.abc import Iterable

from apps.artifacts.models import LabelHolding, Version
from apps.core.errors import Invalid
from apps.core.names import name_key
from apps.projects.access import Access
from apps.registry.services.promotion import check_may_move, promote_version, remove_label

LATEST = "latest"
# No person names one version in so many ways.
MAX_ALIASES = 100

NUMBER = re.compile(r"v(0|[1-9][0-9]{0,8})", re.ASCII)
_COMPUTED = re.compile(r"latest|v[0-9]+", re.ASCII | re.IGNORECASE)


def given(aliases: Iterable[str]) -> list[str]:
    """The aliases without those that are computed, each once. Raises Invalid for too many."""
    wanted = [alias for alias in dict.fromkeys(aliases) if not is_computed(alias)]
    if len(wanted) > MAX_ALIASES:
        raise Invalid(f"No more than {MAX_ALIASES} aliases at once.", field="aliases")
    return wanted


def is_computed(alias: str) -> bool:
    return _COMPUTED.fullmatch(alias) is not None


def check(aliases: Iterable[str], access: Access) -> list[str]:
    """The aliases to give, once it is known that the caller may. Raises Invalid, Forbidden."""
    wanted = given(aliases)
    for alias in wanted:
        check_may_move(alias, access)
    return wanted


def give(version: Version, aliases: Iterable[str], access: Access) -> None:
    """Promote the version to each of these aliases; all of them are checked before the first."""
    for alias in check(aliases, access):
        promote_version(version=version, label=alias, access=access)


def take(version: Version, aliases: Iterable[str], access: Access) -> None:
    """Take these aliases from the version, as far as it has them."""
    wanted = {name_key(alias) for alias in check(aliases, access)}
    for key, label in _held(version).items():
        if key in wanted:
            remove_label(version=version, label=label, access=access)


def replace(version: Version, aliases: Iterable[str], access: Access) -> None:
    """Make these the version's aliases. Old clients save them all at once."""
    wanted = check(aliases, access)
    keys = {name_key(alias) for alias in wanted}
    gone = [label for key, label in _held(version).items() if key not in keys]
    check(gone, access)
    give(version, wanted, access)
    take(version, gone, access)


def _held(version: Version) -> dict[str, str]:
    """What the version holds now, by canonical name."""
    held = LabelHolding.objects.filter(version=version, held_until=None).order_by("label_key")
    return dict(held.values_list("label_key", "label"))
