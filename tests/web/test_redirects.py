"""Where `next` may lead: to a path of this site and nowhere else."""

import pytest

from apps.web.redirects import is_local_path

LOCAL = [
    "/",
    "/main/models",
    "/main/digits/runs/x1?charts=all",
    "/main/%E6%A8%A1%E5%9E%8B/models",
    "/search?q=//evil.example",
]
ELSEWHERE = [
    "",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "https:evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "\t//evil.example",
    "/\t/evil.example",
    "%09//evil.example",
    "/%09/evil.example",
    "/%5cevil.example",
    "/%2fevil.example",
    "%2f%2fevil.example",
    "/x\r\nSet-Cookie: a=b",
    "/x%0d%0aSet-Cookie: a=b",
    "evil.example",
    " /main",
    "/" + "x" * 10_000,
]


@pytest.mark.parametrize("target", LOCAL)
def test_a_path_of_ours_is_taken(target: str) -> None:
    assert is_local_path(target)


@pytest.mark.parametrize("target", ELSEWHERE)
def test_anything_else_is_not(target: str) -> None:
    assert not is_local_path(target)
