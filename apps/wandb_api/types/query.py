"""The root of every query. Its fields stand beside the types that they answer (`field_of`)."""

from apps.wandb_api.schema import Node


class Query(Node):
    NAME = "Query"
