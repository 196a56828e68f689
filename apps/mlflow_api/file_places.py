"""Addresses of files in `mlflow-artifacts:/`: whose they are, and the path below that.

The client is told an address by us and appends to it: `<experiment>/<run>/artifacts/<path>` is a
file of a run, `<experiment>/models/<model>/artifacts/<path>` one of a logged model. The address is
text that names rows; nothing is opened by it.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet

from apps.artifacts.models import ArtifactFile, ArtifactVersion
from apps.core.errors import Invalid, NotFound
from apps.core.names import clean_path
from apps.core.prepared import Prepared
from apps.mlflow_api.call import Call
from apps.mlflow_api.errors import invalid
from apps.mlflow_api.places import experiment_id_of
from apps.projects.access import Access
from apps.runs.models import Run, RunFile

SCHEME: Final = "mlflow-artifacts:/"
_MODELS: Final = "models"
_ARTIFACTS: Final = "artifacts"
_RUN_WORDS, _MODEL_WORDS = 3, 4

# mlflow 2.22 names what `log_image` writes with %, which 3.x has made +. One spelling is kept, for
# a path with a % in it could be decoded once more by whoever passes it on.
_IMAGE_2_22: Final = re.compile(
    r"images/[^/%]*%step%\d+%timestamp%\d+%[^/%]+(?:%compressed\.[a-z]+)?"
)


@dataclass(frozen=True)
class FilePlace:
    """A run or a logged model that the caller may see, and a path below it ("" is its top)."""

    owner: Run | ArtifactVersion
    access: Access
    path: str

    @property
    def files(self) -> QuerySet[Any]:
        """The rows of all its files."""
        return self.owner.files.select_related("blob")

    def file(self) -> tuple[str | None, int] | None:
        """The digest (None for a reference) and the size of the file at this path."""
        found = _RUN_FILES if isinstance(self.owner, Run) else _MODEL_FILES
        return found.first(self.owner.pk, self.path)


_RUN_FILES: Final = Prepared[Any](
    lambda run, path: RunFile.objects.filter(run=run, path=path).values_list("blob", "size_bytes"),
    *(int, str),
)
_MODEL_FILES: Final = Prepared[Any](
    lambda model, path: ArtifactFile.objects.filter(artifact=model, path=path).values_list(
        "blob", "size_bytes"
    ),
    *(int, str),
)


def find_place(call: Call, address: str) -> FilePlace:
    """What an address names. Raises NotFound, Forbidden, INVALID_PARAMETER_VALUE."""
    words = address.split("/")
    if len(words) >= _MODEL_WORDS and words[1] == _MODELS and words[3] == _ARTIFACTS:
        artifact, access = call.model(words[2])
        project, rest = artifact.project, words[_MODEL_WORDS:]
        place = FilePlace(artifact, access, clean_below("/".join(rest)))
    elif len(words) >= _RUN_WORDS and words[2] == _ARTIFACTS:
        run, access = call.run(words[1])
        project, rest = run.project, words[_RUN_WORDS:]
        place = FilePlace(run, access, clean_below("/".join(rest)))
    else:
        _refuse_odd(address)
        raise NotFound("There are no artifacts at this address.")
    if words[0] not in (str(project.pk), experiment_id_of(project, call)):
        raise NotFound("There are no artifacts at this address.")
    return place


def clean_below(path: str) -> str:
    """A path below a run or a model as it is kept; "" is the top. Raises Invalid."""
    path = path.removesuffix("/")
    if _IMAGE_2_22.fullmatch(path):
        path = path.replace("%", "+")
    return clean_path(path) if path else ""


def run_address(run: Run, experiment_id: str) -> str:
    """Where a run's files are, for the client."""
    return f"{SCHEME}{experiment_id}/{run.key}/{_ARTIFACTS}"


def model_address(key: str, experiment_id: str) -> str:
    """Where the files of the logged model of this key are, for the client."""
    return f"{SCHEME}{experiment_id}/{_MODELS}/m-{key}/{_ARTIFACTS}"


def _refuse_odd(address: str) -> None:
    """An address that no client of ours builds is a wrong input rather than a missing thing."""
    try:
        clean_path(address)
    except Invalid as error:
        raise invalid(f"Invalid path: {error.message}") from None
