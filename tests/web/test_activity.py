"""The activity of a team: told in words, narrowed, paged, exported, and nothing hidden in it."""

import csv
import io
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.accounts.services import set_role
from apps.audit.models import Event
from apps.evaluations.services import define_metric
from apps.projects.services import set_project_role, update_project
from apps.registry.choices import Sharing
from apps.registry.queries.columns import visible_columns
from apps.registry.services.columns import ColumnSpec, update_columns
from apps.registry.services.labels import save_label
from apps.registry.services.promotion import promote_version
from apps.registry.services.views import save_view
from apps.runs.models import Run
from apps.runs.services import finish_run
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

ACTIVITY = "/main/activity"
EXPORT = "/main/activity/export.csv"


@pytest.fixture
def table() -> build.Table:
    table = build.table()
    allowed = build.access(table.curator, project=table.project)
    for version in table.versions[:2]:
        promote_version(version=version, label="production", reason="Best.", access=allowed)
    return table


def told(person: User, query: str = "") -> list[str]:
    """What the page says happened, a line each, without its markup."""
    page = text_of(browser(person).get(f"{ACTIVITY}?{query}"))
    found = re.findall(r'<p class="what"><strong>(.*?)</strong> <span>(.*?)</span>', page)
    return [f"{who} {unescape(re.sub(r'<[^>]+>', '', what))}" for who, what in found]


class TestTheWords:
    def test_say_what_happened_and_lead_there(self, table: build.Table) -> None:
        page = text_of(browser(table.viewer).get(ACTIVITY))
        assert (
            'gave production to <a href="/main/digits/models/candidates/versions/2">'
            "<bdi>candidates:v2</bdi></a>; "
            '<a href="/main/digits/models/candidates/versions/1">'
            "<bdi>candidates:v1</bdi></a> lost it"
        ) in page
        assert "<q>Best.</q>" in page
        newest = told(table.viewer)[0]
        assert newest == f"{table.curator} gave production to candidates:v2; candidates:v1 lost it"

    def test_runs_scores_projects_and_people_have_sentences(self, table: build.Table) -> None:
        allowed = build.access(table.editor, project=table.project)
        run = build.run(table.editor, table.project, name="first try")
        finish_run(run=run, access=allowed)
        update_project(title="Digits", access=allowed)
        set_role(user=table.viewer, team=build.team(), role=Role.EDITOR, actor=build.SYSTEM)
        lines = told(table.viewer)
        assert lines[:4] == [
            f"tests made {table.viewer.username} editor of main",
            f"{table.editor} changed the project digits",
            f"{table.editor} finished the run first try",
            f"{table.editor} started the run first try",
        ]
        assert f"{table.editor} recorded loss on digits-10k = 0.4 for candidates:v3" in lines

    def test_values_that_changed_stand_beside_each_other(self, table: build.Table) -> None:
        save_label(name="staging", is_protected=True, access=build.access(table.curator))
        page = text_of(browser(table.viewer).get(f"{ACTIVITY}?what=labels"))
        assert "<dt>is protected</dt><dd><s><bdi>no</bdi></s> → <bdi>yes</bdi></dd>" in page
        assert "<dt>colour</dt>" not in page
        rules = "/main/settings/labels/staging/edit"
        assert rules not in page
        curators = text_of(browser(table.curator).get(f"{ACTIVITY}?what=labels"))
        assert f'<a href="{rules}"><bdi>staging</bdi></a>' in curators

    def test_views_of_the_team_and_golden_sets_are_told_too(self, table: build.Table) -> None:
        allowed = build.access(table.curator, project=table.project)
        for name, sharing in (("own", Sharing.PRIVATE), ("best first", Sharing.TEAM)):
            save_view(
                viewed=table.collection,
                name=name,
                state="sort=loss",
                sharing=sharing,
                access=allowed,
            )
        lines = told(table.viewer, "what=tables")
        assert lines[0] == f"{table.curator} saved the view best first"
        assert f"{table.curator} marked the golden set digits-10k" in lines
        assert not any("own" in line for line in lines)

    def test_names_that_are_code_stay_text(self, table: build.Table) -> None:
        build.run(table.editor, table.project, name="<script>x</script> %s %(y)s")
        page = text_of(browser(table.viewer).get(ACTIVITY))
        assert "&lt;script&gt;x&lt;/script&gt; %s %(y)s" in page
        assert "<script>x" not in page

    def test_no_kind_of_these_is_told_by_its_bare_name(self, table: build.Table) -> None:
        kinds = set(Event.objects.values_list("kind", flat=True))
        assert not any(kind in line for kind in kinds for line in told(table.viewer))


