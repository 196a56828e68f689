"""Attempts to read or change, by way of the admin, what lies elsewhere."""

import pytest
from django.db.models import Model

from apps.accounts.choices import Role
from apps.artifacts.models import ArtifactVersion, Collection, LabelHolding, Version
from apps.audit.models import Event
from apps.projects.models import Project
from apps.registry.models import Column, StatusLabel
from apps.runs.models import Run
from tests import build
from tests.admin.world import REASON, World, act, browser, events, list_url, make, row_url

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make()


FOREIGN_CONDITIONS: list[tuple[type[Model], str]] = [
    (Version, "artifact__project__name__startswith=s"),
    (Version, "collection__project__members__user__username=ada"),
    (Version, "artifact__digest__startswith=a"),
    (Version, "linked_by__password__startswith=p"),
    (Version, "linked_by=1"),
    (Run, "created_by__api_keys__digest__startswith=a"),
    (Run, "project__name=secret"),
    (Run, "config__contains=a"),
    (Project, "members__user=1"),
    (StatusLabel, "team__memberships__user__email__contains=a"),
    (Column, "golden_set__artifact__project__name=secret"),
    (Event, "payload__contains=secret"),
    (Event, "address=127.0.0.1"),
    (Run, "no_such_field=1"),
]
MADE_UP_ADDRESSES = [
    "p=-1",
    "p=99999999999999999999",
    "p=x",
    "p=5&e=1",
    "o=99.-7.x",
    "o=" + "1." * 500,
    "all=",
    "_facets=1",
    "q=" + "%00",
    "q=" + "x" * 5000,
    "q=%22%22%22",
    "q=" + "%20a" * 300,
    "q=" + "not%20" * 1000,
    "e=1",
]


def test_a_list_takes_no_condition_but_its_own_filters(world: World) -> None:
    client = browser(world.curator)
    answers = {
        lookup: client.get(f"{list_url(model)}?{lookup}").status_code
        for model, lookup in FOREIGN_CONDITIONS
    }
    assert answers == {lookup: 400 for _model, lookup in FOREIGN_CONDITIONS}


def test_a_filter_takes_only_what_it_offers(world: World) -> None:
    client = browser(world.curator)
    for value in ("secret", "elsewhere", "0", "-1", "9" * 30, "a%00b", ""):
        answer = client.get(f"{list_url(Run)}?project={value}")
        assert answer.status_code == 400, value
        assert b"no such choice" in answer.content, value


def test_the_number_of_a_hidden_project_is_no_choice(world: World) -> None:
    def status(user: object) -> int:
        url = f"{list_url(Run)}?project={world.secret.project.pk}"
        return int(browser(user).get(url).status_code)  # type: ignore[arg-type]

    assert status(world.curator) == 400
    assert status(world.admin) == 200


def test_filters_offer_nothing_that_is_hidden(world: World) -> None:
    for model in (Collection, Version, Run, Column, ArtifactVersion, LabelHolding):
        page = browser(world.curator).get(list_url(model)).content.decode()
        assert "secret" not in page, model
        assert "elsewhere" not in page, model
        assert "secret" in browser(world.admin).get(list_url(model)).content.decode(), model


def test_search_finds_nothing_that_is_hidden(world: World) -> None:
    client = browser(world.curator)
    for words in ("secret", "hidden_metric", "elsewhere"):
        for model in (
            Collection,
            Version,
            Run,
            Column,
            ArtifactVersion,
            LabelHolding,
            Event,
            Project,
        ):
            answer = client.get(list_url(model), {"q": words})
            assert answer.context["cl"].result_count == 0, (model, words)


def test_versions_of_hidden_projects_are_not_in_the_registrys_list(world: World) -> None:
    def shown(user: object) -> set[int]:
        answer = browser(user).get(list_url(Version), {"project": "registry"})  # type: ignore[arg-type]
        return {version.pk for version in answer.context["cl"].result_list}

    assert shown(world.curator) == {world.linked.pk}
    assert shown(world.admin) == {world.linked.pk, world.linked_secret.pk}
    assert browser(world.curator).get(row_url(world.linked_secret)).status_code == 404


def test_the_history_of_a_thing_leaves_out_what_it_names_elsewhere(world: World) -> None:
    """The registry model has an event for a version of the private project."""

    def numbers(user: object) -> int:
        answer = browser(user).get(row_url(world.registry, "history"))  # type: ignore[arg-type]
        return len(answer.context["page"].rows)

    assert numbers(world.curator) == numbers(world.admin) - 1


