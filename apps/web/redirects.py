"""Where to go afterwards: only ever to a page of this site."""

import unicodedata
from urllib.parse import unquote

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

MAX_LENGTH = 2_000


def next_address(request: HttpRequest, default: str = "/") -> str:
    """What `next` asks for, when that is a path of ours; anything else gives the default."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    return target if is_local_path(target) else default


def is_local_path(target: str) -> bool:
    """Whether a browser takes this for a path on the same host, however it normalises it."""
    if not 0 < len(target) <= MAX_LENGTH:
        return False
    # Once as it is and once decoded: some proxies decode before they pass a redirect on.
    return all(_is_plain_path(text) for text in (target, unquote(target)))


def _is_plain_path(text: str) -> bool:
    if not text.startswith("/") or text.startswith("//") or "\\" in text:
        return False
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        return False
    return url_has_allowed_host_and_scheme(text, allowed_hosts=None)
