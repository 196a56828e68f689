"""`make bench-mlflow`: our server beside mlflow's own, and beside FastTrackML.

    make bench-mlflow ARGS="--runs 100000 --peers mlflow fasttrackml --seconds 20"

All of them keep their data on one PostgreSQL (durable: fsync on), are filled with the same and are
asked the same calls in turns, over plain HTTP by a client of our own. What counts is the ratio in
one run on one machine; absolute times say more about the machine. `--seconds` bounds what a call
takes for all servers together, beside making ready for it.
"""

import argparse
import signal
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import postgres  # noqa: E402
from tools import clients  # noqa: E402
from tools.mlflow_bench import servers  # noqa: E402
from tools.mlflow_bench.calls import Taken, calls, measure  # noqa: E402
from tools.mlflow_bench.loading import load  # noqa: E402

PEERS = {"mlflow": "mlflow-server", "fasttrackml": "fasttrackml"}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def main() -> int:
    options = read_options()
    # Whoever stops it, by `timeout` say, leaves no server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for name in options.peers:
        if not clients.bring(PEERS[name]):
            return 1
    with tempfile.TemporaryDirectory(prefix="mlflow-bench-") as name:
        folder = Path(name)
        # Its database server may run as another user, who only passes through.
        folder.chmod(0o711)
        postgres.SERVER_OPTIONS.update(DURABLE)
        database = postgres.PostgresServer(folder / "socket")
        database.start()
        try:
            compare(folder, options)
        finally:
            database.stop()
    return 0


def compare(folder: Path, options: argparse.Namespace) -> None:
    socket = folder / "socket"
    make_databases(socket)
    peers = [servers.ours(folder / "ours", socket, options.port)]
    for at, name in enumerate(options.peers, start=1):
        make = getattr(servers, name)
        peers.append(make(folder / name, socket, options.port + at))
    try:
        starts = {peer.name: cold_start(peer) for peer in peers}
        loaded = {peer.name: load(peer, socket, options.runs) for peer in peers}
        report_head(peers, options)
        for call in calls():
            if options.only and options.only not in call.name:
                continue
            able = [peer for peer in peers if call.kind not in peer.lacks]
            asks = {peer.name: call.make(peer, loaded[peer.name]) for peer in able}
            rounds = max(5, call.rounds * options.percent // 100)
            taken = measure(call, asks, able, rounds, options.seconds)
            report(call.name, taken, peers, call.points)
        print()
        for peer in peers:
            seconds, cpu = starts[peer.name]
            memory = peer.memory_bytes() / 1e6
            print(
                f"{peer.name}: cold start {seconds:.1f} s (CPU {cpu:.1f} s), memory {memory:.0f} MB"
            )
    finally:
        for peer in peers:
            peer.stop()


def make_databases(socket: Path) -> None:
    import psycopg

    address = f"postgresql://postgres@/postgres?host={socket}"
    with psycopg.connect(address, autocommit=True) as connection:
        for name in ("ours", "theirs", "fast"):
            connection.execute(f"CREATE DATABASE {name}")


def cold_start(peer: servers.Peer) -> tuple[float, float]:
    """From nothing to the first answer, and the CPU time until then: the best of two, after one
    that makes tables and files."""
    peer.start()
    starts = []
    for _ in range(2):
        peer.stop()
        starts.append((peer.start(), peer.cpu_seconds()))
    return min(starts)


def report_head(peers: list[servers.Peer], options: argparse.Namespace) -> None:
    print(f"\n{options.runs:,} runs. Milliseconds: median, 95th percentile, server CPU for a call")
    print(f"{'':32}" + "".join(f"{peer.name:>27}" for peer in peers), flush=True)


def report(name: str, taken: dict[str, Taken], peers: list[servers.Peer], points: int) -> None:
    line, ratios = f"{name:32}", []
    mine = taken[peers[0].name]
    for peer in peers:
        one = taken.get(peer.name)
        if one is None:
            line += f"{'–':>27}"
            continue
        ordered = sorted(one.seconds)
        median, late = statistics.median(ordered), ordered[int(len(ordered) * 0.95) - 1]
        cpu = one.cpu / len(ordered)
        line += f"{median * 1e3:10.1f} {late * 1e3:8.1f} {cpu * 1e3:7.1f}"
        if peer is not peers[0]:
            faster = median / statistics.median(mine.seconds)
            cheaper = one.cpu / max(mine.cpu, 0.01)
            ratios.append(f"{peer.name} x{faster:.1f}, CPU x{cheaper:.1f}")
        if points:
            ratios.append(f"{peer.name} {points * len(ordered) / one.elapsed:,.0f} points/s")
    if mine.is_cut:
        ratios.append(f"{len(mine.seconds)} calls")
    print(f"{line}   {'; '.join(ratios)}", flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-mlflow", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--peers", nargs="*", choices=sorted(PEERS), default=["mlflow"])
    parser.add_argument("--percent", type=int, default=100, help="of the usual number of rounds")
    parser.add_argument("--seconds", type=float, default=60, help="at most, for each call")
    parser.add_argument("--only", default="", help="calls with this in their name")
    parser.add_argument("--port", type=int, default=8950)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
