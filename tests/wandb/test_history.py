"""Histories as the client reads them back: whole, sampled, page by page."""

import json
import math
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import Event
from apps.runs.services import log_points, update_run
from apps.series.models import Chunk
from apps.series.services import Batch
from tests import build
from tests.wandb.conftest import Caller
from tests.wandb.streaming import START, Streamer, history, row

pytestmark = pytest.mark.django_db
PAGE = """
    query HistoryPage($entity: String!, $project: String!, $run: String!, $minStep: Int64!,
        $maxStep: Int64!, $pageSize: Int!) {
        project(name: $project, entityName: $entity) {
            run(name: $run) { history(minStep: $minStep, maxStep: $maxStep, samples: $pageSize) }
        }
    }
"""
SAMPLED = """
    query SampledHistoryPage($entity: String!, $project: String!, $run: String!,
        $specs: [JSONString!]!) {
        project(name: $project, entityName: $entity) {
            run(name: $run) { sampledHistory(specs: $specs) }
        }
    }
"""
REWIND = """
    mutation RewindRun($runName: String!, $entity: String, $project: String,
        $metricName: String!, $metricValue: Float!) {
        rewindRun(input: {runName: $runName, entityName: $entity, projectName: $project,
            metricName: $metricName, metricValue: $metricValue}) {
            rewoundRun { id name project { name entity { name } } historyLineCount }
        }
    }
"""


@pytest.fixture
def stream(editor: Caller) -> Streamer:
    """25 steps of a loss, every fifth with an accuracy and a picture."""
    found = Streamer(editor)
    picture = {"_type": "image-file", "path": "media/images/x.png"}
    extra = {"acc": 0.5, "sample": picture}
    rows = [row(n, loss=1 / (n + 1), **(extra if n % 5 == 0 else {})) for n in range(25)]
    found.send(history(rows))
    return found


def place(stream: Streamer) -> dict[str, str]:
    return {"entity": "main", "project": stream.project.name, "run": stream.run.key}


def page(stream: Streamer, first: int, end: int, size: int = 1000) -> list[dict[str, Any]]:
    answer = stream.caller.ask(PAGE, **place(stream), minStep=first, maxStep=end, pageSize=size)
    return [json.loads(text) for text in answer["project"]["run"]["history"]]


def sampled(stream: Streamer, *specs: dict[str, Any]) -> Any:
    texts = [json.dumps(spec) for spec in specs]
    answer = stream.caller.ask(SAMPLED, **place(stream), specs=texts)
    return answer["project"]["run"]["sampledHistory"]


class TestPages:
    def test_up_to_but_without_the_last_step(self, stream: Streamer) -> None:
        assert page(stream, 3, 6) == [
            row(3, loss=0.25),
            row(4, loss=0.2),
            {
                **row(5, loss=1 / 6, acc=0.5),
                "sample": {"_type": "image-file", "path": "media/images/x.png"},
            },
        ]

    @pytest.mark.parametrize(("first", "end"), [(25, 99), (5, 5), (9, 3), (-(2**62), -5)])
    def test_where_nothing_is(self, stream: Streamer, first: int, end: int) -> None:
        assert page(stream, first, end) == []

    def test_page_by_page_is_everything_once(self, stream: Streamer) -> None:
        found = [one for first in range(0, 25, 7) for one in page(stream, first, first + 7, 7)]

        assert [one["_step"] for one in found] == list(range(25))

    def test_a_page_reads_only_its_steps(self, editor: Caller) -> None:
        stream = Streamer(editor)
        stream.send(history([row(n, loss=n) for n in range(20_000)]))
        assert Chunk.objects.filter(series__key="loss").count() >= 4
        # Spoilt, so that reading them would be seen.
        Chunk.objects.filter(min_step__gt=8_500).update(data=b"spoilt")

        found = page(stream, 4_000, 5_000)

        assert [one["loss"] for one in found] == list(range(4_000, 5_000))

    def test_the_same_queries_for_few_metrics_and_many(
        self, editor: Caller, django_assert_max_num_queries: Any
    ) -> None:
        stream = Streamer(editor)
        stream.send(history([row(n, **{f"k{m}": m for m in range(30)}) for n in range(5)]))

        with django_assert_max_num_queries(15):
            assert len(page(stream, 0, 10)) == 5


