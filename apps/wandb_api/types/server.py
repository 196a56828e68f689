"""What the server says of itself."""

from typing import Any

from apps.wandb_api.features import ENABLED
from apps.wandb_api.schema import Node, field, field_of
from apps.wandb_api.types.query import Query

# The newest client that was tried; an older one is not told to upgrade.
NEWEST_CLIENT = "0.31.0"


class ServerInfo(Node):
    NAME = "ServerInfo"

    @field
    def features(self) -> list[dict[str, Any]]:
        return [{"name": name, "isEnabled": True} for name in ENABLED]

    @field
    def cli_version_info(self) -> dict[str, str]:
        return {"max_cli_version": NEWEST_CLIENT}

    @field
    def latest_local_version_info(self) -> None:
        """Nothing newer of the vendor's own server is known of here."""


@field_of("Query")
def server_info(node: Query) -> ServerInfo:
    return ServerInfo(node.context)
