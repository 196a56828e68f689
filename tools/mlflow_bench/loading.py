"""The same data in every server: one of each thing made through the protocol, then multiplied.

A hundred thousand runs through the protocol would take mlflow's server an hour, so the rows of the
template are copied with SQL, with ids, names and values of their own.
"""

from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tools.mlflow_bench.servers import Peer

PARAMS, METRICS, TAGS = 5, 5, 3
MODELS, VERSIONS = 1_000, 10
# A value of its own for each row, by its number `i` and what it is a value of: spread, repeatable.
_VALUE = "((i * 7919 + length({key}) * 104729 + ascii(right({key}, 1)) * 1299709) %% 100003) / 1e5"
_START = "now() - make_interval(secs => i)"


@dataclass(frozen=True)
class Loaded:
    """What there is to ask for."""

    experiment_id: str
    run_id: str
    model: str


def load(peer: Peer, socket: Path, runs: int) -> Loaded:
    """Fill a peer that runs, and let its database know what is in there."""
    template = _template(peer)
    with psycopg.connect(
        f"postgresql://postgres@/{peer.database}?host={socket}", autocommit=True
    ) as connection:
        copy = Copying(connection)
        (_ours if peer.database == "ours" else _theirs)(copy, template, runs, peer)
        # What autovacuum would do a minute later, in the middle of the measuring.
        connection.execute("VACUUM (ANALYZE)")
    return template


class Copying:
    """Rows multiplied inside a database."""

    def __init__(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        self.connection = connection

    def one(self, query: str, *values: object) -> int:
        row = self.connection.execute(query, values).fetchone()
        assert row is not None, query
        return int(str(row[0]))

    def times(self, table: str, where: str, count: int, **own: str) -> None:
        """Copy rows `count` times, `own` giving columns that differ, as SQL of the number `i`.

        The key is left to the database where nothing is said of it.
        """
        columns = [
            str(name)
            for (name,) in self.connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
                " AND table_schema = 'public' AND is_generated = 'NEVER' ORDER BY ordinal_position",
                [table],
            )
            if name != "id" or "id" in own
        ]
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        values = sql.SQL(", ").join(
            sql.SQL(own[name].replace("%%", "%")) if name in own else sql.Identifier("t", name)
            for name in columns
        )
        query = sql.SQL(
            "INSERT INTO {table} ({names}) SELECT {values} FROM {table} t,"
            " generate_series(1, {count}) i WHERE {where}"
        ).format(
            table=sql.Identifier(table),
            names=names,
            values=values,
            count=sql.Literal(count),
            where=sql.SQL(where),
        )
        self.connection.execute(query)


def _template(peer: Peer) -> Loaded:
    """One run with everything and one registered model with a version, by the protocol."""
    call = peer.caller()
    experiment = call.post("experiments/create", {"name": "bench"})["experiment_id"]
    run_id = call.post(
        "runs/create",
        {
            "experiment_id": experiment,
            "user_id": "bench",
            "run_name": "template",
            "start_time": 1_700_000_000_000,
            "tags": [{"key": f"tag{at}", "value": f"value {at}"} for at in range(TAGS)],
        },
    )["run"]["info"]["run_id"]
    call.post(
        "runs/log-batch",
        {
            "run_id": run_id,
            "params": [{"key": f"param{at}", "value": str(at)} for at in range(PARAMS)],
            "metrics": [
                {"key": f"metric{at}", "value": at, "timestamp": 1_700_000_001_000, "step": 1}
                for at in range(METRICS)
            ],
        },
    )
    ended = {"run_id": run_id, "status": "FINISHED", "end_time": 1_700_000_002_000}
    call.post("runs/update", ended)
    if "registry" not in peer.lacks:
        call.post("registered-models/create", {"name": "model 0"})
        version = {"name": "model 0", "source": f"runs:/{run_id}/model", "run_id": run_id}
        call.post("model-versions/create", version)
        alias = {"name": "model 0", "alias": "champion", "version": "1"}
        call.post("registered-models/alias", alias)
    return Loaded(experiment, run_id, "model 0")


