"""What the site hands to the server that runs it."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.core.signals import request_finished
from django.test import RequestFactory

from registry_site.wsgi import application

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.site_urls")]


@pytest.fixture
def finished() -> Iterator[list[str]]:
    """A line for each request that the site took as ended."""
    lines: list[str] = []

    def note(**_: Any) -> None:
        lines.append("finished")

    request_finished.connect(note)
    yield lines
    request_finished.disconnect(note)


def test_a_whole_answer_is_handed_over_as_a_whole(finished: list[str]) -> None:
    """A list is what granian sends in one piece with its headers."""
    status, headers, body = _asked("/fine")

    assert status == "200 OK"
    assert isinstance(body, list)
    (piece,) = body
    assert headers["Content-Length"] == str(len(piece)) != "0"
    assert finished == ["finished"]


def test_a_refusal_too() -> None:
    status, headers, body = _asked("/nowhere")

    assert status == "404 Not Found"
    assert isinstance(body, list)
    assert headers["Content-Length"] == str(len(body[0]))


def test_a_stream_is_not_gathered(finished: list[str]) -> None:
    status, _, body = _asked("/stream")

    assert status == "200 OK"
    assert finished == []
    assert next(iter(body)) == b"first\n"
    body.close()  # type: ignore[attr-defined]
    assert finished == ["finished"]


def _asked(path: str) -> tuple[str, dict[str, str], Iterable[bytes]]:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    environ = RequestFactory().get(path).environ
    body = application(environ, lambda *line: started.append(line))
    ((status, headers),) = started
    return status, dict(headers), body
