"""Model cards: what people write about a version. Every text is kept; the newest is shown."""

import hashlib
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.artifacts.models import ModelCard, Version
from apps.artifacts.services import collection_subject, touch, version_subject
from apps.audit.services import record
from apps.core.errors import Conflict, NotFound
from apps.core.names import clean_text
from apps.projects.access import Access, Action

MAX_CARD = 20_000


class CardChanged(Conflict):
    """Somebody else has written the card since the caller looked."""


def cards_of(version: Version) -> QuerySet[ModelCard]:
    """Every text that the card had, newest first, with who wrote it."""
    return ModelCard.objects.filter(version=version).select_related("written_by").order_by("-pk")


def card_of(version: Version) -> ModelCard | None:
    """The card as it is now. None before the first was written; its text is empty when cleared."""
    return cards_of(version).first()


@transaction.atomic
def write_card(
    *,
    version: Version,
    text: str,
    access: Access,
    seen: int | None,
    at: datetime | None = None,
) -> ModelCard | None:
    """Give a version's card a new text; the same text changes nothing.

    `seen` is the card that the writer started from (None: there was none). Raises CardChanged when
    it is not the newest any more, NotFound when the version is gone.
    """
    access.require(Action.LOG)
    access.within(version.artifact.project)
    text = clean_text(text.replace("\r\n", "\n"), field="text", max_length=MAX_CARD).strip()
    standing = Version.objects.filter(pk=version.pk, deleted_at=None)
    locked = standing.select_for_update(no_key=True).first()
    if locked is None:
        raise NotFound(f"v{version.number} has been removed.")
    newest = card_of(version)
    if (newest.pk if newest else None) != seen:
        raise CardChanged("Somebody has changed the card since you opened it. Look again.")
    if text == (newest.text if newest else ""):
        return newest
    card = ModelCard.objects.create(
        version=version, text=text, written_by=access.user, written_at=at or timezone.now()
    )
    touch(locked, at=card.written_at)
    record(
        kind="card.written",
        actor=access.actor,
        subjects=[version_subject(version), collection_subject(version.collection)],
        team_id=access.team.pk,
        project_id=version.collection.project_id,
        # The text itself is in the card's row; its digest shows whether that is still what it was.
        after={"characters": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()},
        at=at,
    )
    return card
