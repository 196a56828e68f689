"""Two admins who change each other at the same moment, on PostgreSQL."""

from collections.abc import Callable

import pytest
from django.db import connection

from apps.accounts.choices import Role
from apps.accounts.models import Membership, User
from apps.accounts.services import set_active, set_role
from apps.core.errors import Conflict
from tests import build
from tests.registry.test_at_once import meet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def only_where_writers_meet(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")


@pytest.fixture
def two() -> tuple[User, User]:
    return build.user("ada", role=Role.ADMIN), build.user("eve", role=Role.ADMIN)


def demote(user: User) -> Callable[[], object]:
    return lambda: set_role(user=user, team=build.team(), role=Role.VIEWER, actor=build.SYSTEM)


def shut_out(user: User) -> Callable[[], object]:
    return lambda: set_active(user=user, is_active=False, actor=build.SYSTEM)


@pytest.mark.parametrize(
    ("first", "second"),
    [(demote, demote), (demote, shut_out), (shut_out, demote), (shut_out, shut_out)],
)
def test_one_admin_is_left(
    two: tuple[User, User],
    first: Callable[[User], Callable[[], object]],
    second: Callable[[User], Callable[[], object]],
) -> None:
    """The second waits for the first, then finds that nobody else is left: no deadlock, and no
    team that nobody administers."""
    ada, eve = two
    with pytest.raises(Conflict, match="last admin of main"):
        meet(first(ada), second(eve))
    left = Membership.objects.filter(role=Role.ADMIN, user__is_active=True)
    assert [membership.user for membership in left] == [eve]


def test_two_who_are_added_meet(two: tuple[User, User]) -> None:
    """Rows that are not there yet cannot be locked; the team can."""
    new = build.user("new")
    set_role(user=new, team=build.team(), role=None, actor=build.SYSTEM)

    def add(role: Role) -> Callable[[], object]:
        return lambda: set_role(user=new, team=build.team(), role=role, actor=build.SYSTEM)

    meet(add(Role.EDITOR), add(Role.CURATOR))
    assert Membership.objects.get(user=new).role == Role.CURATOR
