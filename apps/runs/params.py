"""Parameters that a run says one by one and never takes back: by MLflow's rules.

They are leaves of the config like any other. The client sends each as text; one that is a number is
sorted and filtered as that number. Like points they are what a run measures of itself, not a change
of state, so they are stored but not audited.
"""

import math
from collections.abc import Mapping

from django.db import transaction

from apps.core.errors import Conflict
from apps.core.jsontext import dump
from apps.core.names import clean_key
from apps.projects.access import Access, Action
from apps.runs.models import BRIEF, Run, RunParam
from apps.runs.queries import RunInBin, config_of
from apps.runs.services import MAX_KEY_LENGTH


class ParamChanged(Conflict):
    """A parameter was logged before with another value."""


@transaction.atomic
def log_params(*, run: Run, params: Mapping[str, str], access: Access) -> None:
    """Add parameters to a run. The same value again changes nothing.

    Raises ParamChanged, RunInBin, Invalid; then nothing is added.
    """
    access.require(Action.LOG)
    if not params:
        return
    # Locked, so that of two clients that log one parameter the second sees the first's.
    locked = Run.objects.select_for_update(no_key=True).filter(pk=run.pk).only("config").first()
    if locked is None:
        raise RunInBin(run.key, run.project)
    rows = RunParam.objects.filter(run=run, key__in=list(params))
    former = dict(rows.values_list("key", "text"))
    for key, text in former.items():
        if text != params[key]:
            raise ParamChanged(
                "Changing param values is not allowed. Param with "
                f"key='{key}' was already logged with value='{text[:500]}' for run ID='{run.key}'. "
                f"Attempted logging new value '{params[key][:500]}'."
            )
    fresh = {key: text for key, text in params.items() if key not in former}
    if not fresh:
        return
    RunParam.objects.bulk_create(_row(run, key, text) for key, text in fresh.items())
    locked.config = dump({**config_of(locked), **fresh})
    locked.save(update_fields=["config"])


def _row(run: Run, key: str, text: str) -> RunParam:
    return RunParam(
        run=run,
        project_id=run.project_id,
        key=clean_key(key, field="key", max_length=MAX_KEY_LENGTH),
        text=text,
        number=_number(text),
        brief=text[:BRIEF],
    )


def _number(text: str) -> float | None:
    """The finite number that a text is, written as Python writes one."""
    if len(text) > 40 or not set(text) <= set("0123456789+-.eE"):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) < 1e300 else None
