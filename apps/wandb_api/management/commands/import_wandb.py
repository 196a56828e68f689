"""Take in runs that the W&B client logged offline, or that were exported from elsewhere."""

from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.queries import team_named, user_named
from apps.accounts.services import DEFAULT_TEAM
from apps.audit.actors import Actor
from apps.core.errors import DomainError, NotFound
from apps.projects.access import Access, Action, access_to, system_access
from apps.projects.queries import project_named
from apps.projects.services import ProjectExists, create_project
from apps.wandb_api.importing.exported import DESCRIPTION, read_exported
from apps.wandb_api.importing.offline import read_offline
from apps.wandb_api.importing.saved import SavedRun
from apps.wandb_api.importing.saving import Taken, save_run
from apps.wandb_api.places import DEFAULT_PROJECT


class Command(BaseCommand):
    help = (
        "Take in offline runs of the W&B client (wandb/offline-run-*) and export folders below "
        "PATH. What is here already is left as it is, so it may be repeated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument("--team", help="default: the user's own, else main")
        parser.add_argument("--project", help="default: what each run names")
        parser.add_argument("--user", help="whose runs they become; default: the system's")

    def handle(self, *args: Any, **options: Any) -> None:
        folders = find_folders(options["path"])
        if not folders:
            raise CommandError(
                f"Nothing to import below {options['path']}: no folder offline-run-… and no folder "
                f"with a {DESCRIPTION}."
            )
        failed = new = 0
        for number, folder in enumerate(folders, start=1):
            try:
                taken = self._import(folder, options)
            except DomainError as error:
                failed += 1
                self.stderr.write(f"[{number}/{len(folders)}] {folder.name}: {error.message}")
                continue
            new += taken.anything
            self.stdout.write(f"[{number}/{len(folders)}] {folder.name}: {told(taken)}")
            for warning in taken.warnings:
                self.stderr.write(f"    {warning}")
        self.stdout.write(f"{len(folders)} runs: {new} with something new, {failed} left out.")
        if failed:
            raise CommandError("Some runs could not be taken in; the reasons stand above.")

    def _import(self, folder: Path, options: dict[str, Any]) -> Taken:
        saved = read_exported(folder) if (folder / DESCRIPTION).exists() else read_offline(folder)
        return save_run(saved, access_for(saved, options))


def find_folders(path: Path) -> list[Path]:
    """The folders below `path`, or it itself, that hold a run, oldest name first."""
    found = {log.parent for log in path.rglob("offline-run-*/run-*.wandb")}
    found |= {log.parent for log in path.glob("run-*.wandb")}
    found |= {description.parent for description in path.rglob(DESCRIPTION)}
    return sorted(found)


def access_for(saved: SavedRun, options: dict[str, Any]) -> Access:
    """Access to the project that the run goes to, which is made when it is missing."""
    user = user_named(options["user"]) if options["user"] else None
    own = user.default_team.name if user and user.default_team else DEFAULT_TEAM
    team = options["team"] or own
    project = options["project"] or saved.project or DEFAULT_PROJECT
    actor = Actor.system("import_wandb")
    if user is None:
        access = system_access(team_named(team), actor)
        with suppress(ProjectExists):
            create_project(name=project, access=access)
        return system_access(access.team, actor, project_named(access.team, project))
    actor = Actor(user_id=user.pk, name=user.username)
    try:
        return access_to(user=user, actor=actor, team=team, project=project)
    except NotFound:
        access = access_to(user=user, actor=actor, team=team)
        access.require(Action.LOG)
        create_project(name=project, access=access)
        return access_to(user=user, actor=actor, team=team, project=project)


def told(taken: Taken) -> str:
    """One line about what was new in a run."""
    place = f"{taken.run.project.name}/{taken.run.key}"
    if not taken.anything:
        return f"{place} is here already"
    return (
        f"{place}: {taken.lines:,} lines, {taken.files:,} files, "
        f"{taken.artifacts:,} artifact versions"
    )
