"""The lists of models: all that one may see, those of a team, and looking for one."""

from datetime import timedelta
from statistics import fmean, stdev
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.accounts.services import set_role
from apps.artifacts.services import link_version
from apps.core.work import telling
from apps.evaluations.choices import Source
from apps.evaluations.examples import ExampleScore
from apps.evaluations.services import Score, record_results
from apps.projects.services import set_project_role
from apps.registry.services.promotion import promote_version, roll_back
from apps.runs.alerts import raise_alert
from apps.runs.services import finish_run
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def table() -> build.Table:
    """Three versions with the losses 0.5, 0.3 and 0.4; none of them in production."""
    return build.table()


def promote(table: build.Table, number: int, reason: str = "") -> None:
    promote_version(
        version=table.versions[number - 1],
        label="production",
        reason=reason,
        access=build.access(table.curator, project=table.project),
    )


class TestModels:
    def test_says_what_is_in_production_since_when_and_by_whom(self, table: build.Table) -> None:
        promote(table, 2)
        page = text_of(browser(table.viewer).get("/"))
        assert 'href="/main/digits/models/candidates"' in page
        assert 'href="/main/digits/models/candidates/versions/2">Version 2</a>' in page
        assert f"<bdi>{table.curator.username}</bdi>" in page
        assert "for less than a minute" in page

    def test_compares_with_the_former_holder(self, table: build.Table) -> None:
        promote(table, 1)
        assert " had " not in text_of(browser(table.viewer).get("/"))
        promote(table, 2)
        page = text_of(browser(table.viewer).get("/"))
        assert "<strong>0.3000</strong>" in page
        assert "−40%" in page
        assert "v1 had 0.5000" in page

    def test_a_model_without_a_holder_says_so(self, table: build.Table) -> None:
        assert "nothing yet" in text_of(browser(table.viewer).get("/"))

    def test_what_is_in_use_stands_before_what_is_not(self, table: build.Table) -> None:
        for place in (None, table.project):
            build.collection(table.editor, place, "a model that nobody uses")
        promote(table, 2)
        client = browser(table.viewer)
        for path in ("/", "/main/models"):
            rows = client.get(path).context["page"].rows
            assert rows[0].name == "candidates", path
            assert len(rows) == 3
        models = client.get("/main/digits").context["models"]
        assert [row.name for row in models] == ["candidates", "a model that nobody uses"]

    def test_a_holder_whose_source_is_hidden_moves_no_model_forward(
        self, table: build.Table
    ) -> None:
        owner = build.user("owner", role=Role.ADMIN)
        hidden = build.project(owner, "secret", private=True)
        version = build.version(owner, build.collection(owner, hidden, "hidden"))
        registry = build.collection(owner, None, "MNIST")
        linked = link_version(
            artifact=version.artifact, collection=registry, access=build.access(owner)
        )
        promote_version(version=linked, label="production", access=build.access(owner))
        promote(table, 2)
        rows = browser(table.viewer).get("/main/models").context["page"].rows
        assert [row.name for row in rows] == ["candidates", "MNIST"]

    def test_says_why(self, table: build.Table) -> None:
        promote(table, 2, "<i>Best</i> so far.")
        row = text_of(browser(table.viewer).get("/main/models"))
        assert "<q><bdi>&lt;i&gt;Best&lt;/i&gt; so far.</bdi></q>" in row

    def test_draws_how_the_score_went_with_a_dot_on_the_holder(self, table: build.Table) -> None:
        client = browser(table.viewer)
        page = text_of(client.get("/main/models"))
        assert 'aria-label="Loss @ 10k of the newest 3 versions"' in page
        assert "<circle" not in page.split('class="sparkline')[1].split("</svg>")[0]
        promote(table, 2)
        drawn = text_of(client.get("/main/models")).split('class="sparkline')[1].split("</svg>")[0]
        # The lowest of the three stands at the bottom, in the middle.
        assert '<circle cx="48" cy="24" r="3"/>' in drawn

    def test_names_who_holds_the_other_exclusive_labels(self, table: build.Table) -> None:
        access = build.access(table.curator, project=table.project)
        for label in ("staging", "archived"):
            promote_version(version=table.versions[2], label=label, access=access)
        page = text_of(browser(table.viewer).get("/main/models"))
        assert "<span>staging v3</span>" in page
        assert "archived" not in page

    def test_a_difference_within_both_uncertainties_is_judged_in_pairs(self) -> None:
        table = build.table(losses=())
        for shift, examples in ((0.0, "same"), (0.1, "same")):
            version = build.version(table.editor, table.collection)
            scores = [1.0 * number + shift + 0.001 * (number % 2) for number in range(20)]
            record_results(
                artifact=version.artifact,
                scores=[
                    Score(
                        metric="loss",
                        value=fmean(scores),
                        stderr=stdev(scores) / 20**0.5,
                        golden_set=table.golden_set,
                        examples=[
                            ExampleScore(f"{examples} {number}", score)
                            for number, score in enumerate(scores)
                        ],
                    )
                ],
                access=build.access(table.editor, project=table.project),
                source=Source.API,
            )
            table.versions.append(version)
        promote(table, 1)
        promote(table, 2)

        page = text_of(browser(table.viewer).get("/main/models"))

        assert "over 20 examples in pairs" in page
        assert "within the uncertainty" not in page

    def test_a_name_that_is_code_stays_text(self, table: build.Table) -> None:
        build.collection(table.editor, table.project, "<b onclick=x>")
        page = text_of(browser(table.viewer).get("/"))
        assert "<b onclick" not in page
        assert "<bdi>&lt;b onclick=x&gt;</bdi>" in page

    @pytest.mark.parametrize(("path", "queries"), [("/", 17), ("/main/models", 13)])
    def test_the_queries_do_not_grow(
        self, table: build.Table, path: str, queries: int, django_assert_num_queries: Any
    ) -> None:
        promote(table, 1)
        client = browser(table.viewer)
        for number in range(24):
            if number in (1, 23):
                with django_assert_num_queries(queries):
                    client.get(path)
            collection = build.collection(table.editor, table.project, f"model {number}")
            version = build.version(table.editor, collection)
            build.result(table.editor, version.artifact, 0.1, on=table.golden_set)
            access = build.access(table.curator, project=table.project)
            promote_version(version=version, label="production", access=access)
            run = build.run(table.editor, table.project)
            raise_alert(run=run, access=access, title=f"alert {number}")
        assert text_of(client.get(path)).count(">Version 1</a>") == 25


