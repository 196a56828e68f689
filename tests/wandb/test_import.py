"""Runs from folders: transaction logs as the client writes them, and exports."""

import hashlib
import json
import struct
import zlib
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.artifacts.models import Version
from apps.runs.history import summary_of
from apps.runs.models import Run, RunAlert
from apps.series.choices import SeriesKind
from apps.series.queries import Points, read
from apps.wandb_api.importing.messages import read_message
from apps.wandb_api.importing.transaction_log import DamagedLog, read_records
from tests import build

BLOCK = 32 * 1024
START = 1_700_000_000
md5 = partial(hashlib.md5, usedforsecurity=False)


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(**fields: Any) -> bytes:
    """A protobuf message of `f3="text", f4=7, f5=message(...)`, a list where it is repeated."""
    out = b""
    for name, values in fields.items():
        number = int(name[1:])
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                out += varint(number << 3) + varint(value)
                continue
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def items(**values: object) -> list[bytes]:
    """Entries of a config, a summary or a row; `a__b` is b in a."""
    return [message(f2=key.split("__"), f16=json.dumps(value)) for key, value in values.items()]


def framed(records: list[bytes]) -> bytes:
    """A transaction log with these records."""
    out = bytearray(struct.pack("<4sHB", b":W&B", 0xBEE1, 0))
    for record in records:
        pieces, rest = [], record
        place = len(out)
        while True:
            left = BLOCK - place % BLOCK
            if left < 7:
                pieces.append((0, b"\x00" * left))
                place += left
                continue
            pieces.append((1, rest[: left - 7]))
            place += 7 + len(pieces[-1][1])
            rest = rest[left - 7 :]
            if not rest:
                break
        last = len([1 for kind, _ in pieces if kind]) - 1
        number = 0
        for is_piece, data in pieces:
            if not is_piece:
                out += data
                continue
            kind = 1 if last == 0 else 2 if number == 0 else 4 if number == last else 3
            checksum = zlib.crc32(data, zlib.crc32(bytes([kind])))
            out += struct.pack("<IHB", checksum, len(data), kind) + data
            number += 1
    return bytes(out)


def offline_run(folder: Path, *, key: str = "abc12345", is_killed: bool = False) -> Path:
    """An offline folder with three rows, output, a file, an alert, and an artifact version."""
    home = folder / "wandb" / f"offline-run-20231114_221320-{key}"
    (home / "files" / "media").mkdir(parents=True)
    (home / "files" / "media" / "note.txt").write_text("kept")
    weights = folder / "staged"
    weights.write_bytes(b"weights")
    digest = b64encode(md5(b"weights").digest()).decode()
    whole = md5(f"wandb-artifact-manifest-v1\nmodel.bin:{digest}\n".encode()).hexdigest()
    began = message(f1=START, f2=500_000_000)
    records = [
        message(
            f17=message(
                f1=key, f3="later", f4=message(f1=items(lr=0.1, net__layers=[4, 2])), f6="g",
                f7="train", f8="a name", f9="notes", f10=["x", "y"], f13="host", f17=began,
                f21=message(f1="https://example.invalid/repo", f2="c0ffee"),
            )
        ),
        message(f12=message(f1="val", f4="epoch", f7=message(f1=1))),
        message(f7=message(f2=message(f1=START + 1), f3=[message(f1="cpu", f16="12.5")])),
    ]  # fmt: skip
    for step in range(3):
        row = items(_timestamp=START + step, _runtime=step, loss=1 / (step + 1), img__a=step)
        nan = message(f2=["odd"], f16="NaN")
        records.append(message(f2=message(f1=[*row, nan], f2=message(f1=step * 2))))
    records += [
        message(f13=message(f1=1, f2=began, f3="10%\r20%\rdone\nhal")),
        message(f13=message(f1=1, f2=began, f3="f a line\n")),
        message(f13=message(f1=0, f2=began, f3="an error\n")),
        message(f10=message(f1="Hot", f2="95 °C", f3="WARN")),
        message(
            f8=message(
                f4="model", f5="later_model", f6=whole, f8='{"k": 1}', f11=["latest", "best"],
                f12=message(
                    f1=1, f4=[message(f1="model.bin", f2=digest, f4=7, f6=str(weights))]
                ),
                f15="client-" + key,
            )
        ),
        message(f3=message(f1=items(loss=0.25, _runtime=60, _wandb={"runtime": 60}))),
    ]  # fmt: skip
    if not is_killed:
        records.append(message(f18=message(f1=0)))
    (home / f"run-{key}.wandb").write_bytes(framed(records))
    return home


