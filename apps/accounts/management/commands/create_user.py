"""Make a person who signs in with a one-time link (`login_link`)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.choices import Role
from apps.accounts.services import DEFAULT_TEAM, create_user
from apps.audit.actors import Actor
from apps.core.errors import DomainError


class Command(BaseCommand):
    help = "Make a user with a role in a team; the team is made when it is missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--role", choices=Role.values, default=Role.VIEWER.value)
        parser.add_argument("--team", default=DEFAULT_TEAM)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = create_user(
                username=options["name"],
                role=Role(options["role"]),
                team_name=options["team"],
                actor=Actor.system("create_user"),
            )
        except DomainError as error:
            raise CommandError(error.message) from None
        self.stdout.write(
            f"{user.username} is {options['role']} in {options['team']}. "
            f"Let them in with: manage.py login_link --user {user.username}"
        )
