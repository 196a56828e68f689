"""Make an API key and print it, and nothing else, so that a shell can take it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.choices import Scope
from apps.accounts.queries import user_named
from apps.accounts.services import create_api_key
from apps.audit.actors import Actor
from apps.core.errors import DomainError


class Command(BaseCommand):
    help = "Make an API key for a user and print it. It is not kept and cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True)
        parser.add_argument("--scope", choices=Scope.values, default=Scope.WRITE.value)
        parser.add_argument("--name", default="command line", help="what the key is for")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key = create_api_key(
                user=user_named(options["user"]),
                name=options["name"],
                scope=Scope(options["scope"]),
                actor=Actor.system("create_api_key"),
            )
        except DomainError as error:
            raise CommandError(error.message) from None
        self.stdout.write(key)
