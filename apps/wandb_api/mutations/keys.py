"""One's own API keys."""

from typing import Any

from apps.accounts.choices import Scope
from apps.accounts.queries import keys_of
from apps.accounts.services import create_api_key, revoke_api_key
from apps.core.errors import Forbidden, NotFound
from apps.wandb_api import ids
from apps.wandb_api.context import Context
from apps.wandb_api.schema import mutation


@mutation
def generate_api_key(context: Context, *, description: str | None = None) -> dict[str, Any]:
    """A further key of the caller's; it ends when the key ends that asked for it.

    The client takes its `name` for the secret, which is shown here once.
    """
    _require_write(context)
    secret = create_api_key(
        user=context.user,
        name=description or "Made by the wandb client",
        actor=context.actor,
        expires_at=context.key.expires_at,
    )
    made = keys_of(context.user).filter(hint=secret[-4:])[0]
    key = {
        "__typename": "ApiKey",
        "id": ids.encode("ApiKey", made.pk),
        "name": secret,
        "description": made.name,
    }
    return {"apiKey": key}


@mutation
def delete_api_key(context: Context, *, id: str | None = None) -> dict[str, Any]:
    _require_write(context)
    number = ids.decode("ApiKey", id)
    key = keys_of(context.user).filter(pk=number).first() if number is not None else None
    if key is None:
        raise NotFound("You have no such API key.")
    revoke_api_key(key=key, actor=context.actor)
    return {"success": True}


def _require_write(context: Context) -> None:
    if context.key.scope != Scope.WRITE:
        raise Forbidden("This API key may only read. Use one with the scope write.")
