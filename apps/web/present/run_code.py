"""The code of a run as far as its client saved it: changes since the commit, packages, scripts."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from apps.core.numbers import format_bytes
from apps.core.text import truncate
from apps.runs.models import RunFile
from apps.web.preview import Preview, preview_of
from apps.web.stored import Shelf

SHOWN_FILES = 200
# Where the clients put them: W&B's and MLflow's, the first found counts.
DIFFS = ("diff.patch",)
PACKAGES = ("requirements.txt", "conda-environment.yaml", "conda.yaml", "python_env.yaml")
CODE = "code/"


@dataclass(frozen=True, slots=True)
class CodeFile:
    name: str
    url: str
    size: str


@dataclass(frozen=True, slots=True)
class Code:
    """What templates/runs/code.html shows."""

    diff: Preview | None
    diff_url: str
    packages: Preview | None
    packages_name: str
    packages_url: str
    files: Sequence[CodeFile]
    more: str


def code_of(shelf: Shelf) -> Code:
    """One query, and the reading of two small files. Raises ContentDamaged."""
    known = Q(path__in=[*DIFFS, *PACKAGES]) | Q(path__startswith=CODE)
    found = list(shelf.files.filter(known).order_by("path")[: SHOWN_FILES + 10])
    by_path: dict[str, RunFile] = {file.path: file for file in found}
    diff = next((by_path[path] for path in DIFFS if path in by_path), None)
    packages = next((by_path[path] for path in PACKAGES if path in by_path), None)
    scripts = [file for file in found if file.path.startswith(CODE)]
    return Code(
        diff=preview_of(diff) if diff else None,
        diff_url=shelf.view_url(diff.path) if diff else "",
        packages=preview_of(packages) if packages else None,
        packages_name=packages.path if packages else "",
        packages_url=shelf.view_url(packages.path) if packages else "",
        files=[
            CodeFile(
                truncate(file.path.removeprefix(CODE), 200),
                shelf.view_url(file.path),
                format_bytes(file.size_bytes),
            )
            for file in scripts[:SHOWN_FILES]
        ],
        more=shelf.folder_url("code") if len(scripts) > SHOWN_FILES else "",
    )