class TestWhole:
    def test_fewer_samples_than_rows_are_spread(self, stream: Streamer) -> None:
        texts = stream.ask("history(samples: 5)")["history"]

        assert [json.loads(text)["_step"] for text in texts] == [0, 6, 12, 18, 24]

    @pytest.mark.parametrize(("samples", "count"), [(0, 0), (1, 1), (25, 25), (2_000_000_000, 25)])
    def test_any_number_of_samples(self, stream: Streamer, samples: int, count: int) -> None:
        assert len(stream.ask(f"history(samples: {samples})")["history"]) == count

    def test_bare_words_stay_within_texts(self, editor: Caller) -> None:
        stream = Streamer(editor)
        stream.send(history(['{"_step":0,"a":NaN,"b":-Infinity}']))

        (text,) = stream.ask("history")["history"]
        assert '"a":NaN' in text
        assert '"b":-Infinity' in text

    def test_a_run_that_another_client_logged(self, editor: Caller) -> None:
        stream = Streamer(editor)
        batches = [
            Batch("loss", [1, 2, 2], [START, START + 1, START + 2], [0.5, 0.4, 0.3]),
            Batch("lr", [2, 7], [START + 1, START + 9], [1.0, 2.0]),
        ]
        access = build.access(editor.user, project=stream.project)
        log_points(run=stream.run, batches=batches, access=access)

        assert [json.loads(text) for text in stream.ask("history")["history"]] == [
            {"_step": 1, "_timestamp": START, "loss": 0.5},
            {"_step": 2, "_timestamp": START + 1, "loss": 0.3, "lr": 1},
            {"_step": 7, "_timestamp": START + 9, "lr": 2},
        ]
        assert json.loads(stream.ask("summaryMetrics")["summaryMetrics"]) == {"loss": 0.3, "lr": 2}

    def test_too_much_at_once_is_refused_in_words(
        self, stream: Streamer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.runs.history.MAX_CELLS", 49)

        message = stream.caller.refused(PAGE, **place(stream), minStep=0, maxStep=25, pageSize=1000)
        assert "49 at most" in message


class TestSampled:
    def test_only_rows_that_have_every_key(self, stream: Streamer) -> None:
        both, loss = sampled(
            stream,
            {"keys": ["_step", "loss", "acc"], "samples": 500},
            {"keys": ["loss"], "samples": 3},
        )

        assert [one["_step"] for one in both] == [0, 5, 10, 15, 20]
        assert both[1] == {"_step": 5, "loss": 1 / 6, "acc": 0.5}
        assert loss == [{"loss": 1}, {"loss": 1 / 13}, {"loss": 1 / 25}]

    def test_up_to_and_with_the_last_step(self, stream: Streamer) -> None:
        (found,) = sampled(
            stream, {"keys": ["loss", "_step"], "minStep": 3, "maxStep": 5, "samples": 99}
        )

        assert [one["_step"] for one in found] == [3, 4, 5]

    def test_the_pages_of_old_clients_do_not_overlap(self, stream: Streamer) -> None:
        """As 0.17 and 0.23 scan: each page names the first step of the next as its last."""
        first, second = sampled(
            stream,
            {"keys": ["_step"], "minStep": 0, "maxStep": 3, "samples": 3},
            {"keys": ["_step"], "minStep": 3, "maxStep": 6, "samples": 3},
        )

        assert [one["_step"] for one in [*first, *second]] == list(range(6))

    def test_own_names_and_what_is_no_number(self, stream: Streamer) -> None:
        pictures, steps = sampled(
            stream,
            {"keys": ["sample", "_timestamp", "_runtime"], "samples": 99},
            {"keys": ["_step"], "samples": 99},
        )

        assert len(pictures) == 5
        assert pictures[1] == {
            "sample": {"_type": "image-file", "path": "media/images/x.png"},
            "_timestamp": START + 5,
            "_runtime": 2.5,
        }
        assert steps == [{"_step": n} for n in range(25)]

    def test_numbers_that_json_has_not_are_words(self, editor: Caller) -> None:
        stream = Streamer(editor)
        stream.send(history(['{"_step":0,"a":NaN,"b":Infinity}']))

        assert sampled(stream, {"keys": ["a", "b"]}) == [[{"a": "NaN", "b": "Infinity"}]]

    def test_a_key_that_nobody_logged(self, stream: Streamer) -> None:
        assert sampled(stream, {"keys": ["loss", "nothing"]}, {"keys": ["x" * 5000]}) == [[], []]

    @pytest.mark.parametrize(
        "spec",
        [
            "x",
            "[]",
            '{"keys": "loss"}',
            '{"keys": [1]}',
            '{"keys": ["loss"], "minStep": "0"}',
            '{"keys": ["loss"], "samples": true}',
            '{"keys": [' + ",".join(f'"{n}"' for n in range(2_001)) + "]}",
        ],
    )
    def test_what_is_no_spec(self, stream: Streamer, spec: str) -> None:
        assert stream.caller.refused(SAMPLED, **place(stream), specs=[spec])

    def test_too_many_points(self, stream: Streamer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("apps.runs.history.POINTS_AT_ONCE", 29)
        whole = '{"keys": ["loss", "acc"]}'
        part = '{"keys": ["loss", "acc"], "minStep": 0, "maxStep": 9}'

        assert "29 points" in stream.caller.refused(SAMPLED, **place(stream), specs=[whole])
        assert len(sampled(stream, json.loads(part))[0]) == 2

    def test_too_many_specs(self, stream: Streamer) -> None:
        assert stream.caller.refused(SAMPLED, **place(stream), specs=["{}"] * 51)


class TestFigures:
    def test_keys_with_their_counts(self, stream: Streamer) -> None:
        found = stream.ask("historyKeys")["historyKeys"]

        assert found["lastStep"] == 24
        assert found["sets"] == []
        assert {key: value["typeCounts"] for key, value in found["keys"].items()} == {
            "_step": [{"type": "number", "count": 25}],
            "_timestamp": [{"type": "number", "count": 25}],
            "_runtime": [{"type": "number", "count": 25}],
            "loss": [{"type": "number", "count": 25}],
            "acc": [{"type": "number", "count": 5}],
            "sample": [{"type": "string", "count": 5}],
        }

    def test_keys_with_their_last_numbers(self, stream: Streamer) -> None:
        stream.send(history([row(25, acc=math.nan)], offset=25))

        keys = stream.ask("historyKeys")["historyKeys"]["keys"]

        assert keys["loss"]["previousValue"] == 1 / 25
        assert keys["acc"]["previousValue"] == "NaN"
        assert "previousValue" not in keys["sample"]

    def test_a_run_without_anything(self, editor: Caller) -> None:
        fields = """historyKeys historyLineCount eventsLineCount logLineCount historyTail
            eventsTail summaryMetrics systemMetrics history events
            parquetHistory(liveKeys: ["_step"]) { parquetUrls liveData }
            logLines { edges { node { line } } pageInfo { endCursor hasNextPage } }"""

        assert Streamer(editor).ask(fields) == {
            "historyKeys": {"sets": [], "keys": {}, "lastStep": -1},
            "historyLineCount": 0,
            "eventsLineCount": 0,
            "logLineCount": 0,
            "historyTail": "[]",
            "eventsTail": "[]",
            "summaryMetrics": "{}",
            "systemMetrics": "{}",
            "history": [],
            "events": [],
            "parquetHistory": {"parquetUrls": [], "liveData": []},
            "logLines": {"edges": [], "pageInfo": {"endCursor": None, "hasNextPage": False}},
        }

    def test_what_a_resumed_run_needs(self, stream: Streamer) -> None:
        found = stream.ask("historyLineCount historyTail eventsTail")

        assert found["historyLineCount"] == 25
        (last,) = json.loads(found["historyTail"])
        assert json.loads(last) == row(24, loss=1 / 25)

    def test_lists_of_runs_read_together(self, stream: Streamer) -> None:
        document = """query ($n: Int) { project(name: "stream", entityName: "main") {
            runs(first: $n) { edges { node {
                summaryMetrics systemMetrics historyKeys historyLineCount fileCount
            } } } } }"""
        for _ in range(4):
            other = Streamer(stream.caller, stream.project)
            other.send(history([row(0, loss=1)]))

        counts = []
        for number in (1, 5):
            with CaptureQueriesContext(connection) as counted:
                answer = stream.caller.ask(document, n=number)
            assert len(answer["project"]["runs"]["edges"]) == number
            counts.append(len(counted))
        assert counts[0] == counts[1]


class TestOutput:
    @pytest.fixture
    def lines(self, editor: Caller) -> Streamer:
        stream = Streamer(editor)
        content = [f"2026-01-02T03:04:05.000000 line {n}" for n in range(9)] + ["ERROR x"]
        content[9] = "ERROR 2026-01-02T03:04:06.500000 oops"
        stream.send({"files": {"output.log": {"offset": 0, "content": content}}})
        return stream

    def test_page_by_page(self, lines: Streamer) -> None:
        fields = "edges { node { line } cursor } pageInfo { endCursor hasNextPage }"
        first = lines.ask(f"logLines(first: 6) {{ {fields} }}")["logLines"]
        end = first["pageInfo"]["endCursor"]
        rest = lines.ask(f'logLines(first: 6, after: "{end}") {{ {fields} }}')["logLines"]

        assert first["pageInfo"]["hasNextPage"]
        assert not rest["pageInfo"]["hasNextPage"]
        found = [edge["node"]["line"] for edge in first["edges"] + rest["edges"]]
        assert found == [*(f"line {n}" for n in range(9)), "oops"]

    def test_the_last_ones(self, lines: Streamer) -> None:
        fields = "number timestamp level label line"
        found = lines.ask(f"logLines(last: 1) {{ edges {{ node {{ {fields} }} }} }}")

        assert found["logLines"]["edges"][0]["node"] == {
            "number": 9,
            "timestamp": "2026-01-02T03:04:06.500000Z",
            "level": "error",
            "label": "",
            "line": "oops",
        }


class TestRewind:
    def rewind(self, stream: Streamer, **given: Any) -> dict[str, Any]:
        return {
            "runName": stream.run.key,
            "entity": "main",
            "project": stream.project.name,
            "metricName": "_step",
            "metricValue": 9,
            **given,
        }

    def test_it_goes_on_from_the_step(self, stream: Streamer) -> None:
        answer = stream.caller.ask(REWIND, **self.rewind(stream))
        stream.send(history([row(10, loss=7)], offset=10))

        assert answer["rewindRun"]["rewoundRun"]["historyLineCount"] == 10
        assert [one["_step"] for one in page(stream, 0, 99)] == list(range(11))
        assert page(stream, 10, 11)[0]["loss"] == 7
        assert Event.objects.filter(kind="run.rewound").count() == 1

    @pytest.mark.parametrize("given", [{"metricName": "loss"}, {"metricValue": 1.5}])
    def test_only_to_a_step(self, stream: Streamer, given: dict[str, Any]) -> None:
        assert stream.caller.refused(REWIND, **self.rewind(stream, **given))
        assert len(page(stream, 0, 99)) == 25

    def test_who_may_not_log(self, stream: Streamer, viewer: Caller, stranger: Caller) -> None:
        for someone in (viewer, stranger):
            assert someone.refused(REWIND, **self.rewind(stream))
        assert len(page(stream, 0, 99)) == 25


def test_a_stranger_reads_nothing(stream: Streamer, stranger: Caller) -> None:
    answer = stranger.send(PAGE, **place(stream), minStep=0, maxStep=9, pageSize=9)

    assert answer.json()["data"]["project"] is None


def test_what_is_set_later_is_in_the_summary(stream: Streamer) -> None:
    chunk = {"offset": 0, "content": ['{"loss":NaN,"kept":{"a":1}}']}
    stream.send({"files": {"wandb-summary.json": chunk}})

    access = build.access(stream.caller.user, project=stream.project)
    update_run(run=stream.run, access=access, summary={"loss": 0.5, "new": "x"})

    text = stream.ask("summaryMetrics")["summaryMetrics"]
    assert json.loads(text) == {"loss": 0.5, "kept": {"a": 1}, "new": "x"}
