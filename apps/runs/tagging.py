"""Tags of a run one by one, as MLflow's clients set and take them; `update_run` replaces all.

Three of their tags are something of the run itself and stand there alone, so that pages and every
client see one and the same: its name, its notes, and (beside the tag) the run that started it.
"""

from collections.abc import Mapping

from django.db import transaction

from apps.core.errors import NotFound
from apps.core.names import clean_key, clean_text
from apps.projects.access import Access, Action
from apps.runs.models import Run, RunTag
from apps.runs.queries import RunInBin
from apps.runs.services import record_run

NAME = "mlflow.runName"
NOTES = "mlflow.note.content"
PARENT = "mlflow.parentRunId"
MAX_NAME_LENGTH = 255
MAX_NOTES = 100_000
# What tells where the code came from, with the length that there is room for.
_CODE = {
    "mlflow.source.name": ("program", 512),
    "mlflow.source.git.commit": ("code_commit", 64),
    "mlflow.source.git.repoURL": ("code_remote", 512),
}


@transaction.atomic
def set_tags(*, run: Run, tags: Mapping[str, str], access: Access, quietly: bool = False) -> None:
    """Set tags of a run, each in the place of its former value.

    `quietly` is for the service that starts the run and records that. Raises RunInBin, Invalid.
    """
    access.require(Action.LOG)
    if not tags:
        return
    # Held until the commit, so that the run is not put into the bin in between.
    if not Run.objects.select_for_update(no_key=True).filter(pk=run.pk).values("pk"):
        raise RunInBin(run.key, run.project)
    changed = _set_fields(run, tags)
    if changed:
        run.save(update_fields=changed)
    RunTag.objects.bulk_create(
        [
            RunTag(run=run, name=_clean(name), value=value)
            for name, value in tags.items()
            if name not in (NAME, NOTES)
        ],
        update_conflicts=True,
        unique_fields=["run", "name"],
        update_fields=["value"],
    )
    if not quietly:
        record_run(run, "run.changed", access, after={"tags": sorted(tags)})


@transaction.atomic
def delete_tag(*, run: Run, name: str, access: Access) -> None:
    """Take a tag off a run. Raises NotFound where there is none; a run is never without a name."""
    access.require(Action.LOG)
    is_notes = name == NOTES and bool(run.notes)
    if is_notes:
        Run.objects.filter(pk=run.pk).update(notes="")
    elif not RunTag.objects.filter(run=run, name=name).delete()[0]:
        raise NotFound(f"No tag with name: {name[:250]} in run with id {run.key}")
    if name == PARENT:
        Run.objects.filter(pk=run.pk).update(parent=None)
    record_run(run, "run.changed", access, before={"tags": [name]})


def _set_fields(run: Run, tags: Mapping[str, str]) -> list[str]:
    """What of the run itself some tags say, set on it; the names of those fields."""
    changed = []
    if NAME in tags:
        run.name = clean_text(tags[NAME], field=NAME, max_length=256, multiline=False) or run.key
        changed.append("name")
    if NOTES in tags:
        run.notes = clean_text(tags[NOTES], field=NOTES, max_length=MAX_NOTES)
        changed.append("notes")
    if PARENT in tags:
        run.parent = _parent(run, tags[PARENT])
        changed.append("parent")
    for tag, (field, longest) in _CODE.items():
        if tag in tags:
            setattr(run, field, _one_line(tags[tag])[:longest])
            changed.append(field)
    return changed


def _parent(run: Run, key: str) -> Run | None:
    """The run of this key in the same project; one elsewhere is only named in the tag."""
    return Run.objects.filter(project=run.project_id, key=key).exclude(pk=run.pk).first()


def _clean(name: str) -> str:
    return clean_key(name, field="key", max_length=MAX_NAME_LENGTH)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
