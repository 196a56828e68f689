"""References from one artifact to a file of another, as W&B's client writes them.

`wandb-artifact://<id in hexadecimal>/<path>`: what is added to an artifact and stands in another
already is not stored twice. The id names the artifact; whether it may be seen is asked each time.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from apps.accounts.models import User
from apps.artifacts.queries import first_places
from apps.web.addresses import image_url, place_url, view_url

_REFERENCE = re.compile(r"wandb-artifact://((?:[0-9a-f]{2}){1,40})/(.{1,1024})")
_ID = re.compile(rb"Artifact:([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Meant:
    """The file that a reference leads to, on a page where it stands."""

    name: str
    url: str
    image_url: str


def files_meant(references: Iterable[str], user: User | None) -> dict[str, Meant]:
    """What these references lead to, as far as the user may see it. At most one query."""
    named = {text: found for text in references if (found := _read(text))}
    places = first_places({pk for pk, _path in named.values()}, user) if named else {}
    return {
        text: Meant(
            f"{place.collection.name}:v{place.number}/{path}",
            view_url(place_url(place), path),
            image_url(place_url(place), path),
        )
        for text, (pk, path) in named.items()
        if (place := places.get(pk))
    }


def _read(reference: str) -> tuple[int, str] | None:
    """The primary key of the artifact and the path in it."""
    found = _REFERENCE.fullmatch(reference)
    number = _ID.fullmatch(bytes.fromhex(found[1])) if found else None
    return (int(number[1]), found[2]) if found and number else None
