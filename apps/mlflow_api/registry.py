"""Registered models and their versions: look-ups by name, and reading what messages say of them.

A registered model is a collection of type model in the registry of the caller's default team.
Versions whose source is hidden from the caller are not there, as on the pages.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from apps.accounts.models import User
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.core.prepared import Prepared
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
# The tag that makes a registered model, and a version, a prompt.
IS_PROMPT: Final = "mlflow.prompt.is_prompt"
_ALIAS: Final = re.compile(r"[\w\-]+")
_NUMBERED: Final = re.compile(r"v\d+", re.IGNORECASE)
_MAX_NUMBER: Final = 2**31 - 1


def models_of(access: Access) -> QuerySet[Collection]:
    """The registered models of the caller's team."""
    return _models(access.team.pk)


def _models(team: int) -> QuerySet[Collection]:
    return Collection.objects.filter(team=team, project=None, type=MODEL)


_NAMED: Final = Prepared[Collection](
    lambda team, name: _models(team).filter(name_key=name).select_related("team"), *(int, str)
)


def model_named(name: str, access: Access) -> Collection:
    """A registered model. Raises NotFound."""
    found = _NAMED.first(access.team.pk, name_key(name))
    if found is None:
        raise NotFound(f"Registered Model with name={name[:256]} not found")
    return found


def versions_seen(access: Access) -> QuerySet[Version]:
    """The versions of the registered models that the caller may see."""
    return _seen(access.team.pk, _user(access))


def _seen(team: int, user: int) -> QuerySet[Version]:
    return Version.objects.filter(
        collection__team=team,
        collection__project=None,
        collection__type=MODEL,
        collection__deleted_at=None,
        deleted_at=None,
        artifact__project__in=Project.objects.visible_to(User(pk=user)).values("pk"),
    )


def version_named(params: Params, access: Access) -> Version:
    """The version that `name` and `version` of a request name. Raises NotFound."""
    name = params.text("name", required=True)
    number = version_number(params)
    seen = versions_seen(access).filter(collection__name_key=name_key(name), number=number)
    return _whole(seen, name, number)


def version_by_number(collection: Collection, number: int, access: Access) -> Version:
    """A version of a registered model by its number. Raises NotFound."""
    seen = versions_seen(access).filter(collection=collection, number=number)
    return _whole(seen, collection.name, number)


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


# The newest version of each model in each stage, in the order of ALL_STAGES, among those that the
# user may see: an index look-up for each.
_NEWEST: Final = Prepared[Any](
    lambda models, user: Collection.with_deleted.filter(pk__in=models).values_list(
        "pk", *(Subquery(one) for one in _newest_in_stages(user))
    ),
    *(list, int),
)


def _newest_in_stages(user: int) -> Iterator[QuerySet[Any]]:
    visible = Project.objects.visible_to(User(pk=user)).values("pk")
    in_stage = LabelHolding.objects.filter(version=OuterRef("pk"), is_stage=True, held_until=None)
    standing = Version.objects.filter(
        collection=OuterRef("pk"), deleted_at=None, artifact__project__in=visible
    )
    yield standing.filter(~Exists(in_stage)).order_by("-number").values("pk")[:1]
    for stage in STAGES:
        held = LabelHolding.objects.standing().filter(
            collection=OuterRef("pk"),
            label_key=name_key(stage),
            is_stage=True,
            version__artifact__project__in=visible,
        )
        yield held.order_by("-version__number").values("version")[:1]


def newest_versions(
    models: Sequence[int], access: Access, stages: Iterable[str] = ALL_STAGES
) -> dict[int, list[int]]:
    """The newest version in each of these stages, by model, as keys (one query)."""
    wanted = [ALL_STAGES.index(stage) for stage in stages]
    return {
        model: [newest[at] for at in wanted if newest[at] is not None]
        for model, *newest in _NEWEST.rows(models, _user(access))
    }


_ALIASES: Final = Prepared[Any](
    lambda models, user: (
        LabelHolding.objects.standing()
        .lead_first()
        .filter(
            collection__in=models,
            is_stage=False,
            version__artifact__project__in=Project.objects.visible_to(User(pk=user)).values("pk"),
        )
        .values_list("collection", "label", "version__number")
    ),
    *(list, int),
)


def aliases_of(models: Sequence[int], access: Access) -> dict[int, dict[str, int]]:
    """The aliases of some models and the number that each stands for, by model (one query)."""
    aliases: dict[int, dict[str, int]] = {model: {} for model in models}
    for model, alias, number in _ALIASES.rows(models, _user(access)):
        aliases[model].setdefault(alias, number)
    return aliases


_HOLDER: Final = Prepared[Any](
    lambda team, user, name, alias: (
        LabelHolding.objects.standing()
        .filter(
            label_key=alias,
            is_stage=False,
            version__in=_seen(team, user).filter(collection__name_key=name).values("pk"),
        )
        .order_by("-held_from")
        .values_list("version")
    ),
    *(int, int, str, str),
)


def holder_of(alias: str, name: str, access: Access) -> int:
    """The version that an alias of a model stands for, by its key. Raises NotFound for the model,
    INVALID_PARAMETER_VALUE for the alias, as mlflow does."""
    if alias.lower() == LATEST:
        seen = versions_seen(access).filter(collection__name_key=name_key(name))
        found = seen.order_by("-number").values_list("pk").first()
    else:
        found = _HOLDER.first(access.team.pk, _user(access), name_key(name), name_key(alias))
    if found is None:
        model_named(name, access)
        raise invalid(f"Registered model alias {alias[:MAX_ALIAS]} not found.")
    return int(found[0])


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


def stage_name(text: str) -> str:
    """What the client reads for a stage that it may have written in another case."""
    label = stage_named(text)
    return NO_STAGE if label is None else STAGE_NAMES[label]


def _whole(seen: QuerySet[Version], name: str, number: int) -> Version:
    version = seen.select_related("collection", "artifact__project__team").first()
    if version is None:
        raise NotFound(f"Model Version (name={name[:256]}, version={number}) not found")
    return version


def _user(access: Access) -> int:
    """Whoever asks through this door has a key, and so is somebody."""
    return access.user.pk if access.user is not None else 0
