"""Changes that this server does not know, refused in words that the client shows to its user."""

from typing import Any

from apps.core.errors import Unsupported
from apps.wandb_api.context import Context
from apps.wandb_api.schema import mutation

_ABSENT = {
    "Sweeps": (
        "upsert_sweep",
        "create_agent",
        "agent_heartbeat",
        "heartbeat",
    ),
    "Launch queues": (
        "create_launch_agent",
        "update_launch_agent",
        "create_run_queue",
        "upsert_run_queue",
        "delete_run_queues",
        "push_to_run_queue",
        "push_to_run_queue_by_name",
        "pop_from_run_queue",
        "ack_run_queue_item",
        "fail_run_queue_item",
        "update_run_queue_item_warning",
        "create_default_resource_config",
    ),
    "Automations of this client": (
        "create_filter_trigger",
        "update_filter_trigger",
        "delete_trigger",
        "create_generic_webhook_integration",
    ),
    "Reports of this client": ("upsert_view", "delete_view"),
    "Custom chart presets": ("create_custom_chart",),
    "Accounts through this client": (
        "create_team",
        "create_user",
        "create_invite",
        "delete_invite",
        "create_service_account",
        "create_anonymous_api_key",
    ),
}


def _refuse(what: str, name: str) -> None:
    def refused(context: Context, **given: Any) -> None:
        raise Unsupported(f"{what} are not part of Model Status.")

    refused.__name__ = name
    mutation(refused)


for what, names in _ABSENT.items():
    for name in names:
        _refuse(what, name)
