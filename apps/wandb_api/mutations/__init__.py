"""What documents can change. Importing a module declares them; each part has its line here."""

from apps.wandb_api.mutations import (  # noqa: F401
    absent,
    artifact_edits,
    artifacts,
    keys,
    projects,
    registries,
    runs,
)