def _theirs(copy: Copying, template: Loaded, runs: int, peer: Peer) -> None:
    """The tables of mlflow, which FastTrackML has as well."""
    where = f"t.run_uuid = '{template.run_id}'"
    run = "md5(i::text)"
    own = {
        "run_uuid": run,
        "name": "'run ' || i",
        "start_time": "1700000000000 - i * 1000",
        "artifact_uri": f"replace(t.artifact_uri, '{template.run_id}', {run})",
        "row_num": "t.row_num + i",
    }
    copy.times("runs", where, runs, **own)
    value = _VALUE.format(key="t.key")
    for table in ("params", "tags"):
        copy.times(table, where, runs, run_uuid=run)
    for table in ("metrics", "latest_metrics"):
        copy.times(table, where, runs, run_uuid=run, value=value)
    if "registry" in peer.lacks:
        return
    named = "t.name = 'model 0'"
    copy.times("model_versions", named, VERSIONS - 1, version="i + 1")
    copy.times("registered_models", named, MODELS, name="'model ' || i")
    for table in ("model_versions", "registered_model_aliases"):
        copy.times(table, named, MODELS, name="'model ' || i")


def _ours(copy: Copying, template: Loaded, runs: int, peer: Peer) -> None:
    run = copy.one("SELECT id FROM runs_run WHERE key = %s", template.run_id)
    base = copy.one("SELECT max(id) FROM runs_run")
    own = {"id": f"{base} + i", "key": "md5(i::text)", "name": "'run ' || i"}
    copy.times(
        "runs_run",
        f"t.id = {run}",
        runs,
        **own,
        started_at="t.started_at - make_interval(secs => i)",
    )
    copy.one("SELECT setval(pg_get_serial_sequence('runs_run', 'id'), max(id)) FROM runs_run")
    for table in ("runs_runparam", "runs_runtag"):
        copy.times(table, f"t.run_id = {run}", runs, run_id=f"{base} + i")
    value = _VALUE.format(key="t.key")
    copy.times(
        "series_series",
        f"t.owner_id = {run}",
        runs,
        owner_id=f"{base} + i",
        last_value=value,
        min_value=value,
        max_value=value,
    )
    _our_models(copy)


def _our_models(copy: Copying) -> None:
    model = copy.one("SELECT id FROM artifacts_collection WHERE name = 'model 0'")
    version = copy.one(f"SELECT id FROM artifacts_version WHERE collection_id = {model}")
    artifact = copy.one(f"SELECT artifact_id FROM artifacts_version WHERE id = {version}")
    tops = {
        table: copy.one(f"SELECT coalesce(max(id), 0) FROM {table}")
        for table in ("artifacts_collection", "artifacts_version", "artifacts_artifactversion")
    }
    models, versions, artifacts = tops.values()
    everything = MODELS * VERSIONS + VERSIONS - 1
    # Model 0 gets the first, every other its own stretch of versions.
    number = f"CASE WHEN i < {VERSIONS} THEN i + 1 ELSE (i - {VERSIONS}) %% {VERSIONS} + 1 END"
    others = f"{models} + (i - {VERSIONS}) / {VERSIONS} + 1"
    place = f"CASE WHEN i < {VERSIONS} THEN {model} ELSE {others} END"
    copy.times(
        "artifacts_collection",
        f"t.id = {model}",
        MODELS,
        id=f"{models} + i",
        name="'model ' || i",
        name_key="'model ' || i",
        next_number=str(VERSIONS + 1),
    )
    copy.connection.execute(
        f"UPDATE artifacts_collection SET next_number = {VERSIONS + 1} WHERE id = {model}"
    )
    copy.times(
        "artifacts_artifactversion",
        f"t.id = {artifact}",
        everything,
        id=f"{artifacts} + i",
        key="md5('artifact ' || i)",
        digest="md5(i::text) || md5(i::text)",
    )
    copy.times(
        "artifacts_version",
        f"t.id = {version}",
        everything,
        id=f"{versions} + i",
        collection_id=place,
        number=number,
        artifact_id=f"{artifacts} + i",
    )
    copy.times(
        "mlflow_api_registration",
        f"t.version_id = {version}",
        everything,
        version_id=f"{versions} + i",
    )
    copy.times(
        "artifacts_labelholding",
        f"t.version_id = {version} AND t.held_until IS NULL",
        MODELS,
        collection_id=f"{models} + i",
        version_id=f"{versions} + {VERSIONS} + (i - 1) * {VERSIONS}",
    )
    for table in tops:
        copy.one(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
