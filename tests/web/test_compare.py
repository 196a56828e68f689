"""Comparing versions and runs: what an address asks for, and what the page then says."""

import html
import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.artifacts.models import Version
from apps.projects.choices import Visibility
from apps.runs.models import Run
from apps.runs.services import RunDescription, finish_run, log_points, start_run
from apps.series.services import Batch
from tests.registry.builders import Story, acting, make_project, make_story, make_user
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

MODEL = "/main/digits/models/mnist_model_candidates"
BELOW = f"{MODEL}/compare"
ANY = "/compare"
PLACE = "main/digits/mnist_model_candidates"


@pytest.fixture
def story() -> Story:
    return make_story()


def trained(
    story: Story,
    losses: Sequence[float] = (1.0, 0.5),
    *,
    name: str = "",
    config: Mapping[str, object] | None = None,
    first: float = 100.0,
) -> Run:
    """A finished run with the curve val/loss."""
    run = start_run(description=RunDescription(name=name, config=config or {}), access=story.access)
    steps = list(range(len(losses)))
    times = [first + 10.0 * step for step in steps]
    log_points(run=run, access=story.access, batches=[Batch("val/loss", steps, times, losses)])
    finish_run(run=run, access=story.access)
    return run


def versions(story: Story, count: int) -> list[Version]:
    """Versions whose runs differ in lr and agree in layers."""
    return [
        story.version(
            {"loss@10k": (0.5 / number, 0.001), "accuracy@10k": 0.9},
            run=trained(story, [1.0, 0.5 / number], config={"lr": 0.1 / number, "layers": 2}),
        )
        for number in range(1, count + 1)
    ]


def page(client: Client, address: str, **query: str | list[str]) -> str:
    response = client.get(address, query)
    assert response.status_code == 200, text_of(response)
    return text_of(response)


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def links(text: str, label: str) -> list[str]:
    """The addresses of the links with these words or this accessible name."""
    found = re.findall(r'<a [^>]*href="([^"]+)"([^>]*)>(.*?)</a>', text, re.S)
    return [
        html.unescape(url)
        for url, rest, inside in found
        if words(inside) == label or f'aria-label="{label}"' in html.unescape(rest)
    ]


def query_of(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query)


# --- what an address asks for -------------------------------------------------------------------


def test_versions_of_one_model_with_what_differs_first(story: Story) -> None:
    versions(story, 2)

    text = page(browser(story.viewer), BELOW, v=["2", "1"])

    found = words(text)
    assert "differences to v2" in found
    assert "commit of the code" not in found
    assert "lr 0.05 0.1" in found
    assert "layers 2 2" not in found
    assert "1 differs, 1 is the same" in found
    assert "100% worse than v2" in found
    assert re.findall(r'<figcaption class="panel-head"><h2>(.*?)</h2>', text)[0] == "val/loss"
    positions = [text.index(f'id="{name}"') for name in ("settings", "scores", "curves", "logged")]
    assert positions == sorted(positions)


def test_all_settings_on_demand(story: Story) -> None:
    versions(story, 2)
    client = browser(story.viewer)
    first = page(client, BELOW, v=["2", "1"])

    (everything,) = links(first, "Show all settings")

    assert "layers 2 2" in words(page(client, everything))
    assert ("settings", "all") in query_of(everything)


def test_versions_and_runs_of_several_models_and_projects(story: Story) -> None:
    (version,) = versions(story, 1)
    linked = story.link(version.artifact, story.registry())
    make_project(story.team, "letters")
    other = start_run(
        description=RunDescription(name="abc", key="r1", config={"lr": 0.7}),
        access=acting(story.editor, "main", "letters"),
    )

    text = page(
        browser(story.viewer),
        ANY,
        m=[f"{PLACE}/{version.number}", f"main//MNIST/v{linked.number}"],
        r="main/letters/r1",
    )

    found = words(text)
    assert "mnist_model_candidates:v1" in found
    assert "MNIST:v1" in found
    assert f'href="/main/letters/runs/{other.key}"' in text
    assert "lr 0.1 0.1 0.7" in found


def test_the_holder_of_production_is_the_base_until_another_is_chosen(story: Story) -> None:
    _first, second, _third = versions(story, 3)
    story.promote(second)
    client = browser(story.viewer)
    text = page(client, BELOW, v=["1", "2", "3"])
    assert "differences to v2" in words(text)

    (choose,) = links(text, "Make base v3")

    assert "differences to v3" in words(page(client, choose))


