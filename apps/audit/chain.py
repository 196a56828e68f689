"""How the hash of an event is made, so that anybody can make it again.

    hash = sha256( previous_hash + "\\n" + fields )      as 64 lower-case hexadecimal digits

`previous_hash` is the hash of the event before, or 64 zeros for the first. `fields` is the JSON
object of every other column in canonical form: UTF-8, keys sorted by code point, no spaces, no
escapes but those JSON requires; missing numbers are null; `at` is ISO 8601 in UTC with six digits
of microseconds and `Z`. `payload` enters as a string, byte for byte as stored.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from apps.audit.actors import Subject
from apps.audit.models import Event
from apps.core.jsontext import canonical
from apps.core.times import to_text


def payload_text(
    *,
    subjects: Sequence[Subject],
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    reason: str,
) -> str:
    """What changed, as the canonical JSON that is stored and hashed."""
    return canonical(
        {
            "after": after,
            "before": before,
            "reason": reason,
            "subjects": [
                {"id": subject.object_id, "kind": subject.kind, "name": subject.name}
                for subject in subjects
            ],
        }
    )


def hash_of(event: Event) -> str:
    """The hash that the event must have after `event.previous_hash`."""
    fields = canonical(
        {
            "actor_id": event.actor_id,
            "actor_name": event.actor_name,
            "address": event.address,
            "at": to_text(event.at),
            "key_id": event.key_id,
            "kind": event.kind,
            "payload": event.payload,
            "project_id": event.project_id,
            "reason": event.reason,
            "request_id": event.request_id,
            "sequence": event.sequence,
            "team_id": event.team_id,
        }
    )
    return hashlib.sha256(f"{event.previous_hash}\n{fields}".encode()).hexdigest()
