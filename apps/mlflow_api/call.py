"""One request of the client: its parameters, and the caller's access to whatever it names.

Addresses of this protocol name no team and no project. A run, an experiment or a model is named by
an id in the parameters, and each is looked up here among what the caller may see, together with the
caller's role there. Whichever way a place is found, the action of the endpoint is checked there.
"""

from dataclasses import dataclass, field

from django.http import HttpRequest

from apps.accounts.choices import Scope
from apps.accounts.models import User
from apps.artifacts.models import ArtifactVersion
from apps.audit.actors import Actor
from apps.core.errors import Forbidden, NotFound
from apps.mlflow_api.places import model_by_id, project_by_id, run_by_id
from apps.mlflow_api.wire import Params
from apps.projects.access import POLICY, Access, Action, access_to, strongest_role
from apps.projects.models import Project
from apps.runs.models import Run


@dataclass
class Call:
    """A request as an endpoint gets it."""

    request: HttpRequest
    action: Action
    user: User
    actor: Actor
    scope: Scope
    params: Params = field(default_factory=lambda: Params({}))
    is_placed: bool = field(default=False, init=False)

    def home(self) -> Access:
        """The caller's default team: where experiments and models are named and made.

        Raises NotFound for somebody who is in none.
        """
        team = self.user.default_team
        if team is None:
            raise NotFound("You are in no team. Ask an admin to add you to one.")
        return self.allowed(
            access_to(user=self.user, actor=self.actor, team=team.name, scope=self.scope)
        )

    def allowed(self, access: Access, action: Action | None = None) -> Access:
        """The access, if it allows what this endpoint does. Raises Forbidden.

        `action` is for what an endpoint does beside its own (to move a label, say).
        """
        self.is_placed = True
        access.require(action or self.action)
        return access

    def run(self, run_id: str) -> tuple[Run, Access]:
        """The run of this id, in the bin or not, and the caller's access there.

        Raises NotFound, Forbidden.
        """
        run, access = run_by_id(run_id, self)
        return run, self.allowed(access)

    def experiment(self, experiment_id: str) -> tuple[Project, Access]:
        """The project of this id, in the bin or not, and the caller's access there.

        Raises NotFound, Forbidden.
        """
        project, access = project_by_id(experiment_id, self)
        return project, self.allowed(access)

    def model(self, model_id: str) -> tuple[ArtifactVersion, Access]:
        """The logged model of this id, finished or not, and the caller's access to its project.

        Raises NotFound, Forbidden.
        """
        artifact, access = model_by_id(model_id, self)
        return artifact, self.allowed(access)

    def enter(self) -> None:
        """Refuse somebody who could do such a thing nowhere, before saying what else is wrong."""
        needed = POLICY[self.action].role
        if needed is None:
            return
        role = strongest_role(self.user)
        if role is None:
            raise NotFound("There is nothing here that you may see.")
        if not role.at_least(needed):
            raise Forbidden(f"This takes the role {needed} or higher.")
