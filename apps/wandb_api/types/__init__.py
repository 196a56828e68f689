"""What documents can select. Importing a module declares its types; each part has its line here."""

from apps.wandb_api.types import (  # noqa: F401
    absent,
    artifacts,
    collections,
    people,
    projects,
    query,
    registries,
    run_files,
    run_history,
    runs,
    server,
)
