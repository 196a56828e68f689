"""A running MLflow server (or another Model Status) as something to read from.

Asks one address only: no redirects, no proxies, answers and waits capped, and nothing that an
answer names is followed anywhere else.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import IO, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from apps.core.errors import DomainError

MAX_ANSWER: Final = 256 * 1024 * 1024
SECONDS: Final = 120
TRIES: Final = 5
PAGE: Final = 1000
POINTS: Final = 25_000
_PASSING: Final = {408, 429, 500, 502, 503, 504}
_PROXIED: Final = "mlflow-artifacts:"

Json = dict[str, Any]


class SourceFault(DomainError):
    """The server that is read from does not answer, or not with what was asked for."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.answered = status


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other that is not 200."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


class Source:
    """The server at an address; `token` is sent as MLFLOW_TRACKING_TOKEN would be."""

    def __init__(self, url: str, *, token: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise SourceFault(f"{url!r} is no http or https address of a server.")
        self.url = url.rstrip("/")
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "model-status-import"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())

    def experiments(self) -> Iterator[Json]:
        """Every experiment, deleted ones too, by age."""
        body = {"view_type": "ALL", "order_by": ["creation_time ASC"]}
        return self._paged("POST", "experiments/search", "experiments", body)

    def runs(self, experiment_id: str) -> Iterator[Json]:
        """Every run of an experiment, deleted ones too, by age, so that parents come first."""
        body = {
            "experiment_ids": [experiment_id],
            "run_view_type": "ALL",
            "order_by": ["start_time ASC"],
        }
        return self._paged("POST", "runs/search", "runs", body)

    def history(self, run_id: str, key: str) -> Iterator[Json]:
        """Every point of a metric."""
        query = {"run_id": run_id, "metric_key": key, "max_results": POINTS}
        return self._paged("GET", "metrics/get-history", "metrics", query)

    def logged_models(self, experiment_id: str) -> Iterator[Json]:
        """Every logged model of an experiment; a server of the 2.x line knows none."""
        body = {"experiment_ids": [experiment_id], "max_results": 100}
        try:
            yield from self._paged("POST", "logged-models/search", "models", body)
        except SourceFault as fault:
            if fault.answered != HTTPStatus.NOT_FOUND:
                raise

    def registered_models(self) -> Iterator[Json]:
        """Every registered model, with its aliases."""
        query = {"max_results": PAGE}
        for found in self._paged("GET", "registered-models/search", "registered_models", query):
            asked = self.ask("GET", "registered-models/get", {"name": found["name"]})
            yield asked["registered_model"]

    def versions(self, name: str) -> list[Json]:
        """Every version of a registered model, by number."""
        quoted = name.replace("'", "''") if '"' in name else name
        mark = "'" if '"' in name else '"'
        query = {"filter": f"name={mark}{quoted}{mark}", "max_results": PAGE}
        found = self._paged("GET", "model-versions/search", "model_versions", query)
        return sorted(found, key=lambda one: int(one["version"]))

    def download_address(self, name: str, version: int) -> str:
        """Where the files of a version are."""
        asked = {"name": name, "version": str(version)}
        found: str = self.ask("GET", "model-versions/get-download-uri", asked)["artifact_uri"]
        return found

    def run_files(self, run: Json) -> Iterator[tuple[str, int]]:
        """Path and size of every file of a run."""
        address = run["info"].get("artifact_uri", "")
        if address.startswith(_PROXIED):
            return self._proxied_files(_below(address))
        return self._listed_files(run["info"]["run_id"], "")

    def open_run_file(self, run: Json, path: str) -> IO[bytes]:
        address = run["info"].get("artifact_uri", "")
        if address.startswith(_PROXIED):
            return self._open_proxied(_below(address), path)
        query = urlencode({"run_uuid": run["info"]["run_id"], "path": path})
        return self._open("GET", f"/get-artifact?{query}")

    def model_files(self, model: Json) -> Iterator[tuple[str, int]]:
        """Path and size of every file of a logged model; none where the server does not hold them
        itself, for then only the cloud's own client could list them."""
        address = model["info"].get("artifact_uri", "")
        return self._proxied_files(_below(address)) if address.startswith(_PROXIED) else iter(())

    def open_model_file(self, model: Json, path: str) -> IO[bytes]:
        return self._open_proxied(_below(model["info"]["artifact_uri"]), path)

    def ask(self, method: str, path: str, fields: Mapping[str, Any]) -> Json:
        """The answer of an endpoint. Raises SourceFault."""
        address, body = f"/api/2.0/mlflow/{path}", None
        if method == "GET":
            address += "?" + urlencode(fields, doseq=True)
        else:
            body = json.dumps(fields).encode()
        return self._json(method, address, body)

    def _paged(
        self, method: str, path: str, name: str, fields: Mapping[str, Any]
    ) -> Iterator[Json]:
        token = ""
        while True:
            page = {"max_results": PAGE, **fields} | ({"page_token": token} if token else {})
            answer = self.ask(method, path, page)
            yield from answer.get(name, ())
            later = answer.get("next_page_token") or ""
            if not later or later == token:
                return
            token = later

    def _proxied_files(self, top: str, folder: str = "") -> Iterator[tuple[str, int]]:
        path = f"{top}/{folder}".rstrip("/")
        address = f"/api/2.0/mlflow-artifacts/artifacts?{urlencode({'path': path})}"
        for one in self._json("GET", address, None).get("files", ()):
            inner = f"{folder}/{one['path']}" if folder else one["path"]
            if one.get("is_dir"):
                yield from self._proxied_files(top, inner)
            else:
                yield inner, int(one.get("file_size") or 0)

    def _listed_files(self, run_id: str, folder: str) -> Iterator[tuple[str, int]]:
        fields = {"run_id": run_id} | ({"path": folder} if folder else {})
        for one in self.ask("GET", "artifacts/list", fields).get("files", ()):
            if one.get("is_dir"):
                yield from self._listed_files(run_id, one["path"])
            else:
                yield one["path"], int(one.get("file_size") or 0)

    def _open_proxied(self, top: str, path: str) -> IO[bytes]:
        return self._open("GET", f"/api/2.0/mlflow-artifacts/artifacts/{quote(f'{top}/{path}')}")

    def _json(self, method: str, address: str, body: bytes | None) -> Json:
        with self._open(method, address, body) as answer:
            text = answer.read(MAX_ANSWER + 1)
        if len(text) > MAX_ANSWER:
            raise SourceFault(f"The answer to {address[:200]} is over {MAX_ANSWER} bytes.")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise SourceFault(f"The answer to {address[:200]} is no JSON.") from None
        if not isinstance(value, dict):
            raise SourceFault(f"The answer to {address[:200]} is no message.")
        return value

    def _open(self, method: str, address: str, body: bytes | None = None) -> IO[bytes]:
        """What comes back, as a stream; asked again where the fault may pass."""
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        request = urllib.request.Request(  # noqa: S310 (the scheme is checked)
            self.url + address, data=body, headers=headers, method=method
        )
        for left in reversed(range(TRIES)):
            try:
                answer: IO[bytes] = self._opener.open(request, timeout=SECONDS)
            except urllib.error.HTTPError as error:
                if error.code not in _PASSING or not left:
                    raise SourceFault(_refusal(address, error), error.code) from None
            except (OSError, ValueError) as error:
                if not left:
                    raise SourceFault(f"{self.url} does not answer: {error}") from None
            else:
                return answer
            time.sleep(2 ** (TRIES - 1 - left))
        raise AssertionError("the last try answers or raises")


def _below(address: str) -> str:
    """The part of an address that the proxy counts from; the server in it is the one we ask."""
    return urlsplit(address).path.strip("/")


def _refusal(address: str, error: urllib.error.HTTPError) -> str:
    said = error.read(2_000).decode(errors="replace")
    return f"The server refused {address[:200]} with {error.code}: {said[:500]}"
