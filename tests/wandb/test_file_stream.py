"""file_stream: what comes in is what is shown, and what cannot be is refused for good."""

import gzip
import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.choices import Scope
from apps.runs.history import history_rows, line_counts, summary_of
from apps.runs.models import ConsoleLine, Run, StreamPosition
from apps.runs.streams import ConsoleText
from apps.series.models import ObjectPoint, Series
from apps.wandb_api import lines as wire
from apps.wandb_api.lines import console_text
from tests import build
from tests.wandb.conftest import Caller, caller
from tests.wandb.streaming import START, Streamer, history, row

pytestmark = pytest.mark.django_db
# What the client does not try again.
FINAL = {400, 401, 403, 404, 409, 410, 413, 422}


@pytest.fixture
def stream(editor: Caller) -> Streamer:
    return Streamer(editor)


def rows_of(stream: Streamer) -> list[dict[str, Any]]:
    return history_rows(stream.run)


class TestRows:
    def test_numbers_and_everything_else(self, stream: Streamer) -> None:
        image = {"_type": "image-file", "path": "media/images/x_0_ab.png", "width": 8}
        stream.send(
            history(
                [
                    row(0, loss=0.5, epoch=0, flag=True, note="text", none=None),
                    row(3, **{"val/acc": 1e-3, "img": image, "list": [1, 2], "empty": {}}),
                    row(4, nested={"a": 1, "b": {"c": 2.5, "m": image}}, **{"a.b": 3}),
                ]
            )
        )

        first, second, third = rows_of(stream)
        assert first == {
            **row(0),
            "_timestamp": START,
            "loss": 0.5,
            "epoch": 0,
            "flag": 1,
            "note": "text",
        }
        assert second == {
            **row(3),
            "val/acc": 0.001,
            "img": image,
            "list": [1, 2],
            "empty": {},
        }
        assert third == {
            **row(4),
            "nested.a": 1,
            "nested.b.c": 2.5,
            "nested.b.m": image,
            "a.b": 3,
        }

    def test_bare_words_are_numbers(self, stream: Streamer) -> None:
        stream.send(history(['{"_step":0,"a":NaN,"b":Infinity,"c":-Infinity,"d":1.5e+03}']))

        (found,) = rows_of(stream)
        assert math.isnan(found["a"])
        assert (found["b"], found["c"], found["d"]) == (math.inf, -math.inf, 1500)

    def test_a_line_without_times_is_of_now(self, stream: Streamer) -> None:
        stream.send(history(['{"a":1}', '{"a":2,"_timestamp":"x","_runtime":1e99}'], offset=5))

        found = rows_of(stream)
        assert [(one["_step"], one["a"], "_runtime" in one) for one in found] == [
            (5, 1, False),
            (6, 2, False),
        ]
        now = timezone.now().timestamp()
        assert all(now - 60 < one["_timestamp"] <= now for one in found)

    def test_numbers_beyond_a_double_are_kept_as_they_are(self, stream: Streamer) -> None:
        stream.send(history([f'{{"_step":0,"a":{"9" * 400}}}']))

        assert rows_of(stream)[0]["a"] == int("9" * 400)

    @pytest.mark.parametrize("key", ["a\x00b", "\ud800", "x" * 400, "", " ", "👍/loss", "a\nb"])
    def test_no_key_and_no_text_ends_the_stream(self, stream: Streamer, key: str) -> None:
        stream.send(history([row(0, **{key: 1, "text": "nul\x00 half\ud800"})]))

        found = rows_of(stream)[0]
        assert found.pop("text") == "nul\ufffd half\ufffd"
        assert len(found) == 4

    def test_a_long_line_is_taken(self, stream: Streamer) -> None:
        text = "é" * 4_000_000

        stream.send(history([row(0, text=text)]))

        assert rows_of(stream)[0]["text"] == text

    def test_what_is_sent_again_counts_once(self, stream: Streamer) -> None:
        body = history([row(0, a=0), row(1, a=1)])
        for _ in range(3):
            assert stream.send(body) == {}
        stream.send(history([row(1, a=1), row(2, a=2)], offset=1))

        assert [one["_step"] for one in rows_of(stream)] == [0, 1, 2]
        assert Series.objects.get(owner_id=stream.run.pk, key="a").count == 3

    def test_missing_lines_are_told(self, stream: Streamer) -> None:
        assert stream.send(history([row(7, a=1)], offset=7)) == {"gaps": {"history": [0, 7]}}

    def test_queries_do_not_grow_with_metrics_and_rows(
        self, stream: Streamer, django_assert_max_num_queries: Any
    ) -> None:
        few = history([row(0, a=1)])
        many = history([row(n, **{f"k{m}": m for m in range(50)}) for n in range(1, 40)], offset=1)
        stream.send(few)

        with django_assert_max_num_queries(30):
            stream.send(many)