def points(run: Run, key: str) -> Points:
    return read(owner_id=run.pk, kind=SeriesKind.METRIC, key=key)


@pytest.fixture
def editor(db: None) -> User:
    return build.user("ada")


@pytest.mark.usefixtures("editor")
class TestOffline:
    def test_a_run_is_taken_in_as_it_was_logged(self, tmp_path: Path) -> None:
        offline_run(tmp_path)

        call_command("import_wandb", str(tmp_path), "--user", "ada")

        run = Run.objects.get()
        assert (run.project.name, run.key, run.name) == ("later", "abc12345", "a name")
        assert (run.group, run.job_type, run.notes, run.host) == ("g", "train", "notes", "host")
        assert (run.code_remote, run.code_commit) == ("https://example.invalid/repo", "c0ffee")
        assert run.started_at == datetime.fromtimestamp(START + 0.5, UTC)
        assert run.ended_at == datetime.fromtimestamp(START + 60.5, UTC)
        assert (run.state, run.exit_code) == ("finished", 0)
        assert json.loads(run.metric_rules) == [
            {"name": "val", "step": "epoch", "summary": ["min"]}
        ]
        config = json.loads(run.config)
        assert (config["lr"], config["net"]) == (0.1, {"layers": [4, 2]})
        assert sorted(run.tags.values_list("name", flat=True)) == ["x", "y"]
        loss = points(run, "loss")
        assert list(loss.steps) == [0, 2, 4]
        assert list(loss.values) == [1, 0.5, 1 / 3]
        assert list(loss.times) == [START, START + 1, START + 2]
        assert list(points(run, "img.a").values) == [0, 1, 2]
        cpu = read(owner_id=run.pk, key="system.cpu", kind=SeriesKind.SYSTEM)
        assert list(cpu.values) == [12.5]
        assert summary_of(run)["loss"] == 0.25
        console = run.console.order_by("number").values_list("stream", "text")
        assert list(console) == [("out", "done"), ("out", "half a line"), ("error", "an error")]
        assert [file.path for file in run.files.all()] == ["media/note.txt"]
        alert = RunAlert.objects.get()
        assert (alert.title, alert.level) == ("Hot", "warn")
        version = Version.objects.get()
        assert (version.collection.name, version.number) == ("later_model", 0)
        assert version.artifact.made_by == run
        assert [file.path for file in version.artifact.files.all()] == ["model.bin"]
        assert list(version.holdings.values_list("label", flat=True)) == ["best"]

    def test_the_second_time_nothing_is_new(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        offline_run(tmp_path)
        call_command("import_wandb", str(tmp_path), "--user", "ada")
        before = _state()
        capsys.readouterr()

        call_command("import_wandb", str(tmp_path), "--user", "ada")

        assert "later/abc12345 is here already" in capsys.readouterr().out
        assert _state() == before

    def test_one_that_stops_in_between_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = offline_run(tmp_path)
        log = next(home.glob("*.wandb"))
        whole = log.read_bytes()
        log.write_bytes(whole[: len(whole) // 2])
        call_command("import_wandb", str(tmp_path), "--user", "ada")
        assert Run.objects.get().state == "crashed"

        log.write_bytes(whole)
        call_command("import_wandb", str(tmp_path), "--user", "ada")

        run = Run.objects.get()
        assert list(points(run, "loss").steps) == [0, 2, 4]
        assert run.console.count() == 3
        assert Version.objects.count() == 1

    def test_one_that_was_killed_has_crashed(self, tmp_path: Path) -> None:
        offline_run(tmp_path, is_killed=True)
        call_command("import_wandb", str(tmp_path), "--user", "ada")
        run = Run.objects.get()
        assert (run.state, run.ended_at) == ("crashed", datetime.fromtimestamp(START + 60.5, UTC))

    def test_the_project_and_the_team_can_be_said(self, tmp_path: Path) -> None:
        offline_run(tmp_path)
        call_command("import_wandb", str(tmp_path), "--team", "main", "--project", "old-runs")
        run = Run.objects.get()
        assert (run.project.name, run.created_by) == ("old-runs", None)

    def test_a_staged_file_that_is_gone_is_told(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        offline_run(tmp_path)
        (tmp_path / "staged").unlink()
        call_command("import_wandb", str(tmp_path), "--user", "ada")
        assert "later_model is left out" in capsys.readouterr().err
        assert Run.objects.get().state == "finished"

    def test_links_out_of_the_folder_are_left_alone(self, tmp_path: Path) -> None:
        home = offline_run(tmp_path)
        (tmp_path / "secret").write_text("not to be taken")
        (home / "files" / "link").symlink_to(tmp_path / "secret")
        call_command("import_wandb", str(tmp_path), "--user", "ada")
        assert [file.path for file in Run.objects.get().files.all()] == ["media/note.txt"]

    def test_a_damaged_log_is_taken_as_far_as_it_goes(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        home = offline_run(tmp_path)
        log = next(home.glob("*.wandb"))
        data = bytearray(log.read_bytes())
        data[-40] ^= 1
        log.write_bytes(data)
        call_command("import_wandb", str(tmp_path), "--user", "ada")
        assert "is damaged at byte" in capsys.readouterr().err
        assert list(points(Run.objects.get(), "loss").steps) == [0, 2, 4]

    def test_nothing_there_and_no_such_user(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="Nothing to import"):
            call_command("import_wandb", str(tmp_path))
        offline_run(tmp_path)
        with pytest.raises(CommandError, match="could not be taken in"):
            call_command("import_wandb", str(tmp_path), "--user", "nobody")
        viewer = build.user("vic", role=build.Role.VIEWER)
        with pytest.raises(CommandError, match="could not be taken in"):
            call_command("import_wandb", str(tmp_path), "--user", viewer.username)
        assert Run.objects.count() == 0


@pytest.mark.usefixtures("editor")
class TestExports:
    def test_a_folder_with_a_description_is_a_run(self, tmp_path: Path) -> None:
        folder = tmp_path / "out" / "xyz"
        (folder / "files").mkdir(parents=True)
        (folder / "files" / "a.txt").write_text("a")
        (folder / "run.json").write_text(
            json.dumps(
                {
                    "id": "xyz",
                    "name": "exported",
                    "project": "moved",
                    "state": "failed",
                    "tags": ["t"],
                    "config": {"lr": 0.5},
                    "summary": {"loss": 0.125, "_runtime": 30},
                    "created_at": "2024-01-01T00:00:00Z",
                }
            )
        )
        (folder / "history.csv").write_text(
            "_step,_timestamp,loss,word\n0,1704067201,0.5,\n1,1704067202.5,nan,yes\n"
        )

        call_command("import_wandb", str(tmp_path), "--user", "ada")
        before = _state()
        call_command("import_wandb", str(tmp_path), "--user", "ada")

        assert _state() == before
        run = Run.objects.get()
        assert (run.key, run.name, run.project.name) == ("xyz", "exported", "moved")
        assert (run.state, run.started_at) == ("failed", datetime(2024, 1, 1, tzinfo=UTC))
        assert run.ended_at == datetime(2024, 1, 1, 0, 0, 30, tzinfo=UTC)
        loss = points(run, "loss")
        assert [str(value) for value in loss.values] == ["0.5", "nan"]
        assert list(loss.times) == [1704067201.0, 1704067202.5]
        assert [file.path for file in run.files.all()] == ["a.txt"]

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 5}', '{"id": "a/b"}', "{" * 500])
    def test_a_description_that_cannot_be_read_is_told(
        self, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(CommandError, match="could not be taken in"):
            call_command("import_wandb", str(tmp_path), "--user", "ada")
        assert Run.objects.count() == 0


class TestReading:
    @pytest.mark.parametrize("length", [0, 1, BLOCK - 14, BLOCK - 7, BLOCK, 3 * BLOCK + 5])
    def test_records_of_any_length_come_back(self, tmp_path: Path, length: int) -> None:
        file = tmp_path / "run-x.wandb"
        records = [b"first", bytes(length), b"last"]
        file.write_bytes(framed(records))
        assert list(read_records(file)) == records

    @given(st.binary(max_size=300))
    def test_no_bytes_break_it(self, data: bytes) -> None:
        with suppress(DamagedLog):
            read_message(data)

    def test_another_file_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "run-x.wandb"
        file.write_bytes(b"something else entirely")
        with pytest.raises(DamagedLog):
            list(read_records(file))


def _state() -> list[object]:
    run = Run.objects.get()
    return [
        run.state,
        run.started_at,
        run.ended_at,
        run.console.count(),
        run.files.count(),
        RunAlert.objects.count(),
        Version.objects.count(),
        summary_of(run),
        list(points(run, "loss").steps),
    ]
