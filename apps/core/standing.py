"""Hiding what is in the bin.

Rows that can be deleted have `deleted_at`. Their default manager leaves out those that are in the
bin, so that a list, a count or a look-up that does not think of the bin cannot show them. What is
inside goes with it unmarked: a run of a deleted project is reached through its project only.
"""

from typing import TypeVar

from django.db import models

_Row = TypeVar("_Row", bound=models.Model)


class Standing(models.Manager[_Row]):
    """The rows that are not in the bin. The model's `with_deleted` has all of them."""

    def get_queryset(self) -> models.QuerySet[_Row]:
        return super().get_queryset().filter(deleted_at=None)