class TestOtherStreams:
    def test_system_figures(self, stream: Streamer) -> None:
        event = {"system.cpu": 12.5, "_wandb": True, "_timestamp": START, "_runtime": 15}
        chunk = {"offset": 0, "content": [json.dumps(event)]}

        stream.send({"files": {"wandb-events.jsonl": chunk}})

        (found,) = stream.ask("events(samples: 10) systemMetrics eventsLineCount")["events"]
        assert json.loads(found) == {"system.cpu": 12.5, "_timestamp": START, "_runtime": 15}

    def test_output_is_written_anew_in_place(self, stream: Streamer) -> None:
        def send(offset: int, *content: str) -> None:
            stream.send({"files": {"output.log": {"offset": offset, "content": list(content)}}})

        send(0, "2026-01-02T03:04:05.678901 10%", "ERROR 2026-01-02T03:04:06.000000 oops")
        send(0, "2026-01-02T03:04:07.000000 100%")

        found = ConsoleLine.objects.order_by("number")
        assert [(line.text, line.stream, line.at) for line in found] == [
            ("100%", "out", datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC)),
            ("oops", "error", datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)),
        ]
        assert stream.ask("logLineCount") == {"logLineCount": 2}

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ("plain", ConsoleText("plain")),
            ("ERROR in my code", ConsoleText("ERROR in my code")),
            ("2026-99-99T03:04:05 odd", ConsoleText("2026-99-99T03:04:05 odd")),
            ("", ConsoleText("")),
            (
                "2026-01-02T03:04:05.678901",
                ConsoleText("", at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
            ),
            (
                "2026-01-02T03:04:05Z  two",
                ConsoleText(" two", at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
            ),
        ],
    )
    def test_lines_of_output(self, line: str, text: ConsoleText) -> None:
        assert console_text(line) == text

    def test_the_summary_replaces_the_former_one(self, stream: Streamer) -> None:
        def send(text: str) -> None:
            chunk = {"offset": 0, "content": [text]}
            stream.send({"files": {"wandb-summary.json": chunk}})

        send('{"loss":1,"gone":2}')
        send('{"loss":NaN,"best":{"acc":0.5}}')

        assert math.isnan(summary_of(stream.run)["loss"])
        assert json.loads(stream.ask("summaryMetrics")["summaryMetrics"])["best"] == {"acc": 0.5}
        assert set(stream.run.summary.values_list("key", flat=True)) == {"loss", "best.acc"}

    def test_all_at_once_packed(self, stream: Streamer) -> None:
        body = {
            **history([row(0, a=1)]),
            "uploaded": ["config.yaml"],
            "complete": True,
            "exitcode": 0,
        }

        assert stream.send_packed(body) == {}

        assert rows_of(stream) == [{**row(0), "a": 1}]
        assert Run.objects.get(pk=stream.run.pk).state == "finished"


