"""The run that the client names, by its id or by its place and name, with the access there."""

from apps.core.errors import NotFound
from apps.projects.access import Access
from apps.runs.models import Run
from apps.runs.queries import run_in
from apps.wandb_api import ids, places
from apps.wandb_api.context import Context


def run_by_id(context: Context, text: str | None) -> tuple[Run, Access]:
    """The run with this id and the caller's access to its project. Raises NotFound."""
    number = ids.decode("Run", text)
    visible = Run.objects.visible_to(context.user).select_related("project__team", "created_by")
    run = visible.filter(pk=number).first() if number is not None else None
    if run is None:
        raise NotFound("There is no such run.")
    return run, context.access(run.project.team.name, run.project.name)


def run_by_name(
    context: Context, entity: str | None, project: str | None, name: str | None
) -> tuple[Run, Access]:
    """The run of this key in a project, and the access there. Raises NotFound."""
    access = places.project_access(context, entity, project)
    return run_in(access.here, name or ""), access
