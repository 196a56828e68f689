"""What documents can change. Importing a module declares them; each part has its line here."""

from apps.wandb_api.mutations import (  # noqa: F401
    runs,
)
