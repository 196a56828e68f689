"""What wandb clients asked for and did not get, the most asked first."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.wandb_api.models import UnknownField


class Command(BaseCommand):
    help = "List fields, arguments and input keys that wandb clients sent and that are not known."

    def handle(self, *args: Any, **options: Any) -> None:
        wishes = UnknownField.objects.order_by("-count", "type", "field")
        for wish in wishes:
            self.stdout.write(
                f"{wish.count:>8}  {wish.type}.{wish.field}  {wish.client}  "
                f"last on {wish.last_seen_at:%Y-%m-%d}"
            )
        if not wishes:
            self.stdout.write("No client has asked for anything that is not known.")