class TestWhatIsHidden:
    def test_private_projects_are_not_there(self, table: build.Table) -> None:
        owner = build.user("owner", role=Role.ADMIN)
        secret = build.project(owner, "secret", private=True)
        version = build.version(owner, build.collection(owner, secret, "hidden"))
        build.run(owner, secret, name="hidden run")
        access = build.access(owner, project=secret)
        promote_version(version=version, label="production", reason="hush", access=access)
        for path in ("/", "/main/models", "/projects", "/search?q=hidden", "/search?q=secret"):
            page = text_of(browser(table.curator).get(path))
            assert not any(word in page for word in ("/secret", ">hidden", "hush")), path
            assert "/secret" in text_of(browser(owner).get(path)) or path == "/search?q=x"

    def test_until_one_is_named(self, table: build.Table) -> None:
        owner = build.user("owner", role=Role.ADMIN)
        secret = build.project(owner, "secret", private=True)
        build.collection(owner, secret, "hidden")
        set_project_role(
            user=table.viewer, role=Role.VIEWER, access=build.access(owner, project=secret)
        )
        assert ">hidden<" in text_of(browser(table.viewer).get("/"))

    def test_other_teams_are_not_there(self, table: build.Table) -> None:
        stranger = build.user("stranger", role=Role.ADMIN, team_name="others")
        page = text_of(browser(stranger).get("/"))
        assert "candidates" not in page
        assert "No model yet" in page
        assert browser(stranger).get("/main/models").status_code == 404

    def test_a_former_holder_of_a_hidden_source_gives_no_number(self, table: build.Table) -> None:
        owner = build.user("owner", role=Role.ADMIN)
        secret = build.project(owner, "secret", private=True)
        hidden = build.version(owner, build.collection(owner, secret, "hidden"))
        build.result(owner, hidden.artifact, 0.9, on=table.golden_set)
        registry = build.collection(owner, None, "MNIST")
        build.version(owner, registry, place=table.project)
        allowed = build.access(owner)
        former = link_version(artifact=hidden.artifact, collection=registry, access=allowed)
        shown = link_version(
            artifact=table.versions[1].artifact, collection=registry, access=allowed
        )
        for version in (former, shown):
            promote_version(version=version, label="production", access=allowed)
        assert "v2 had" in text_of(browser(owner).get("/"))
        page = text_of(browser(table.viewer).get("/"))
        assert ">Version 3</a>" in page
        assert "v2 had" not in page

    def test_a_holder_of_a_hidden_source_is_nobody(self, table: build.Table) -> None:
        owner = build.user("owner", role=Role.ADMIN)
        secret = build.project(owner, "secret", private=True)
        hidden = build.version(owner, build.collection(owner, secret, "hidden"))
        registry = build.collection(owner, None, "MNIST")
        access = build.access(owner)
        version = link_version(artifact=hidden.artifact, collection=registry, access=access)
        promote_version(version=version, label="staging", access=access)
        assert "staging v1" in text_of(browser(owner).get("/main/models"))
        assert "staging v1" not in text_of(browser(table.viewer).get("/main/models"))


