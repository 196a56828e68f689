"""News of long work: told while it goes on, gone when it is over or dead."""

import os
from pathlib import Path

import pytest

from apps.core.work import STALE_SECONDS, Work, going_on, telling


def test_it_is_told_step_by_step() -> None:
    with telling("demo", team="main", total=3) as tell:
        assert going_on() == [Work("demo", "main", 0, 3)]
        tell(2)
        assert going_on() == [Work("demo", "main", 2, 3)]
    assert going_on() == []


def test_work_that_fails_is_over_too() -> None:
    with pytest.raises(RuntimeError), telling("demo", team="main", total=3):
        raise RuntimeError
    assert going_on() == []


def test_work_that_was_killed_is_forgotten(data_folder: Path) -> None:
    with telling("demo", team="main", total=3):
        file = data_folder / "work" / "demo.json"
        before = file.stat().st_mtime - STALE_SECONDS - 1
        os.utime(file, (before, before))
        assert going_on() == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"team": "main", "done": "x", "total": 1}', "{"])
def test_what_cannot_be_read_is_not_told(data_folder: Path, text: str) -> None:
    folder = data_folder / "work"
    folder.mkdir()
    (folder / "demo.json").write_text(text)
    assert going_on() == []
