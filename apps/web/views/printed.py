"""The addresses that clients print, where theirs are not ours.

MLflow's client prints `/#/experiments/3/runs/…`: the part behind # never leaves the browser, so a
script (static/js/app.js) sends it here. W&B's client prints addresses of the registry under the
names that it has for it. Whoever comes is led on with his own rights; what he may not see is the
same as what is not there.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.artifacts.choices import MODEL
from apps.artifacts.models import ArtifactVersion, Collection
from apps.artifacts.queries import collection_named, first_places
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.core.text import truncate
from apps.projects.access import Access, Action, requires
from apps.projects.models import Project
from apps.runs.models import Run
from apps.web.addresses import (
    artifacts_url,
    collection_url,
    model_url,
    place_url,
    project_url,
    run_url,
    team_url,
)
from apps.web.places import version_of
from apps.web.views.account import person

# What MLflow calls the project of who names none.
DEFAULT_EXPERIMENT = "0"
MODEL_ID = "m-"
MAX_DIGITS = 18
MAX_WORDS = 200


@requires(Action.SIGNED_IN)
@require_safe
def mlflow(request: HttpRequest, path: str) -> HttpResponse:
    """To the page of an experiment, a run, a registered model or one of its versions."""
    user = person(request)
    words = [word for word in path.split("/") if word]
    address = _mlflow_address(words, user)
    if address is None:
        messages.warning(request, _("There is nothing at this address that you may see."))
        query = urlencode({"q": truncate(words[-1], MAX_WORDS)} if words else {})
        return HttpResponseRedirect(f"{reverse('search')}?{query}")
    return HttpResponseRedirect(address)


def _mlflow_address(words: list[str], user: User) -> str | None:
    """Further words, such as the tab of a run's page, say nothing here."""
    match words:
        case ["experiments", _experiment, "runs", key, *_tab]:
            return _run(key, user)
        case ["experiments", _experiment, "models", key, *_tab] if key.startswith(MODEL_ID):
            return _logged_model(key.removeprefix(MODEL_ID), user)
        case ["experiments", experiment, *_tab]:
            return _experiment_address(experiment, user)
        case ["models", name, "versions", number, *_tab]:
            return _model(name, user, number)
        case ["models", name, *_tab]:
            return _model(name, user)
        case _:
            return None


def _run(key: str, user: User) -> str | None:
    run = Run.objects.visible_to(user).filter(key=key).select_related("project__team").first()
    return run_url(run.project.team, run) if run else None


def _logged_model(key: str, user: User) -> str | None:
    artifact = ArtifactVersion.objects.filter(key=key).values_list("pk", flat=True).first()
    place = first_places([artifact], user).get(artifact) if artifact else None
    return place_url(place) if place else None


def _experiment_address(experiment: str, user: User) -> str | None:
    projects = Project.objects.visible_to(user).select_related("team")
    if experiment == DEFAULT_EXPERIMENT:
        # Which project that is, the door for MLflow's client keeps.
        projects = projects.filter(team=user.default_team, experiment__is_default=True)
    elif experiment.isascii() and experiment.isdigit() and len(experiment) <= MAX_DIGITS:
        projects = projects.filter(pk=int(experiment))
    else:
        return None
    project = projects.first()
    return project_url(project.team, project) if project else None


def _model(name: str, user: User, number: str = "") -> str | None:
    """A model of the registry of the reader's own team first, then of any other of his."""
    models = Collection.objects.filter(type=MODEL, project=None, name_key=name_key(name))
    found = sorted(
        models.visible_to(user).select_related("team"),
        key=lambda model: (model.team_id != user.default_team_id, model.pk),
    )
    for model in found:
        if not number:
            return model_url(model)
        try:
            return place_url(version_of(model, number, user))
        except NotFound:
            continue
    return None


@requires(Action.READ)
@require_safe
def registry(request: HttpRequest, team: str, registry: str = "", kind: str = "") -> HttpResponse:
    """The registry under a name of W&B's client's, or what `selectionPath` names in it."""
    access: Access = request.access  # type: ignore[attr-defined]
    chosen = request.GET.get("selectionPath", "").rpartition("/")[2]
    if not chosen:
        return HttpResponseRedirect(team_url(access.team))
    return _registered(access, chosen, request.GET.get("version", ""))


@requires(Action.READ)
@require_safe
def registry_artifacts(
    request: HttpRequest,
    team: str,
    registry: str,
    type: str = "",
    collection: str = "",
    version: str = "",
) -> HttpResponse:
    """The collections of a registry, one of them, or one of its versions."""
    access: Access = request.access  # type: ignore[attr-defined]
    if not collection:
        return HttpResponseRedirect(artifacts_url(access.team, None))
    return _registered(access, collection, version, type=type)


def _registered(
    access: Access, name: str, version: str, *, type: str | None = None
) -> HttpResponse:
    found = collection_named(access.team, None, name, type=type)
    if not version:
        return HttpResponseRedirect(collection_url(found))
    return HttpResponseRedirect(place_url(version_of(found, version, access.user)))