class TestWhatChangedLately:
    def test_moves_are_told_newest_first(self, table: build.Table) -> None:
        promote(table, 1, "first one")
        promote(table, 2, "<i>better</i>")
        access = build.access(table.curator, project=table.project)
        roll_back(collection=table.collection, label="production", access=access)
        page = text_of(browser(table.viewer).get("/"))
        assert page.index("rolled back") < page.index("&lt;i&gt;better") < page.index("first one")

    def test_ten_at_most(self, table: build.Table) -> None:
        for number in range(12):
            promote(table, number % 3 + 1, f"reason {number}.")
        page = text_of(browser(table.viewer).get("/"))
        changes = page[page.index("What changed lately") :]
        assert changes.count("reason ") == 10
        assert "reason 1." not in changes


class TestLiveRuns:
    def test_those_that_are_going_on_are_named(self, table: build.Table) -> None:
        build.run(table.editor, table.project, name="going on")
        over = build.run(table.editor, table.project, name="over")
        finish_run(run=over, access=build.access(table.editor, project=table.project))
        page = text_of(browser(table.viewer).get("/"))
        assert "1 run live" in page
        assert "going on" in page
        assert ">over<" not in page

    def test_a_silent_one_is_not_live(self, table: build.Table) -> None:
        run = build.run(table.editor, table.project)
        run.heartbeat_at = timezone.now() - timedelta(hours=1)
        run.save()
        assert "run live" not in text_of(browser(table.viewer).get("/"))


class TestTheWayOn:
    """From the first page, two clicks lead to all that a team has."""

    def test_the_only_teams_pages_are_there(self, table: build.Table) -> None:
        page = text_of(browser(table.viewer).get("/"))
        for path in ("golden-sets", "activity", "bin"):
            assert f'href="/main/{path}"' in page
        assert 'href="/main/settings"' not in page
        assert 'href="/main/settings"' in text_of(browser(table.curator).get("/"))

    def test_also_before_the_first_model(self) -> None:
        page = text_of(browser(build.user(role=Role.ADMIN)).get("/"))
        assert "No model yet" in page
        assert 'href="/main/settings"' in page

    def test_of_several_teams_each_has_its_link(self, table: build.Table) -> None:
        others = build.team("others")
        set_role(user=table.viewer, team=others, role=Role.VIEWER, actor=build.SYSTEM)
        page = text_of(browser(table.viewer).get("/"))
        assert 'href="/main/models"' in page
        assert 'href="/others/models"' in page
        assert 'href="/main/activity"' not in page


class TestFindingAModel:
    @pytest.fixture
    def viewer(self, table: build.Table) -> User:
        for name in ("MNIST small", "mnist large", "cifar"):
            build.collection(table.editor, table.project, name)
        return table.viewer

    def test_by_part_of_its_name(self, viewer: User) -> None:
        page = text_of(browser(viewer).get("/main/models", {"q": "Mnist"}))
        assert "MNIST small" in page
        assert "mnist large" in page
        assert ">cifar<" not in page

    def test_nothing_found_is_not_an_empty_team(self, viewer: User) -> None:
        page = text_of(browser(viewer).get("/", {"q": "zzz"}))
        assert "No model has such a name" in page
        assert "No model yet" not in page

    def test_htmx_gets_the_list_alone(self, viewer: User) -> None:
        headers = {"HX-Request": "true", "HX-Target": "models"}
        part = text_of(browser(viewer).get("/", {"q": "cifar"}, headers=headers))
        assert part.strip().startswith("<section")
        assert ">cifar<" in part
        assert "<html" not in part

    @pytest.mark.parametrize("words", ["a\x00b", "x" * 201, "a\nb"])
    def test_what_no_name_can_hold_is_refused(self, viewer: User, words: str) -> None:
        assert browser(viewer).get("/", {"q": words}).status_code == 400

    @pytest.mark.parametrize("words", ["%", "_", "' or 1=1 --", "<script>", "{{7*7}}", "\\"])
    def test_odd_words_are_words(self, viewer: User, words: str) -> None:
        answer = browser(viewer).get("/", {"q": words})
        assert answer.status_code == 200
        assert "<script>" not in text_of(answer)
        assert "49" not in text_of(answer).split("<main")[1]


