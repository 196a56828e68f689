"""Many writers at once: the chain has no gap, no twin and no fork."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from apps.audit.models import ChainHead, Event
from apps.audit.verification import verify_chain
from tests.audit.builders import make_event

WRITERS = 8
EACH = 25


class _GaveUpError(Exception):
    pass


def _in_threads(work: Callable[[int], object]) -> None:
    def run(number: int) -> None:
        try:
            work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(run, range(WRITERS)))


@pytest.mark.django_db(transaction=True)
def test_the_chain_stays_whole_under_eight_writers() -> None:
    """They also race for the first row: the flush before this test removed the head."""

    def write(number: int) -> None:
        for step in range(EACH):
            try:
                with transaction.atomic():
                    make_event(number + 1)
                    if step % 5 == 4:
                        raise _GaveUpError
            except _GaveUpError:
                pass

    _in_threads(write)

    kept = WRITERS * EACH * 4 // 5
    assert list(Event.objects.order_by("sequence").values_list("sequence", flat=True)) == list(
        range(1, kept + 1)
    )
    assert ChainHead.objects.get().sequence == kept
    assert verify_chain() is None


@pytest.mark.django_db(transaction=True)
def test_the_chain_can_be_verified_while_it_grows() -> None:
    found = []

    def work(number: int) -> None:
        for _ in range(EACH):
            if number == 0:
                found.append(verify_chain())
            else:
                make_event(number)

    _in_threads(work)

    assert found == [None] * EACH
