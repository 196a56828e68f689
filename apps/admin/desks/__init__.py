"""The lists, in the order of the first page."""

from apps.admin.desks import (  # noqa: F401, I001 (the order of the first page)
    models,
    vocabulary,
    work,
    people,
    events,
    clients,
)
