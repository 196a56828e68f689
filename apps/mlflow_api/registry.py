"""Registered models and their versions: look-ups by name, and reading what messages say of them.

A registered model is a collection of type model in the registry of the caller's default team.
Versions whose source is hidden from the caller are not there, as on the pages.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.models import Exists, OuterRef, Prefetch, QuerySet, Subquery

from apps.accounts.models import User
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.mlflow_api.errors import invalid, invalid_value
from apps.mlflow_api.wire import Params
from apps.projects.access import Access
from apps.projects.models import Project
from apps.registry.services.stages import STAGES

# A stage is the label of that name; a version that is in none of them is in the stage None.
NO_STAGE: Final = "None"
STAGE_NAMES: Final = {stage: stage.capitalize() for stage in STAGES}
ALL_STAGES: Final = (NO_STAGE, *STAGE_NAMES.values())

MAX_ALIAS: Final = 255
LATEST: Final = "latest"
_ALIAS: Final = re.compile(r"[\w\-]+")
_NUMBERED: Final = re.compile(r"v\d+", re.IGNORECASE)
_MAX_NUMBER: Final = 2**31 - 1
# Long texts of what is read beside a version, which no message has.
_LONG: Final = (
    "collection__description",
    "artifact__metadata",
    "artifact__later_metadata",
    "artifact__description",
    "artifact__made_by__config",
    "artifact__made_by__notes",
)


def models_of(access: Access) -> QuerySet[Collection]:
    """The registered models of the caller's team."""
    return Collection.objects.filter(team=access.team, project=None, type=MODEL)


def model_named(name: str, access: Access) -> Collection:
    """A registered model. Raises NotFound."""
    found = models_of(access).filter(name_key=name_key(name)).select_related("team").first()
    if found is None:
        raise NotFound(f"Registered Model with name={name[:256]} not found")
    return found


def versions_seen(access: Access) -> QuerySet[Version]:
    """The versions of the registered models that the caller may see."""
    return Version.objects.filter(
        collection__team=access.team,
        collection__project=None,
        collection__type=MODEL,
        collection__deleted_at=None,
        deleted_at=None,
        artifact__project__in=_visible(access),
    )


def version_named(params: Params, access: Access) -> Version:
    """The version that `name` and `version` of a request name. Raises NotFound."""
    name = params.text("name", required=True)
    number = version_number(params)
    found = load_versions(
        versions_seen(access).filter(collection__name_key=name_key(name), number=number)
    )
    if not found:
        raise _no_version(name, number)
    return found[0]


def version_by_number(collection: Collection, number: int, access: Access) -> Version:
    """A version of a registered model by its number. Raises NotFound."""
    found = versions_seen(access).filter(collection=collection, number=number)
    version = found.select_related("collection", "artifact__project").first()
    if version is None:
        raise _no_version(collection.name, number)
    return version


def version_number(params: Params) -> int:
    """The number in a request, which the protocol has as a text. Raises RESOURCE_…, INVALID_…."""
    text = params.values.get("version")
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    elif text is not None and not isinstance(text, str):
        raise invalid_value("version", text, "it is no text.")
    elif not text:
        params.text("version", required=True)
    digits = str(text)
    if not (digits.isascii() and digits.isdigit()) or int(digits[:20]) > _MAX_NUMBER:
        raise invalid_value("version", text, "Model version must be an integer.")
    return int(digits)


def load_versions(versions: QuerySet[Version]) -> list[Version]:
    """Versions with all that their messages say: three queries for any number of them."""
    held = LabelHolding.objects.standing().lead_first()
    return list(
        versions.select_related(
            "collection",
            "artifact__project__team",
            "artifact__project__experiment",
            "artifact__made_by",
            "linked_by",
            "registration",
        )
        .defer(*_LONG)
        .prefetch_related("tags", Prefetch("holdings", queryset=held, to_attr="held_now"))
    )


