"""A client that streams a run: bodies as the real one makes them."""

import gzip
import json
from collections.abc import Sequence
from typing import Any

from django.test import Client

from apps.projects.models import Project
from apps.runs.models import Run
from tests import build
from tests.wandb.conftest import Caller

START = 1_790_000_000.0


def row(step: int, **values: Any) -> dict[str, Any]:
    return {"_step": step, "_timestamp": START + step, "_runtime": step / 2, **values}


def lines(rows: Sequence[Any]) -> list[str]:
    """Rows as the client writes them: with bare NaN and Infinity."""
    return [one if isinstance(one, str) else json.dumps(one) for one in rows]


def history(rows: Sequence[Any], offset: int = 0) -> dict[str, Any]:
    return {"files": {"wandb-history.jsonl": {"offset": offset, "content": lines(rows)}}}


class Streamer:
    """One run, and the person whose client streams it."""

    def __init__(
        self, caller: Caller, project: Project | None = None, run: Run | None = None
    ) -> None:
        self.caller = caller
        self.project = project or build.project(caller.user, "stream")
        self.run = run or build.run(caller.user, self.project)
        self.address = f"/files/main/{self.project.name}/{self.run.key}/file_stream"

    def post(self, body: Any, *, by: Caller | None = None, encoding: str = "") -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        caller = by or self.caller
        return Client().post(
            self.address,
            raw,
            content_type="application/json",
            headers=caller.headers | ({"Content-Encoding": encoding} if encoding else {}),
        )

    def send(self, body: Any, encoding: str = "") -> Any:
        """The answer to a body that is taken."""
        answer = self.post(body, encoding=encoding)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def send_packed(self, body: Any) -> Any:
        packed = gzip.compress(json.dumps(body).encode())
        return self.send(packed, "gzip")

    def ask(self, fields: str) -> Any:
        """Fields of the run."""
        document = f"""query ($p: String, $r: String!) {{
            project(name: $p, entityName: "main") {{ run(name: $r) {{ {fields} }} }}
        }}"""
        answer = self.caller.ask(document, p=self.project.name, r=self.run.key)
        return answer["project"]["run"]
