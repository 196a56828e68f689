"""For suites of tests that run against a live server; bound only where MODEL_STATUS_TEST_RESET is
set, which a server that others can reach refuses to start with."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.accounts.models import Team
from apps.audit.actors import Actor
from apps.bin.services.emptying import empty_team
from apps.core.errors import DomainError, Forbidden
from apps.mlflow_api.endpoint import open_call
from apps.mlflow_api.errors import refuse
from apps.mlflow_api.services import ensure_default
from apps.mlflow_api.wire import answer
from apps.projects.access import Access, Action, requires, system_access


@csrf_exempt
@require_POST
@requires(Action.PUBLIC)
def reset(request: HttpRequest) -> HttpResponse:
    """Leave the default experiment and nothing else: in the default team of the key's owner, or
    without a key, as a suite asks before it has one, in every team."""
    try:
        if "Origin" in request.headers:
            raise Forbidden("A page in a browser may not do this.")
        for access in _places(request):
            empty_team(access=access)
            ensure_default(access.team)
    except DomainError as error:
        return refuse(request, error)
    return answer({})


def _places(request: HttpRequest) -> list[Access]:
    if "Authorization" in request.headers:
        return [open_call(request, Action.DELETE).home()]
    actor = Actor.system("test reset")
    return [system_access(team, actor) for team in Team.objects.order_by("pk")]