def with_newest(collections: QuerySet[Collection], access: Access) -> QuerySet[Any]:
    """Models with the primary key of the newest version in each stage, as `newest_0` and so on in
    the order of ALL_STAGES: an index look-up for each."""
    standing = Version.objects.filter(
        collection=OuterRef("pk"), deleted_at=None, artifact__project__in=_visible(access)
    )
    in_stage = LabelHolding.objects.filter(version=OuterRef("pk"), is_stage=True, held_until=None)
    newest = standing.filter(~Exists(in_stage)).order_by("-number").values("pk")[:1]
    picks = {"newest_0": Subquery(newest)}
    for at, stage in enumerate(STAGES, start=1):
        held = LabelHolding.objects.standing().filter(
            collection=OuterRef("pk"),
            label_key=name_key(stage),
            is_stage=True,
            version__artifact__project__in=_visible(access),
        )
        picks[f"newest_{at}"] = Subquery(held.order_by("-version__number").values("version")[:1])
    return collections.annotate(**picks)


def newest_versions(models: Sequence[Any], stages: Iterable[str] = ALL_STAGES) -> dict[int, Any]:
    """The newest versions of models read `with_newest`, loaded, by model and in these stages."""
    wanted = [f"newest_{ALL_STAGES.index(stage)}" for stage in stages]
    keys = {key for model in models for name in wanted if (key := getattr(model, name)) is not None}
    loaded = {one.pk: one for one in load_versions(Version.objects.filter(pk__in=keys))}
    return {
        model.pk: [loaded[key] for name in wanted if (key := getattr(model, name)) in loaded]
        for model in models
    }


def aliases_of(models: Sequence[Collection], access: Access) -> dict[int, list[tuple[str, int]]]:
    """The aliases of some models and the number that each stands for, by model (one query)."""
    held = (
        LabelHolding.objects.standing()
        .lead_first()
        .filter(
            collection__in=[model.pk for model in models],
            is_stage=False,
            version__artifact__project__in=_visible(access),
        )
    )
    aliases: dict[int, dict[str, int]] = {model.pk: {} for model in models}
    for model, alias, number in held.values_list("collection", "label", "version__number"):
        aliases[model].setdefault(alias, number)
    return {model: list(found.items()) for model, found in aliases.items()}


def holder_of(alias: str, name: str, access: Access) -> Version:
    """The version that an alias of a model stands for. Raises NotFound for the model,
    INVALID_PARAMETER_VALUE for the alias, as mlflow does."""
    seen = versions_seen(access).filter(collection__name_key=name_key(name))
    if alias.lower() == LATEST:
        found = load_versions(seen.order_by("-number")[:1])
    else:
        held = LabelHolding.objects.standing().filter(
            version=OuterRef("pk"), label_key=name_key(alias), is_stage=False
        )
        since = held.order_by().values("held_from")[:1]
        newest = seen.filter(Exists(held)).annotate(since=Subquery(since)).order_by("-since")
        found = load_versions(newest[:1])
    if not found:
        model_named(name, access)
        raise invalid(f"Registered model alias {alias[:MAX_ALIAS]} not found.")
    return found[0]


def check_alias(alias: str) -> str:
    """An alias that may be given. Raises INVALID_PARAMETER_VALUE."""
    if len(alias) > MAX_ALIAS:
        raise invalid(f"'alias' exceeds the maximum length of {MAX_ALIAS} characters.")
    if not _ALIAS.fullmatch(alias):
        raise invalid_value(
            "alias", alias, "Names may only contain alphanumerics, underscores (_) and dashes (-)."
        )
    if alias.lower() == LATEST:
        raise invalid("'latest' alias name (case insensitive) is reserved.")
    if _NUMBERED.fullmatch(alias):
        raise invalid(f"Version alias name '{alias}' is reserved.")
    return alias


def stage_named(text: str) -> str | None:
    """The label that a stage is, None for the stage None; case does not count."""
    for label, name in ((None, NO_STAGE), *STAGE_NAMES.items()):
        if text.lower() == name.lower():
            return label
    raise invalid(
        f"Invalid Model Version stage: {text[:60]}. Value must be one of {', '.join(ALL_STAGES)}."
    )


def stage_of(version: Any) -> str:
    """The stage of a loaded version."""
    held = next((one for one in version.held_now if one.is_stage), None)
    return STAGE_NAMES.get(held.label_key, NO_STAGE) if held is not None else NO_STAGE


def _visible(access: Access) -> QuerySet[Any]:
    user: User | None = access.user
    projects = Project.objects.all() if user is None else Project.objects.visible_to(user)
    return projects.values("pk")


def _no_version(name: str, number: int) -> NotFound:
    return NotFound(f"Model Version (name={name[:256]}, version={number}) not found")
