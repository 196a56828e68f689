"""What `make run` does around the server: tables, the first person, what to paste, the demo."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.accounts.choices import Role
from apps.accounts.models import ApiKey, User
from apps.accounts.services import create_api_key, create_login_link, create_user
from apps.audit.actors import Actor
from apps.demo.ownership import NotOurs, demo_project
from apps.projects.models import Project
from registry_site.readiness import refuse_newer_schema

ADMIN = "admin"
KEY_NAME = "make run"
ACTOR = Actor.system("make run")
STOP_SECONDS = 20
# The child must end with us, even when we are killed: `cat` reads from a pipe that closes then.
# It yields to the server, so that pages stay quick while it trains.
WATCH = 'nice -n 10 "$@" & child=$!; cat >/dev/null; kill $child 2>/dev/null; wait $child'


def migrate() -> None:
    executor = MigrationExecutor(connection)
    refuse_newer_schema(executor)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def first_admin() -> User | None:
    """The person `admin` if that one may still sign in; made when there is nobody at all."""
    if not User.objects.exists():
        return create_user(username=ADMIN, role=Role.ADMIN, actor=ACTOR)
    return User.objects.filter(username=ADMIN, is_active=True).first()


def welcome(base_url: str, user: User | None) -> str:
    """What to open and what to paste. A key is shown once: only its hash is kept."""
    command = shlex.join([sys.executable, str(Path(settings.BASE_DIR) / "manage.py")])
    if user is None:
        return (
            f"\n  Model Status   {base_url}\n"
            f"  Sign in with   {command} login_link --user NAME\n"
            f"  Make a key     {command} create_api_key --user NAME\n"
        )
    token = create_login_link(user=user, actor=ACTOR)
    key = f"$({command} create_api_key --user {user.username})"
    if not ApiKey.objects.filter(user=user, name=KEY_NAME).exists():
        key = create_api_key(user=user, name=KEY_NAME, actor=ACTOR)
    return f"""
  Model Status   {base_url}
  Sign in        {base_url}/sign-in/{token}
                 (works once, within an hour; signs in as {user.username})

  To log from wandb:
    export WANDB_BASE_URL={base_url}
    export WANDB_API_KEY={key}
  To log from mlflow:
    export MLFLOW_TRACKING_URI={base_url}
    export MLFLOW_TRACKING_TOKEN={key}
"""


def wants_demo(variables: Mapping[str, str]) -> bool:
    """Unless DEMO=0: into an empty database, or to go on with a demo that is there."""
    if variables.get("DEMO", "").strip() == "0":
        return False
    if not Project.with_deleted.exists():
        return True
    try:
        project = demo_project()
    except NotOurs:
        return False
    return project is not None and project.deleted_at is None


@contextmanager
def demo_beside() -> Iterator[None]:
    """Load the demo in a process of its own while the server runs, and end it with the server."""
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "load_demo", "--live"]
    watcher = subprocess.Popen(  # noqa: S603 (our own command)
        ["/bin/sh", "-c", WATCH, "watch", *command],
        stdin=subprocess.PIPE,
        # Ctrl-C goes to the whole group; the child is told by the pipe instead.
        start_new_session=True,
    )
    pipe = watcher.stdin
    assert pipe  # noqa: S101 (asked for above)
    # A forked worker must not hold our end of the pipe open after us.
    os.register_at_fork(after_in_child=pipe.close)
    try:
        yield
    finally:
        pipe.close()
        try:
            watcher.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(watcher.pid, signal.SIGKILL)
            watcher.wait()
