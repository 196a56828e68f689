"""What documents can change. Importing a module declares them; each part has its line here."""

from apps.wandb_api.mutations import (  # noqa: F401
    absent,
    keys,
    projects,
    runs,
)
