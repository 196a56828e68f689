"""The manifest of a W&B artifact: JSON that names every file by path and MD5.

What arrives is read with limits and turned into the domain's lines; what is handed out is made anew
from the domain's rows, so that nothing of a client's own machine is passed on.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apps.artifacts.models import ArtifactFile
from apps.artifacts.services import MAX_FILES
from apps.content.queries import blob, open_blob
from apps.core.errors import Invalid, TooLarge
from apps.core.jsontext import dump, parse
from apps.core.names import clean_path

MAX_MANIFEST_BYTES = 64 * 1024 * 1024
# What a client keeps beside a reference (an ETag, a version id) is a line or two.
MAX_DETAILS = 16_000

_HEADER = b"wandb-artifact-manifest-v1\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a manifest, as the client names it."""

    path: str
    # MD5 in base64; of a reference whatever its store calls it.
    digest: str
    reference: str = ""
    size_bytes: int = 0
    # JSON text of what the client keeps beside a reference.
    details: str = ""
    # In hexadecimal; empty for a reference.
    md5: str = ""


def read(digest: str) -> dict[str, Entry]:
    """The manifest in some stored content, by path. Raises Invalid, TooLarge."""
    if blob(digest).size_bytes > MAX_MANIFEST_BYTES:
        raise TooLarge(f"The manifest is too large; {MAX_MANIFEST_BYTES} bytes at most.")
    return parsed(b"".join(open_blob(digest)))


def parsed(text: bytes) -> dict[str, Entry]:
    """The entries of a manifest's JSON by path. Raises Invalid, TooLarge."""
    whole = parse(text, max_bytes=MAX_MANIFEST_BYTES)
    if not isinstance(whole, dict) or whole.get("version") != 1:
        raise Invalid("The manifest is not one of version 1.", field="manifest")
    if whole.get("storagePolicy", "wandb-storage-policy-v1") != "wandb-storage-policy-v1":
        raise Invalid("The manifest has a storage policy that is not known here.", field="manifest")
    contents = whole.get("contents")
    if not isinstance(contents, dict):
        raise Invalid("The manifest has no contents.", field="manifest")
    if len(contents) > MAX_FILES:
        raise Invalid(f"An artifact may have {MAX_FILES} files at most.", field="manifest")
    return {path: _entry(path, value) for path, value in contents.items()}


def digest_of(entries: Iterable[Entry]) -> str:
    """The digest that W&B clients compute over a manifest: MD5, in hexadecimal."""
    whole = hashlib.md5(_HEADER, usedforsecurity=False)
    for entry in sorted(entries, key=lambda entry: entry.path):
        whole.update(f"{entry.path}:{entry.digest}\n".encode())
    return whole.hexdigest()


def entry_of(row: ArtifactFile) -> Entry:
    """What a W&B client is told of a file; its content is loaded."""
    if row.blob is None:
        return Entry(
            row.path, row.reference_digest, row.reference, row.size_bytes, row.reference_details
        )
    md5 = row.blob.md5
    return Entry(row.path, base64_of(md5), size_bytes=row.size_bytes, md5=md5)


def written(rows: Iterable[ArtifactFile], artifact_id: str) -> Iterator[bytes]:
    """A manifest's JSON in pieces, made of the files of an artifact version."""
    head = {
        "version": 1,
        "storagePolicy": "wandb-storage-policy-v1",
        "storagePolicyConfig": {"storageLayout": "V2"},
    }
    yield dump(head)[:-1].encode() + b',"contents":{'
    separator = b""
    for row in rows:
        line = f"{dump(row.path)}:{dump(_wire(entry_of(row), artifact_id))}"
        yield separator + line.encode()
        separator = b","
    yield b"}}"


def hex_of(digest: object) -> str:
    """An MD5 in base64 (standard or URL-safe) as hexadecimal. Raises Invalid."""
    try:
        raw = base64.b64decode(str(digest).translate(_STANDARD).encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 16:
        raise Invalid("A file's digest must be its MD5 in base64.", field="md5")
    return raw.hex()


_STANDARD = str.maketrans("-_", "+/")


def base64_of(md5: str) -> str:
    return base64.b64encode(bytes.fromhex(md5)).decode()


def _entry(path: str, value: Any) -> Entry:
    if not isinstance(value, Mapping) or not isinstance(value.get("digest"), str):
        raise Invalid("Each entry of a manifest needs a digest.", field="manifest")
    path = clean_path(path, field="manifest")
    size = value.get("size")
    if size is None:
        size = 0
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 2**63:
        raise Invalid("The size of a file must be a whole number of bytes.", field="manifest")
    reference = value.get("ref")
    if reference is None:
        md5 = hex_of(value["digest"])
        return Entry(path, base64_of(md5), size_bytes=size, md5=md5)
    if not isinstance(reference, str) or not reference:
        raise Invalid("A reference must be text.", field="manifest")
    details = dump(value["extra"]) if value.get("extra") else ""
    if len(details) > MAX_DETAILS:
        raise Invalid("What stands beside a reference is too long.", field="manifest")
    return Entry(path, value["digest"], reference, size, details)


def _wire(entry: Entry, artifact_id: str) -> dict[str, object]:
    wire: dict[str, object] = {"digest": entry.digest, "size": entry.size_bytes}
    if entry.reference:
        wire["ref"] = entry.reference
        if entry.details:
            wire["extra"] = parse(entry.details)
    else:
        wire["birthArtifactID"] = artifact_id
    return wire
