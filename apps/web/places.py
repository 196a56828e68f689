"""Which version an address means: a model's by its number, any other as W&B writes it."""

from apps.artifacts.choices import MODEL
from apps.artifacts.models import Version
from apps.artifacts.queries import collection_named, latest_number, version_numbered
from apps.core.errors import NotFound
from apps.projects.access import Access


def version_at(
    access: Access,
    *,
    collection: str,
    number: int | None = None,
    type: str = MODEL,
    version: str = "",
) -> Version:
    """The version at an address: by `number`, or by `version`, which is `v3`, `3` or `latest`.

    Raises NotFound. The keywords are the parameters of the address, but team and project, which
    the access is to.
    """
    found = collection_named(access.team, access.project, collection, type=type)
    if version == "latest":
        number = latest_number(found, access.user)
    elif version:
        number = number_in(version)
    if number is None:
        raise NotFound(f"There is no version {version!r} of {found.name} here.")
    return version_numbered(found, number, access.user)


def number_in(version: str) -> int | None:
    """The number of `v3` or `3`; None for any other text."""
    digits = version.removeprefix("v")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None
