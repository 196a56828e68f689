"""What is asked of each server: one function per call, and how many clients ask at once."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from tools.mlflow_bench.loading import Loaded
from tools.mlflow_bench.servers import Caller, Peer

POINTS = (10_000, 100_000)
BATCH = 1_000
SMALL, LARGE = 100_000, 50_000_000
_numbers = itertools.count(1)

Ask = Callable[[Caller], object]


@dataclass(frozen=True)
class Measure:
    """A call: `make` gives for a server what one client repeats."""

    name: str
    make: Callable[[Peer, Loaded], Ask]
    clients: int = 1
    rounds: int = 20
    kind: str = ""
    # How many points one call logs, where that is what counts.
    points: int = 0


@dataclass
class Taken:
    """What one server took for a call, over all rounds."""

    seconds: list[float] = field(default_factory=list)
    cpu: float = 0.0
    elapsed: float = 0.0
    # Whether there was no time for all rounds.
    is_cut: bool = False


def measure(
    call: Measure, asks: dict[str, Ask], peers: list[Peer], rounds: int, seconds: float
) -> dict[str, Taken]:
    """Ask the servers in turns, a few calls each time, so that a slow moment hits all alike.

    After so many seconds no turn begins any more; each server has had one by then.
    """
    taken = {peer.name: Taken() for peer in peers}
    callers = {peer.name: [peer.caller() for _ in range(call.clients)] for peer in peers}
    for peer in peers:
        for caller in callers[peer.name]:
            asks[peer.name](caller)
    left, end = rounds, time.perf_counter() + seconds
    while left > 0:
        if left < rounds and time.perf_counter() > end:
            for one in taken.values():
                one.is_cut = True
            break
        turn = min(5, left)
        left -= turn
        for peer in peers:
            for caller in callers[peer.name]:
                caller.connect()
            before, started = peer.cpu_seconds(), time.perf_counter()
            took = _several(asks[peer.name], callers[peer.name], turn)
            taken[peer.name].elapsed += time.perf_counter() - started
            taken[peer.name].cpu += peer.cpu_seconds() - before
            taken[peer.name].seconds += took
    return taken


def _several(ask: Ask, callers: list[Caller], times: int) -> list[float]:
    seconds: list[float] = []

    def repeat(caller: Caller) -> None:
        for _ in range(times):
            started = time.perf_counter()
            ask(caller)
            seconds.append(time.perf_counter() - started)

    threads = [threading.Thread(target=repeat, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(seconds) != times * len(callers):
        raise RuntimeError("a call failed; its trace stands above")
    return seconds


def _new_run(peer: Peer, loaded: Loaded) -> str:
    body = {"experiment_id": loaded.experiment_id, "start_time": 1_700_000_000_000}
    info = peer.caller().post("runs/create", {**body, "run_name": "logging"})["run"]["info"]
    return str(info["run_id"])


def _points(count: int, first: int = 0, key: str = "curve") -> list[dict[str, object]]:
    return [
        {"key": key, "value": 1 / (at + 1), "timestamp": 1_700_000_000_000 + at, "step": at}
        for at in range(first, first + count)
    ]


def _get_run(_peer: Peer, loaded: Loaded) -> Ask:
    return lambda caller: caller.get("runs/get", run_id=loaded.run_id)


def _alias(_peer: Peer, loaded: Loaded) -> Ask:
    return lambda caller: caller.get("registered-models/alias", name=loaded.model, alias="champion")


def _models(_peer: Peer, _loaded: Loaded) -> Ask:
    return lambda caller: caller.get("registered-models/search", max_results=100)


def _versions(_peer: Peer, loaded: Loaded) -> Ask:
    wanted = f"name = '{loaded.model}'"
    return lambda caller: caller.get("model-versions/search", filter=wanted, max_results=100)


def _runs(filter_text: str, order: list[str]) -> Callable[[Peer, Loaded], Ask]:
    def make(_peer: Peer, loaded: Loaded) -> Ask:
        body = {
            "experiment_ids": [loaded.experiment_id],
            "filter": filter_text,
            "order_by": order,
            "max_results": 100,
        }
        return lambda caller: caller.post("runs/search", body)

    return make


def _history(count: int) -> Callable[[Peer, Loaded], Ask]:
    def make(peer: Peer, loaded: Loaded) -> Ask:
        run_id, caller = _new_run(peer, loaded), peer.caller()
        for first in range(0, count, BATCH):
            body = {"run_id": run_id, "metrics": _points(BATCH, first)}
            caller.post("runs/log-batch", body)

        def ask(caller: Caller) -> object:
            token, found = "", 0
            while True:
                more = {"page_token": token} if token else {}
                answer = caller.get(
                    "metrics/get-history",
                    run_id=run_id,
                    metric_key="curve",
                    max_results=25_000,
                    **more,
                )
                found += len(answer["metrics"])
                token = answer.get("next_page_token") or ""
                if not token or len(answer["metrics"]) >= count:
                    assert found == count, found
                    return found

        return ask

    return make


def _log_one(peer: Peer, loaded: Loaded) -> Ask:
    runs = _run_for_each(peer, loaded)

    def ask(caller: Caller) -> object:
        at = next(_numbers)
        body = {"key": "loss", "value": 1 / at, "timestamp": 1_700_000_000_000 + at, "step": at}
        return caller.post("runs/log-metric", {"run_id": runs(), **body})

    return ask


def _log_batch(peer: Peer, loaded: Loaded) -> Ask:
    runs = _run_for_each(peer, loaded)

    def ask(caller: Caller) -> object:
        # Ten metrics, a hundred steps.
        first = next(_numbers) * 100
        metrics = [one for key in range(10) for one in _points(100, first, f"metric {key}")]
        return caller.post("runs/log-batch", {"run_id": runs(), "metrics": metrics})

    return ask


def _run_for_each(peer: Peer, loaded: Loaded) -> Callable[[], str]:
    """A run for each client, as trainings beside each other have."""
    mine = threading.local()

    def run() -> str:
        if not hasattr(mine, "run"):
            mine.run = _new_run(peer, loaded)
        return str(mine.run)

    return run


def _new_version(peer: Peer, loaded: Loaded) -> Ask:
    run_id = _new_run(peer, loaded)
    name = f"raced {next(_numbers)}"
    peer.caller().post("registered-models/create", {"name": name})
    body = {"name": name, "source": f"runs:/{run_id}/model", "run_id": run_id}
    return lambda caller: caller.post("model-versions/create", body)


def _upload(size: int) -> Callable[[Peer, Loaded], Ask]:
    def make(peer: Peer, loaded: Loaded) -> Ask:
        address = _files_of(peer, loaded)
        # Another content each time: what is stored already need not be written again.
        tail = bytes(size - 8)
        return lambda caller: caller.raw(
            "PUT", f"{address}/{next(_numbers)}.bin", next(_numbers).to_bytes(8, "big") + tail
        )

    return make


def _download(size: int) -> Callable[[Peer, Loaded], Ask]:
    def make(peer: Peer, loaded: Loaded) -> Ask:
        address = _files_of(peer, loaded)
        peer.caller().raw("PUT", f"{address}/down.bin", bytes(size))
        return lambda caller: caller.raw("GET", f"{address}/down.bin")

    return make


def _files_of(peer: Peer, loaded: Loaded) -> str:
    run_id = _new_run(peer, loaded)
    info = peer.caller().get("runs/get", run_id=run_id)["run"]["info"]
    path = info["artifact_uri"].partition(":")[2].strip("/")
    return f"/api/2.0/mlflow-artifacts/artifacts/{quote(path)}"


BY_METRIC = _runs("", ["metrics.metric3 DESC"])
FILTERED = _runs("metrics.metric3 > 0.5 AND params.param1 = '1'", ["metrics.metric2 ASC"])


def calls() -> Iterator[Measure]:
    """Every call that is measured, those that write last."""
    yield Measure("get run", _get_run, rounds=60)
    yield Measure("alias to version", _alias, rounds=60, kind="registry")
    yield Measure("search 100 of 1,000 models", _models, rounds=20, kind="registry")
    yield Measure("search a model's versions", _versions, rounds=40, kind="registry")
    yield Measure("runs by a metric, 100", BY_METRIC)
    yield Measure("runs by filter and metric, 100", FILTERED)
    for count in POINTS:
        yield Measure(f"history of {count:,} points", _history(count), rounds=10)
    for clients in (1, 8):
        who = "1 client" if clients == 1 else f"{clients} clients"
        yield Measure(f"log a metric, {who}", _log_one, clients, rounds=40)
        yield Measure(f"log a batch, {who}", _log_batch, clients, rounds=20, points=BATCH)
    yield Measure("new version, 8 clients", _new_version, 8, rounds=10, kind="registry")
    for size in (SMALL, LARGE):
        rounds = 20 if size == SMALL else 5
        name = f"{size / 1e6:g} MB"
        yield Measure(f"upload {name}", _upload(size), rounds=rounds, kind="files")
        yield Measure(f"download {name}", _download(size), rounds=rounds, kind="files")
