"""Make a one-time sign-in link and print it, and nothing else."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.accounts.queries import user_named
from apps.accounts.services import create_login_link
from apps.audit.actors import Actor
from apps.core.errors import DomainError, NotFound


class Command(BaseCommand):
    help = "Print a link that signs a user in once. An older unused link stops working."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = user_named(options["user"])
            if not user.is_active:
                raise NotFound(f"{user.username} is deactivated and cannot sign in.")
            token = create_login_link(user=user, actor=Actor.system("login_link"))
        except DomainError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{settings.BASE_URL}/sign-in/{token}")