class TestNarrowing:
    def test_by_kind_person_project_and_model(self, table: build.Table) -> None:
        other = build.project(table.editor, "other")
        build.run(table.editor, other, name="elsewhere")
        build.run(table.editor, table.project, name="here")
        assert told(table.viewer, "what=runs&project=other") == [
            f"{table.editor} started the run elsewhere"
        ]
        assert {line.split()[0] for line in told(table.viewer, f"by={table.curator}")} == {
            table.curator.username
        }
        of_model = told(table.viewer, "model=digits/candidates")
        assert f"{table.editor} recorded loss on digits-10k = 0.4 for candidates:v3" in of_model
        assert not any("run" in line or "golden set" in line for line in of_model)
        assert told(table.viewer, f"what=labels&by={table.editor}") == []

    def test_by_dates_the_last_day_included(self, table: build.Table) -> None:
        at = datetime(2026, 3, 4, 23, 59, tzinfo=UTC)
        build.version(table.editor, table.collection, at=at)
        line = [f"{table.editor} logged candidates:v4"]
        assert told(table.viewer, "since=2026-03-04&until=2026-03-04") == line
        assert told(table.viewer, "until=2026-03-04") == line
        assert told(table.viewer, "until=2026-03-03") == []
        assert told(table.viewer, "until=9999-12-31")

    @pytest.mark.parametrize(
        "query",
        [
            "since=2026-13-01",
            "since=x",
            "since=2026-03-05&until=2026-03-04",
            "model=nowhere",
            "project=%00",
            "by=nobody",
            "what=everything",
            "cursor=x",
        ],
    )
    def test_what_cannot_be_is_said_in_words(self, table: build.Table, query: str) -> None:
        client = browser(table.viewer)
        assert client.get(f"{ACTIVITY}?{query}").status_code == 400
        if "cursor" not in query:
            assert client.get(f"{EXPORT}?{query}").status_code == 400

    def test_the_form_keeps_what_was_asked(self, table: build.Table) -> None:
        page = text_of(browser(table.viewer).get(f"{ACTIVITY}?what=labels&until=2000-01-01"))
        assert '<option value="labels" selected>' in page
        assert "Nothing matches" in page
        assert f"{EXPORT}?what=labels&amp;until=2000-01-01" in page


class TestPages:
    def test_cost_the_same_for_few_and_many(
        self, table: build.Table, django_assert_max_num_queries: Any
    ) -> None:
        """Session, person, team, models, projects, people, events, subjects, labels, links of
        versions, collections, runs, projects, artifacts and golden sets, alerts."""
        client = browser(table.viewer)
        build.run(table.editor, table.project)
        with django_assert_max_num_queries(16):
            client.get(ACTIVITY)
        for _ in range(12):
            finish_run(
                run=build.run(table.editor, table.project),
                access=build.access(table.editor, project=table.project),
            )
            version = build.version(table.editor, table.collection)
            build.result(table.editor, version.artifact, 0.1, on=table.golden_set)
        with django_assert_max_num_queries(16):
            first = client.get(ACTIVITY)
        assert first.context["pager"]["text"] == "1–40"
        second = client.get(first.context["pager"]["next_url"])
        assert second.context["pager"]["previous_url"]

    def test_htmx_gets_the_list_alone(self, table: build.Table) -> None:
        headers = {"HX-Request": "true", "HX-Target": "activity"}
        part = text_of(browser(table.viewer).get(ACTIVITY, headers=headers))
        assert part.strip().startswith('<section class="panel" id="activity"')

    def test_an_empty_team_says_what_will_be_here(self) -> None:
        owner = build.user("first", team_name="fresh")
        page = text_of(browser(owner).get("/fresh/activity?what=runs"))
        assert "Nothing matches" in page