def test_items_are_left_out_and_added(story: Story) -> None:
    versions(story, 3)
    run = trained(story, name="by itself")
    client = browser(story.viewer)
    text = page(client, BELOW, v=["1", "2", "3"], x="relative", base=f"{PLACE}/3")

    (fewer,) = links(text, "Remove v3")
    assert query_of(fewer) == [("v", "1"), ("v", "2"), ("x", "relative")]

    answer = client.get(fewer + "&add=http://testserver/main/digits/runs/" + run.key)
    assert answer.status_code == 302
    assert urlsplit(answer.headers["Location"]).path == ANY
    assert query_of(answer.headers["Location"]) == [
        ("m", f"{PLACE}/1"),
        ("m", f"{PLACE}/2"),
        ("r", f"main/digits/{run.key}"),
        ("x", "relative"),
    ]
    assert "by itself" in text_of(client.get(answer.headers["Location"]))


@pytest.mark.parametrize(
    ("pasted", "place"),
    [
        (f"{MODEL}/versions/3", ("v", "3")),
        (f"https://status.example{MODEL}/versions/3?x=1#y", ("v", "3")),
        ("/main/digits/artifacts/model/mnist_model_candidates/v3", ("v", "3")),
        (f"{PLACE}/3", ("v", "3")),
        ("main/digits/mnist_model_candidates/1", None),
    ],
)
def test_what_may_be_pasted(story: Story, pasted: str, place: tuple[str, str] | None) -> None:
    versions(story, 3)

    answer = browser(story.viewer).get(BELOW, {"v": "1", "add": pasted})

    assert answer.status_code == 302
    wanted = [("v", "1"), place] if place else [("v", "1")]
    assert query_of(answer.headers["Location"]) == wanted


@pytest.mark.parametrize("pasted", ["what", "/main/digits", "https://[", "a/b/c/d", "x" * 3_000])
def test_what_is_no_place_is_refused_in_words(story: Story, pasted: str) -> None:
    assert browser(story.viewer).get(ANY, {"add": pasted}).status_code == 400


@pytest.mark.parametrize(("address", "query"), [(ANY, {}), (BELOW, {}), (BELOW, {"v": "1"})])
def test_one_is_nothing_to_compare(story: Story, address: str, query: dict[str, str]) -> None:
    versions(story, 1)

    text = page(browser(story.viewer), address, **query)

    assert "Nothing to compare yet" in text
    assert 'id="settings"' not in text


def test_the_same_item_twice_counts_once(story: Story) -> None:
    versions(story, 2)

    text = page(browser(story.viewer), BELOW, v=["1", "v1", "1,2"])

    assert "2 items" in words(text)


@pytest.mark.parametrize(
    ("address", "query", "status"),
    [
        (BELOW, {"v": ["1", "99"]}, 404),
        (BELOW, {"v": ["1", "x"]}, 400),
        (BELOW, {"v": ["1", "-1"]}, 400),
        (BELOW, {"v": ["1", "²"]}, 400),
        (BELOW, {"v": [str(number) for number in range(5_000)]}, 400),
        (ANY, {"m": "main/digits/nothing/1"}, 404),
        (ANY, {"m": "nobody//MNIST/1"}, 404),
        (ANY, {"m": "main/digits/1"}, 400),
        (ANY, {"m": "/digits/x/1"}, 400),
        (ANY, {"m": f"{PLACE}/one"}, 400),
        (ANY, {"m": "\x00"}, 400),
        (ANY, {"r": "main/digits/nothing"}, 404),
        (ANY, {"r": "main//run"}, 400),
        (ANY, {"r": "a/" * 900}, 400),
        (BELOW, {"v": ["1", "2"], "x": "y"}, 400),
        (BELOW, {"v": ["1", "2"], "smooth": "2"}, 400),
        (BELOW, {"v": ["1", "2"], "page": "0"}, 400),
        (BELOW, {"v": ["1", "2"], "metric": [f"m{n}" for n in range(30)]}, 400),
        (BELOW, {"v": ["1", "2"], "up": "\x00"}, 400),
    ],
)
def test_what_cannot_be_compared(
    story: Story, address: str, query: dict[str, str | list[str]], status: int
) -> None:
    versions(story, 2)

    assert browser(story.viewer).get(address, query).status_code == status


def test_what_is_not_known_changes_nothing(story: Story) -> None:
    versions(story, 2)
    odd = {"base": "x", "bars": "x", "up": "x", "across": "x", "axis": "x", "on": "x", "to": "x"}

    text = page(browser(story.viewer), BELOW, v=["1", "2"], show="x", page="9", **odd)

    assert "differences to v1" in words(text)


# --- who may see it -----------------------------------------------------------------------------


def test_hidden_items_are_not_found(story: Story) -> None:
    versions(story, 2)
    make_project(story.team, "secret", Visibility.PRIVATE)
    admin = make_user("main_admin", Role.ADMIN)
    inside = acting(admin, "main", "secret")
    run = start_run(description=RunDescription(name="hush"), access=inside)
    asked = {"m": [f"{PLACE}/1", f"{PLACE}/2"], "r": f"main/secret/{run.key}"}

    assert browser(admin).get(ANY, asked).status_code == 200
    refused = browser(story.viewer).get(ANY, asked)
    missing = browser(story.viewer).get(ANY, asked | {"r": "main/secret/none"})
    assert (refused.status_code, missing.status_code) == (404, 404)
    assert "hush" not in text_of(refused)


