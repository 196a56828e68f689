"""Registered models and model versions as the client reads them.

Read as columns, not as objects: of a list of a hundred models whose versions came as objects, with
all that they hang on, three quarters of the time went into making those (measured).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from apps.artifacts.models import Collection, CollectionTag, LabelHolding, Version, VersionTag
from apps.core.prepared import Prepared
from apps.mlflow_api.call import Call
from apps.mlflow_api.file_places import model_address
from apps.mlflow_api.model_messages import pairs
from apps.mlflow_api.places import MODEL_ID_PREFIX, experiment_id
from apps.mlflow_api.registry import NO_STAGE, STAGE_NAMES, aliases_of, models_of, newest_versions
from apps.mlflow_api.times import to_milliseconds
from apps.mlflow_api.wire import present
from apps.projects.access import Access

Pairs = list[tuple[str, str]]


class _Row(NamedTuple):
    """What a message says of a version, in the order of _COLUMNS."""

    pk: int
    number: int
    note: str
    linked_at: datetime
    updated_at: datetime
    name: str
    linked_by: str | None
    key: str
    file_count: int
    project: int
    team: int
    is_default: bool | None
    made_by: str | None
    source: str | None
    run_id: str | None
    run_link: str | None


_COLUMNS: Final = (
    *("pk", "number", "note", "linked_at", "updated_at", "collection__name"),
    *("linked_by__username", "artifact__key", "artifact__file_count", "artifact__project"),
    *("artifact__project__team", "artifact__project__experiment__is_default"),
    *("artifact__made_by__key", "registration__source", "registration__run_id"),
    "registration__run_link",
)
_VERSIONS: Final = Prepared[Any](
    lambda versions: Version.objects.filter(pk__in=versions).values_list(*_COLUMNS), list
)
_TAGS: Final = Prepared[Any](
    lambda versions: (
        VersionTag.objects.filter(version__in=versions)
        .order_by("name")
        .values_list("version", "name", "value")
    ),
    list,
)
_HELD: Final = Prepared[Any](
    lambda versions: (
        LabelHolding.objects.standing()
        .lead_first()
        .filter(version__in=versions)
        .values_list("version", "label", "label_key", "is_stage")
    ),
    list,
)
_MODEL_TAGS: Final = Prepared[Any](
    lambda models: (
        CollectionTag.objects.filter(collection__in=models)
        .order_by("name")
        .values_list("collection", "name", "value")
    ),
    list,
)


def version_messages(
    versions: Sequence[int], call: Call, *, with_aliases: bool = True
) -> dict[int, dict[str, Any]]:
    """Messages of the versions with these keys, by key: three queries for any number of them."""
    tags = _pairs(_TAGS.rows(versions))
    stages: dict[int, str] = {}
    aliases: defaultdict[int, list[str]] = defaultdict(list)
    for version, label, label_key, is_stage in _HELD.rows(versions):
        if not is_stage:
            aliases[version].append(label)
        elif version not in stages:
            stages[version] = STAGE_NAMES.get(label_key, NO_STAGE)
    return {
        row.pk: _message(
            row,
            stages.get(row.pk, NO_STAGE),
            tags[row.pk],
            aliases[row.pk] if with_aliases else [],
            call,
        )
        for row in map(_Row._make, _VERSIONS.rows(versions))
    }


def version_message(version: int, call: Call) -> dict[str, Any]:
    return version_messages([version], call)[version]


def download_address(version: int, call: Call) -> str:
    """Where the client downloads a version: its sealed files; without any, the source as it is."""
    row = _Row._make(_VERSIONS.rows([version])[0])
    if row.source is not None and not row.file_count:
        return row.source
    return _files_address(row, call)


def model_message(model: Collection, call: Call, access: Access) -> dict[str, Any]:
    """A registered model as it is now."""
    return model_messages([models_of(access).get(pk=model.pk)], call, access)[0]


def model_messages(
    models: Sequence[Collection], call: Call, access: Access
) -> list[dict[str, Any]]:
    """Registered models; six queries for any number."""
    keys = [model.pk for model in models]
    newest = newest_versions(keys, access)
    versions = version_messages(
        [version for found in newest.values() for version in found], call, with_aliases=False
    )
    aliases = aliases_of(keys, access)
    tags = _pairs(_MODEL_TAGS.rows(keys))
    return [
        present(
            {
                "name": model.name,
                "creation_timestamp": to_milliseconds(model.created_at),
                "last_updated_timestamp": to_milliseconds(model.updated_at),
                "description": model.description,
                "latest_versions": [versions[key] for key in newest[model.pk] if key in versions],
                "tags": pairs(tags[model.pk]),
                "aliases": [
                    {"alias": alias, "version": str(number)}
                    for alias, number in aliases[model.pk].items()
                ],
            }
        )
        for model in models
    ]


def _message(row: _Row, stage: str, tags: Pairs, aliases: list[str], call: Call) -> dict[str, Any]:
    """A version. Its files are there: it is ready at once."""
    source = _files_address(row, call) if row.source is None else row.source
    is_logged = row.source is None or source.startswith(f"models:/{MODEL_ID_PREFIX}")
    return present(
        {
            "name": row.name,
            "version": str(row.number),
            "creation_timestamp": to_milliseconds(row.linked_at),
            "last_updated_timestamp": to_milliseconds(row.updated_at),
            "user_id": row.linked_by,
            "current_stage": stage,
            "description": row.note,
            "source": source,
            "run_id": row.run_id or row.made_by,
            "run_link": row.run_link,
            "status": "READY",
            "tags": pairs(tags),
            "model_id": f"{MODEL_ID_PREFIX}{row.key}" if is_logged else "",
            "aliases": aliases,
        }
    )


def _files_address(row: _Row, call: Call) -> str:
    """Where the sealed files of a version are, for the client."""
    return model_address(row.key, experiment_id(row.project, row.team, row.is_default, call))


def _pairs(rows: Iterable[tuple[int, str, str]]) -> defaultdict[int, Pairs]:
    found: defaultdict[int, Pairs] = defaultdict(list)
    for owner, name, value in rows:
        found[owner].append((name, value))
    return found
