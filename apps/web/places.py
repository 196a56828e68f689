"""Which version an address means: a model's by its number, any other as W&B writes it."""

from apps.accounts.models import User
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.queries import collection_named, latest_number, version_numbered
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.projects.access import Access


def version_at(
    access: Access,
    *,
    collection: str,
    number: int | None = None,
    type: str = MODEL,
    version: str = "",
) -> Version:
    """The version at an address: by `number`, or by `version`, as in `version_of`.

    Raises NotFound. The keywords are the parameters of the address, but team and project, which
    the access is to.
    """
    found = collection_named(access.team, access.project, collection, type=type)
    if number is not None:
        return version_numbered(found, number, access.user)
    return version_of(found, version, access.user)


def version_of(collection: Collection, version: str, user: User | None) -> Version:
    """The version that is `v3`, `3`, `latest`, or holds a label of this name. Raises NotFound."""
    number = latest_number(collection, user) if version == "latest" else number_in(version)
    if number is None:
        number = _holder(collection, version)
    if number is None:
        raise NotFound(f"There is no version {version!r} of {collection.name} here.")
    return version_numbered(collection, number, user)


def _holder(collection: Collection, label: str) -> int | None:
    """The number of who holds the label; of several in a stage, the newest."""
    held = LabelHolding.objects.standing().filter(collection=collection, label_key=name_key(label))
    return held.lead_first().values_list("version__number", flat=True).first()


def number_in(version: str) -> int | None:
    """The number of `v3` or `3`; None for any other text."""
    digits = version.removeprefix("v")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None