def test_strangers_find_nothing(story: Story) -> None:
    versions(story, 2)
    stranger = make_user("stranger", Role.ADMIN, team="others")

    assert browser(stranger).get(ANY, {"m": f"{PLACE}/1"}).status_code == 404
    assert browser().get(ANY, {"m": f"{PLACE}/1"}).status_code == 302


# --- sections -----------------------------------------------------------------------------------


def test_curves_as_the_address_says(story: Story) -> None:
    for first in (100.0, 5_000.0):
        story.version({"loss@10k": 0.1}, run=trained(story, [1.0, 0.5, 0.1], first=first))
    client = browser(story.viewer)

    def places(**query: str) -> list[str]:
        text = page(client, BELOW, v=["1", "2"], **query)
        table = re.search(r'id="overlay-1".*?<tbody>(.*?)</tbody>', text, re.S)
        assert table is not None
        return re.findall(r'<th scope="row">(.*?)</th>', table[1])

    assert places() == ["0", "1", "2"]
    assert places(x="relative") == ["0.0 s", "10 s", "20 s"]
    assert len(places(x="time")) == 6
    smooth = page(client, BELOW, v=["1", "2"], smooth="0.5")
    assert "smoothed by 0.5" in smooth
    assert "0.3429" in smooth  # (0.1 + 0.5/2 + 1/4) / (1 + 1/2 + 1/4)


def test_metrics_are_chosen(story: Story) -> None:
    for _ in range(2):
        run = start_run(description=RunDescription(), access=story.access)
        batches = [Batch(key, [0, 1], [1.0, 2.0], [1.0, 0.5]) for key in ("a", "b/c", "loss")]
        log_points(run=run, access=story.access, batches=batches)
        story.version({"loss@10k": 0.1}, run=run)

    text = page(browser(story.viewer), BELOW, v=["1", "2"], metric=["b/c"])

    assert re.findall(r'id="overlay-\d+"', text) == ['id="overlay-1"']
    assert 'value="b/c" checked' in text
    assert 'value="a">' in text


def test_a_run_that_diverged_does_not_flatten_the_others(story: Story) -> None:
    for losses in ([1.0, 0.5], [1.0, 1e30]):
        story.version({"loss@10k": 0.1}, run=trained(story, losses))
    client = browser(story.viewer)

    def axis(**query: str) -> bool:
        text = page(client, BELOW, v=["1", "2"], **query)
        figure = re.search(r'id="overlay-1-figure"[^>]*>(.*?)</script>', text, re.S)
        assert figure is not None
        return '"type": "log"' in figure[1]

    assert axis()
    assert not axis(scale="linear")


def test_bars_for_the_metric_that_was_chosen(story: Story) -> None:
    versions(story, 2)
    client = browser(story.viewer)
    text = page(client, BELOW, v=["1", "2"])
    assert "Loss on each golden set" in text

    (accuracy,) = links(text, "Accuracy")

    assert "Accuracy on each golden set" in page(client, accuracy)


def test_any_two_numbers_against_each_other(story: Story) -> None:
    versions(story, 2)
    client = browser(story.viewer)

    assert "Loss @ 10k by lr" in page(client, BELOW, v=["1", "2"])
    chosen = page(
        client, BELOW, v=["1", "2"], up="last.val/loss", across="score.accuracy@mnist_10k"
    )
    assert "val/loss by Accuracy @ 10k" in chosen
    assert '<option value="last.val/loss" selected>' in chosen


def test_parallel_coordinates_through_the_chosen_axes(story: Story) -> None:
    versions(story, 3)

    text = page(
        browser(story.viewer),
        BELOW,
        v=["1", "2", "3"],
        axis=["config.lr", "last.val/loss", "score.loss@mnist_10k"],
    )

    assert "3 lines through lr, val/loss, Loss @ 10k." in text


# --- cost ---------------------------------------------------------------------------------------


def test_twenty_cost_as_many_queries_as_two(story: Story) -> None:
    versions(story, 20)
    client = browser(story.viewer)

    def cost(count: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            page(client, ANY, m=[f"{PLACE}/{number}" for number in range(1, count + 1)])
        return len(queries)

    cost(2)
    assert cost(2) == cost(20)
    assert cost(20) <= 24


def test_the_longest_names_are_told_apart(story: Story) -> None:
    runs = [trained(story, name="ש" * 120 + f"{n}" + "🙂" * 100) for n in range(3)]

    text = page(browser(story.viewer), ANY, r=[f"main/digits/{run.key}" for run in runs])

    names = re.findall(r'class="name"[^>]*><bdi>(.*?)</bdi>', text)
    assert len(set(names)) == 3
    assert all(len(name) < 60 for name in names)