class TestPaging:
    def test_every_model_once(self, table: build.Table) -> None:
        names = {f"model {number:03}" for number in range(45)}
        for name in names:
            build.collection(table.editor, table.project, name)
        client = browser(table.viewer)
        first = client.get("/main/models")
        following = first.context["foot"]["next_url"]
        second = client.get(following)
        rows = [row.name for page in (first, second) for row in page.context["page"].rows]
        assert len(rows) == 46
        assert set(rows) == {*names, "candidates"}
        assert second.context["foot"]["text"] == "26–46 of 46"
        back = client.get(second.context["foot"]["previous_url"])
        assert [row.name for row in back.context["page"].rows] == rows[:25]

    @pytest.mark.parametrize("cursor", ["x", "AAAA", "x" * 10_000, "\x00"])
    def test_a_made_up_cursor_is_refused(self, table: build.Table, cursor: str) -> None:
        assert browser(table.viewer).get("/", {"cursor": cursor}).status_code == 400


class TestSearch:
    def test_finds_models_projects_and_runs(self, table: build.Table) -> None:
        build.run(table.editor, table.project, name="digits with dropout")
        page = text_of(browser(table.viewer).get("/search", {"q": "DIGITS"}))
        assert 'href="/main/digits"' in page
        assert "digits with dropout" in page
        assert "candidates" in text_of(browser(table.viewer).get("/search", {"q": "candi"}))

    def test_a_run_by_its_key(self, table: build.Table) -> None:
        run = build.run(table.editor, table.project, name="named otherwise")
        assert "named otherwise" in text_of(browser(table.viewer).get("/search", {"q": run.key}))

    def test_says_when_there_is_nothing(self, table: build.Table) -> None:
        assert "Nothing found" in text_of(browser(table.viewer).get("/search", {"q": "zzz"}))

    def test_shows_the_words_as_text(self, table: build.Table) -> None:
        page = text_of(browser(table.viewer).get("/search", {"q": '"><script>alert(1)</script>'}))
        assert "<script>alert" not in page


def test_the_first_visit_teaches_the_first_command() -> None:
    page = text_of(browser(build.user()).get("/"))
    for word in ("Make an API key", "WANDB_BASE_URL", "MLFLOW_TRACKING_URI", "curl"):
        assert word in page


def test_a_teams_address_leads_to_its_models(table: build.Table) -> None:
    assert browser(table.viewer).get("/main")["Location"] == "/main/models"
    assert browser(table.viewer).get("/MAIN/models").status_code == 200


class TestLongWork:
    NEWS = {"HX-Request": "true", "HX-Target": "work"}

    def test_the_page_says_how_far_it_is(self, table: build.Table) -> None:
        with telling("demo", team="main", total=21) as tell:
            tell(7)
            page = text_of(browser(table.viewer).get("/"))
        assert "Loading the demo" in page
        assert "7 of 21" in page
        assert 'value="7" max="21"' in page
        assert 'hx-trigger="every 2s"' in page

    def test_news_are_the_part_alone_until_it_is_over(self, table: build.Table) -> None:
        client = browser(table.viewer)
        with telling("demo", team="main", total=21):
            answer = client.get("/", headers=self.NEWS)
            assert "0 of 21" in text_of(answer)
            assert "<html" not in text_of(answer)
            assert "HX-Refresh" not in answer
        assert client.get("/", headers=self.NEWS)["HX-Refresh"] == "true"
        assert "every 2s" not in text_of(client.get("/"))

    def test_other_teams_are_not_told(self, table: build.Table) -> None:
        stranger = build.user("stranger", role=Role.ADMIN, team_name="others")
        with telling("demo", team="main", total=21):
            assert "Loading the demo" not in text_of(browser(stranger).get("/"))
