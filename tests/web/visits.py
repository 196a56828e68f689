"""Visiting pages: Django's test client as a browser that keeps what a browser keeps."""

from typing import Any

from django.test import Client

from apps.accounts.models import User
from apps.accounts.services import set_password
from tests import build

PASSWORD = "a long enough password"


def browser(user: User | None = None) -> Client:
    """A browser, signed in when a person is given; its forms need no token (see Client)."""
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def with_password(user: User, password: str = PASSWORD) -> User:
    """The same person with a password."""
    set_password(user=user, password=password, actor=build.SYSTEM)
    return user


def text_of(response: Any) -> str:
    """The page as text."""
    text: str = response.content.decode()
    return text