class TestRunning:
    def test_a_heartbeat(self, stream: Streamer) -> None:
        before = stream.run.heartbeat_at

        assert stream.send({}) == {}

        assert Run.objects.get(pk=stream.run.pk).heartbeat_at > before

    def test_a_run_is_asked_to_stop(self, stream: Streamer) -> None:
        Run.objects.filter(pk=stream.run.pk).update(stop_asked_at=timezone.now())

        assert stream.send({}) == {"stopped": True}

    @pytest.mark.parametrize(
        ("sent", "code", "state"),
        [
            (0, 0, "finished"),
            (1, 1, "failed"),
            (None, 0, "finished"),
            (3221225477, -1073741819, "failed"),
        ],
    )
    def test_exit_codes(self, stream: Streamer, sent: int | None, code: int, state: str) -> None:
        stream.send({"complete": True, "exitcode": sent})

        run = Run.objects.get(pk=stream.run.pk)
        assert (run.exit_code, run.state) == (code, state)

    def test_a_run_that_is_preempted_goes_on(self, stream: Streamer) -> None:
        stream.send({"preempting": True})

        assert Run.objects.get(pk=stream.run.pk).state == "running"


class TestRefusals:
    def test_without_a_key(self, stream: Streamer) -> None:
        answer = Client().post(stream.address, b"{}", content_type="application/json")

        assert answer.status_code == 401
        assert answer.json()["error"]

    def test_a_key_that_may_only_read(self, stream: Streamer) -> None:
        reader = caller(stream.caller.user, scope=Scope.READ)

        assert stream.post(history([row(0, a=1)]), by=reader).status_code == 403
        assert rows_of(stream) == []

    def test_who_may_not_see_the_project(self, stream: Streamer, stranger: Caller) -> None:
        hidden = stream.post({}, by=stranger)
        stream.address = "/files/main/nowhere/nothing/file_stream"

        assert hidden.status_code == stream.post({}, by=stranger).status_code == 404

    def test_an_unknown_run(self, stream: Streamer) -> None:
        stream.address = stream.address.replace(stream.run.key, "unknown1")

        assert stream.post({}).status_code == 404

    @pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
    def test_other_methods_are_refused_for_good(self, stream: Streamer, method: str) -> None:
        answer = getattr(Client(), method)(stream.address, headers=stream.caller.headers)

        assert answer.status_code in FINAL

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"null",
            b'"x"',
            b"{",
            b"\xff\xfe",
            b'{"files": [1]}',
            b'{"files": {"wandb-history.jsonl": []}}',
            b'{"files": {"wandb-history.jsonl": {"offset": -1, "content": []}}}',
            b'{"files": {"wandb-history.jsonl": {"offset": 1.5, "content": []}}}',
            b'{"files": {"wandb-history.jsonl": {"offset": true, "content": []}}}',
            b'{"files": {"wandb-history.jsonl": {"offset": 1e300, "content": []}}}',
            b'{"files": {"wandb-history.jsonl": {"offset": 0, "content": [1]}}}',
            b'{"files": {"wandb-history.jsonl": {"offset": 0, "content": {"a": 1}}}}',
            b'{"files": {"wandb-history.jsonl": {"offset": 0, "content": ["[]"]}}}',
            b'{"files": {"wandb-history.jsonl": {"offset": 0, "content": ["{\\"a\\":"]}}}',
            b'{"files": {"wandb-history.jsonl": {"content": ["{\\"_step\\": 1.5}"]}}}',
            b'{"files": {"wandb-history.jsonl": {"content": ["{\\"_step\\": 1e30}"]}}}',
            b'{"files": {"wandb-history.jsonl": {"content": ["{\\"_step\\": \\"1\\"}"]}}}',
            b'{"files": {"wandb-history.jsonl": {"content": ["{\\"a\\":1,\\"a\\":2}"]}}}',
            b'{"files": {"wandb-summary.json": {"content": ["[1]"]}}}',
            b'{"files": {"output.log": {"content": [null]}}}',
            b'{"complete": true, "exitcode": "0"}',
            b'{"complete": true, "exitcode": 99999999999}',
            b'{"a":' * 50 + b"1" + b"}" * 50,
            b"[" * 100_000,
            b'{"a": ' + b"9" * 5_000 + b"}",
        ],
    )
    def test_malformed_bodies_are_refused_whole(self, stream: Streamer, body: bytes) -> None:
        answer = stream.post(body)

        assert answer.status_code in FINAL, answer.content
        assert answer.json()["error"]
        assert not StreamPosition.objects.exists()
        assert Run.objects.get(pk=stream.run.pk).state == "running"

    def test_one_bad_line_among_good_ones_stores_nothing(self, stream: Streamer) -> None:
        body = history([row(0, a=1), "{", row(2, a=1)])
        body["files"]["output.log"] = {"offset": 0, "content": ["x"]}

        assert stream.post(body).status_code == 400
        assert line_counts([stream.run]) == {stream.run.pk: {}}
        assert not ConsoleLine.objects.exists()
        assert not ObjectPoint.objects.exists()

    def test_too_many_metrics_at_once(self, stream: Streamer) -> None:
        answer = stream.post(history([{f"k{n}": n for n in range(wire.MAX_KEYS + 1)}]))

        assert answer.status_code == 413
        assert str(wire.MAX_KEYS) in answer.json()["error"]

    def test_a_deep_line(self, stream: Streamer) -> None:
        assert stream.post(history(['{"a":' * 60 + "1" + "}" * 60])).status_code == 400

    def test_a_body_that_is_too_large(
        self, stream: Streamer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.wandb_api.file_stream.MAX_BODY_BYTES", 1_000)

        assert stream.post(b" " * 1_001).status_code == 413

    def test_a_gzip_bomb(self, stream: Streamer) -> None:
        bomb = gzip.compress(b" " * (wire.MAX_BODY_BYTES + 1))

        assert stream.post(bomb, encoding="gzip").status_code == 413

    @pytest.mark.parametrize(
        ("encoding", "body"),
        [
            ("gzip", b"{}"),
            ("gzip", gzip.compress(b"{}")[:-4]),
            ("br", b"{}"),
            ("deflate", b"{}"),
        ],
    )
    def test_bodies_packed_wrong(self, stream: Streamer, encoding: str, body: bytes) -> None:
        assert stream.post(body, encoding=encoding).status_code == 400

    def test_an_archived_project(self, stream: Streamer) -> None:
        stream.project.archived_at = timezone.now()
        stream.project.save()

        assert stream.post({}).status_code == 403

    def test_a_run_in_the_bin(self, stream: Streamer) -> None:
        Run.objects.filter(pk=stream.run.pk).update(deleted_at=timezone.now())

        answer = stream.post({})

        assert answer.status_code == 404
        assert "bin" in answer.json()["error"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["_step", "_timestamp", "_runtime", "_wandb", "_type", "a", "b\x00", ""]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
FILES = ["wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json", "output.log"]
CHUNK = JSON | st.fixed_dictionaries(
    {}, optional={"offset": st.integers(-2, 5) | JSON, "content": st.lists(JSON.map(json.dumps))}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "files": st.dictionaries(
                st.sampled_from(
                    [
                        "wandb-history.jsonl",
                        "wandb-events.jsonl",
                        "wandb-summary.json",
                        "output.log",
                    ]
                ),
                CHUNK,
            ),
            "complete": JSON,
            "exitcode": JSON,
            "uploaded": JSON,
        },
    )
)
def test_any_body_is_taken_or_refused_for_good(stream: Streamer, body: Any) -> None:
    answer = stream.post(body)

    assert answer.status_code in FINAL | {200}, answer.content
    assert answer.json().get("code") != "fault", body


def test_telemetry_is_turned_off_by_a_404() -> None:
    for path in ("/sdk/otel/v1/metrics", "/sdk/otel/v1/logs", "/oidc/token"):
        answer = Client().post(path, b"{}", content_type="application/json")

        assert answer.status_code == 404
        assert answer.json()["errors"]


def test_a_project_named_for_the_person_alone(editor: Caller) -> None:
    """The role in one project is enough to stream there."""
    owner = build.user("owner")
    private = build.project(owner, "secret", private=True)
    mine, theirs = Streamer(caller(owner), private), Streamer(editor)
    theirs.address = mine.address

    assert mine.post({}).status_code == 200
    assert theirs.post({}).status_code == 404