def test_there_are_no_pop_ups_and_no_look_up_by_other_fields(world: World) -> None:
    client = browser(world.admin)
    label = StatusLabel.objects.filter(team=world.team).earliest("pk")
    for parameter in ({"_popup": "1"}, {"_to_field": "id"}, {"_to_field": "name_key"}):
        for url in (list_url(Run), f"{list_url(StatusLabel)}add/", row_url(label)):
            assert client.get(url, parameter).status_code == 400, url
            assert client.post(url, {**parameter, "name": "made"}).status_code == 400, url
    assert not StatusLabel.objects.filter(name="made").exists()


def test_made_up_addresses_are_no_fault_of_ours(world: World) -> None:
    client = browser(world.curator)
    for query in MADE_UP_ADDRESSES:
        answer = client.get(f"{list_url(Version)}?{query}", follow=True)
        assert answer.status_code in (200, 400), query


def test_made_up_rows_are_not_found(world: World) -> None:
    client = browser(world.curator)
    for pk in ("0", "9" * 18, "9" * 30, "1e3", "1_2F", "-1", "x", "%00"):
        assert client.get(f"{list_url(Version)}{pk}/change/").status_code == 404, pk


def test_an_action_reaches_no_row_that_the_list_does_not_show(world: World) -> None:
    client = browser(world.curator)
    before = events()
    for hidden in (world.secret, world.foreign):
        version = hidden.versions[1]
        answer = act(client, [version], "promote", label="staging", reason=REASON)
        assert answer.status_code in (302, 400)
        answer = act(client, [version], "remove", reason=REASON, accept="on")
        assert answer.status_code in (302, 400)
        answer = act(client, [hidden.model], "roll_back", label="staging", reason=REASON)
        assert answer.status_code in (302, 400)
        column = Column.objects.get(collection=hidden.model)
        act(client, [column], "hide")
        assert Column.objects.get(pk=column.pk).is_visible
        act(client, [hidden.run], "remove", reason=REASON)
        act(client, [hidden.project], "archive")
        assert Project.objects.get(pk=hidden.project.pk).archived_at is None
    assert events() == before


def test_hidden_rows_among_the_ticked_ones_are_passed_over(world: World) -> None:
    """As if they were not there: not even their number is counted."""
    shown = Column.objects.get(collection=world.open.model)
    hidden = Column.objects.get(collection=world.secret.model)
    answer = act(browser(world.curator), [shown, hidden], "hide")
    assert answer.status_code == 302
    assert [Column.objects.get(pk=one.pk).is_visible for one in (shown, hidden)] == [False, True]


def test_a_hidden_holder_is_not_named_in_the_question(world: World) -> None:
    from apps.registry.services.promotion import promote_version

    promote_version(version=world.linked_secret, label="staging", access=build.access(world.admin))
    page = act(browser(world.curator), [world.linked], "promote").content.decode()
    assert f"staging: v{world.linked_secret.number}" not in page
    assert "nobody holds a label" in page
    # And the answer does not take the label from it unseen: the promotion is refused.
    refused = act(browser(world.curator), [world.linked], "promote", label="staging", reason=REASON)
    assert refused.status_code == 409
    assert f"to v{world.linked_secret.number}" not in refused.content.decode()
    holder = LabelHolding.objects.get(collection=world.registry, held_until=None)
    assert holder.version == world.linked_secret


def test_a_label_is_added_only_to_a_team_that_one_curates(world: World) -> None:
    form = {"name": "canary", "colour": "blue", "position": "5"}
    url = f"{list_url(StatusLabel)}add/"
    foreign = world.foreign.project.team
    assert browser(world.curator).post(url, form | {"team": foreign.pk}).status_code == 400
    both = build.user("both", role=Role.VIEWER, team_name="others")
    assert browser(both).post(url, form | {"team": foreign.pk}).status_code == 403
    assert not StatusLabel.objects.filter(name="canary").exists()


def test_a_row_is_not_moved_by_fields_that_its_form_has_not(world: World) -> None:
    label = StatusLabel.objects.get(team=world.team, name="staging")
    foreign = world.foreign.project.team
    form = {"colour": "blue", "position": "1", "is_exclusive": "on"}
    forged = {"team": foreign.pk, "name": "stolen", "name_key": "stolen", "id": 99}
    assert browser(world.curator).post(row_url(label), form | forged).status_code == 302
    label.refresh_from_db()
    assert (label.team, label.name, label.colour) == (world.team, "staging", "blue")


def test_what_is_in_the_bin_is_in_no_list(world: World) -> None:
    client = browser(world.admin)
    model = world.open.model
    column = Column.objects.get(collection=model)
    act(client, [model], "remove", reason=REASON, accept="on")
    for row in (model, world.open.versions[0], column, LabelHolding.objects.get(collection=model)):
        assert client.get(row_url(row)).status_code == 404, row
    assert model.pk not in {one.pk for one in client.get(list_url(model)).context["cl"].queryset}