class TestExport:
    def rows(self, person: User, query: str = "") -> list[dict[str, str]]:
        answer = browser(person).get(f"{EXPORT}?{query}")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        return list(csv.DictReader(io.StringIO(b"".join(answer).decode())))

    def test_has_what_the_page_has(self, table: build.Table) -> None:
        (second, first) = self.rows(table.viewer, "what=labels")
        assert first["kind"] == second["kind"] == "label.moved"
        assert second["by"] == table.curator.username
        assert second["about"] == "candidates, candidates:v2, candidates:v1"
        assert second["before"] == '{"label": "production", "version": 1}'
        assert second["reason"] == "Best."

    def test_reads_on_over_many_pages(
        self, table: build.Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.registry.queries.history.MAX_PAGE_SIZE", 2)
        sequences = [int(row["sequence"]) for row in self.rows(table.viewer)]
        assert sequences == sorted(sequences, reverse=True)
        assert len(sequences) == Event.objects.filter(team_id=build.team().pk).count()

    def test_a_formula_is_defused(self, table: build.Table) -> None:
        build.run(table.editor, table.project, name="=1+1")
        assert self.rows(table.viewer, "what=runs")[0]["about"] == "'=1+1, digits"


class TestWhatIsHidden:
    @pytest.fixture
    def secret(self, table: build.Table) -> Run:
        place = build.project(table.editor, "secret", private=True)
        return build.run(table.editor, place, name="hidden run")

    def test_the_events_of_a_private_project(self, table: build.Table, secret: Run) -> None:
        for person, sees in (
            (table.editor, True),
            (build.user("chief", role=Role.ADMIN), True),
            (table.viewer, False),
            (table.curator, False),
        ):
            client = browser(person)
            page = text_of(client.get(ACTIVITY))
            lines = b"".join(client.get(EXPORT)).decode()
            assert ("hidden run" in page, "hidden run" in lines) == (sees, sees)
            assert ("secret" in page) == sees

    def test_who_is_named_later_sees_them(self, table: build.Table, secret: Run) -> None:
        allowed = build.access(table.editor, project=secret.project)
        set_project_role(user=table.viewer, role=Role.VIEWER, access=allowed)
        assert any("hidden run" in line for line in told(table.viewer))

    def test_a_private_project_cannot_be_asked_for(self, table: build.Table, secret: Run) -> None:
        asked = browser(table.viewer).get(f"{ACTIVITY}?project=secret")
        missing = browser(table.viewer).get(f"{ACTIVITY}?project=nowhere")
        assert asked.status_code == missing.status_code == 400
        assert "hidden run" not in text_of(asked)

    def test_columns_that_only_some_may_know_of(self, table: build.Table) -> None:
        """The event of a change names columns; who may not know of one is not told of it."""
        registry = build.collection(table.curator, None, "registered")
        place = build.project(table.curator, "secret", private=True)
        hidden = build.version(table.curator, registry, place=place)
        shown = build.version(table.editor, registry, place=table.project)
        build.result(table.curator, hidden.artifact, 0.1, on=None, metric="secret_metric")
        build.result(table.editor, shown.artifact, 0.1, on=None, metric="plain_metric")

        def change(person: User) -> None:
            specs = [
                ColumnSpec(column.pk, column.title, True)
                for column in visible_columns(person).filter(collection=registry)
            ]
            update_columns(collection=registry, specs=specs, access=build.access(person))

        change(table.curator)
        assert told(table.viewer, "what=tables&model=registered") == []
        lines = b"".join(browser(table.viewer).get(EXPORT)).decode()
        assert "ecret" not in lines
        other = build.user("second", role=Role.CURATOR)
        change(other)
        assert told(table.viewer, "what=tables&model=registered") == [
            "second changed the columns of registered"
        ]
        assert len(told(table.curator, "what=tables&model=registered")) == 2

    def test_a_metric_that_only_some_may_know_of(self, table: build.Table) -> None:
        admin = build.user("chief", role=Role.ADMIN)
        place = build.project(admin, "secret", private=True)
        version = build.version(admin, build.collection(admin, place))
        build.result(admin, version.artifact, 0.1, on=None, metric="secret_metric")
        define_metric(name="secret_metric", title="New", access=build.access(admin))
        assert any("secret_metric" in line for line in told(admin))
        assert not any("secret_metric" in line for line in told(table.curator))

    def test_strangers_find_nothing(self, table: build.Table) -> None:
        stranger = build.user("stranger", team_name="others")
        assert browser(stranger).get(ACTIVITY).status_code == 404
        assert browser(stranger).get(EXPORT).status_code == 404
        assert not any("stranger" in line for line in told(table.viewer))
