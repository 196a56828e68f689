"""Copying what another MLflow server holds, with its ids, numbers and times.

What the client would send is sent to the same functions that answer it, so names, limits and rules
are one; where the protocol gives no say (ids, times) the rows are told afterwards. Each step looks
for what is there already: an import that was broken off goes on, and one that is repeated adds what
is new. A model is whole once it is sealed, a version once its number is taken; a run may get more
even after its end.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.accounts.choices import Scope
from apps.accounts.models import User
from apps.artifacts.choices import MODEL, ArtifactState
from apps.artifacts.drafts import put_draft_files
from apps.artifacts.models import ArtifactVersion, Collection, LabelHolding, Version
from apps.artifacts.services import FileSpec
from apps.audit.actors import Actor
from apps.bin.services.deletion import delete_project, delete_run
from apps.content.models import Blob
from apps.content.services import store
from apps.core.errors import DomainError, NotFound
from apps.core.limits import MAX_FILE_BYTES
from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import Message
from apps.mlflow_api.logged_models import begin_logged_model, finish_logged_model
from apps.mlflow_api.model_metrics import ModelMetric, record_model_metrics
from apps.mlflow_api.models import Experiment, LoggedModel, LoggedModelStatus
from apps.mlflow_api.places import MODEL_ID_PREFIX
from apps.mlflow_api.services import ensure_default
from apps.mlflow_api.source import Json, Source
from apps.mlflow_api.times import from_milliseconds
from apps.mlflow_api.views import (
    experiments,
    inputs,
    logging,
    model_versions,
    registered_models,
    runs,
)
from apps.mlflow_api.wire import Params
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.runs.choices import RunState
from apps.runs.files import files_of, store_file
from apps.runs.models import Run
from apps.runs.services import RunDescription, finish_run, schedule_run, start_run
from apps.runs.tagging import NAME
from apps.series.models import Series

_BATCH: Final = 900
_TAGS: Final = 90
_STAGES: Final = ("Staging", "Production", "Archived")
KINDS: Final = (
    "experiments",
    "runs",
    "params",
    "metrics",
    "points",
    "files",
    "logged models",
    "registered models",
    "versions",
    "aliases",
    "stages",
)


@dataclass
class Tally:
    """What the source has, by kind, what is here of that, and what could not be copied, and why."""

    there: Counter[str] = field(default_factory=Counter)
    here: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.faults and all(self.there[kind] == self.here[kind] for kind in KINDS)


class Import:
    """One pass over a source, as `user` and into that user's default team."""

    def __init__(self, source: Source, user: User, report: Callable[[str], None]) -> None:
        self.source = source
        self.user = user
        self.actor = Actor(user_id=user.pk, name=user.username)
        self.report = report
        self.tally = Tally()
        # The id here of each experiment there.
        self.projects: dict[str, Project] = {}

    def run(self) -> Tally:
        """Copy everything. What one thing lacks is noted and does not hold up the others."""
        for experiment in self.source.experiments():
            self._guarded(f"experiment {experiment['name']!r}", self._experiment, experiment)
        for model, versions in self._originals_first():
            self._guarded(f"model {model['name']!r}", self._registered_model, model, versions)
        return self.tally

    # Experiments ----------------------------------------------------------------------------

    def _experiment(self, there: Json) -> None:
        self.tally.there["experiments"] += 1
        project = self._project(there)
        self.tally.here["experiments"] += 1
        if project.deleted_at is not None:
            self.report(f"{there['name']}: in the bin here, left as it is")
            return
        access = self._access(project)
        for number, run in enumerate(self.source.runs(there["experiment_id"]), start=1):
            self._guarded(f"run {run['info']['run_id']}", self._run, run, project, access)
            if number % 100 == 0:
                self.report(f"{there['name']}: {number} runs")
        for model in self.source.logged_models(there["experiment_id"]):
            what = f"logged model {model['info']['model_id']}"
            self._guarded(what, self._logged_model, model, project, access)
        self.projects[there["experiment_id"]] = project
        self.report(f"{there['name']}: done")
        if there.get("lifecycle_stage") == "deleted":
            delete_project(access=access, reason="deleted at the source", accept_consequences=True)

    def _project(self, there: Json) -> Project:
        name, access = there["name"], self._call(Action.LOG).home()
        ensure_default(access.team)
        found = Experiment.objects.select_related("project__team").filter(
            team=access.team, name=name
        )
        row = found.first()
        if row is None:
            said = {"artifact_location": "", "tags": there.get("tags", []), "name": name}
            made = self._ask(experiments.create, Action.LOG, said)
            row = found.get(project=int(made["experiment_id"]))
            if created := there.get("creation_time"):
                at = from_milliseconds(int(created), field="creation_time")
                Project.objects.filter(pk=row.project_id).update(created_at=at)
        project: Project = Project.with_deleted.select_related("team").get(pk=row.project_id)
        return project

    # Runs -----------------------------------------------------------------------------------

    def _run(self, there: Json, project: Project, access: Access) -> None:
        info, data = there["info"], there.get("data", {})
        self.tally.there["runs"] += 1
        self.tally.there["params"] += len(data.get("params", []))
        self.tally.there["metrics"] += len(data.get("metrics", []))
        run = Run.with_deleted.filter(project=project, key=info["run_id"]).first()
        if run is None:
            run = self._start(there, access)
        if run.deleted_at is not None:
            self._count_there(there)
        elif not run.has_ended:
            self._fill(run, there, access)
            self._end(run, there, access)
        else:
            # What was logged at the source after its end: a client may do that.
            self._fill(run, there, access)
        self._count_run(run, there)

    def _start(self, there: Json, access: Access) -> Run:
        """The run with its tags; the rest comes in steps that can each be repeated."""
        info, tags = there["info"], _pairs(there.get("data", {}).get("tags", []))
        name = info.get("run_name") or tags.pop(NAME, "")
        start = int(info.get("start_time") or 0)
        with transaction.atomic():
            run = start_run(
                description=RunDescription(key=info["run_id"], name=name, has_heartbeat=False),
                started_at=from_milliseconds(start, field="start_time") if start else None,
                access=access,
            )
            tags.pop(NAME, None)
            for some in _batches(tags.items(), _TAGS):
                said = [{"key": key, "value": value} for key, value in some]
                self._ask(logging.log_batch, Action.LOG, {"run_id": run.key, "tags": said})
        return run

    def _fill(self, run: Run, there: Json, access: Access) -> None:
        """What the run has there and not here yet."""
        info, data = there["info"], there.get("data", {})
        counts = dict(_series(run, there).values_list("key", "count"))
        for params in _batches(data.get("params", []), _TAGS):
            self._ask(logging.log_batch, Action.LOG, {"run_id": run.key, "params": params})
        for metric in data.get("metrics", []):
            key = metric["key"]
            if key in counts:
                count = sum(1 for _ in self.source.history(info["run_id"], key))
                if count == counts[key]:
                    self.tally.there["points"] += count
                    continue
            # A point that is here already is not kept twice.
            for points in _batches(self.source.history(info["run_id"], key), _BATCH):
                self.tally.there["points"] += len(points)
                said = [_point(key, one) for one in points]
                self._ask(logging.log_batch, Action.LOG, {"run_id": run.key, "metrics": said})
        for path, size in self.source.run_files(there):
            self._guarded(f"file {path!r}", self._run_file, run, there, path, size, access)
        if used := there.get("inputs", {}).get("dataset_inputs", []):
            self._ask(inputs.log_inputs, Action.LOG, {"run_id": run.key, "datasets": used})

    def _end(self, run: Run, there: Json, access: Access) -> None:
        info = there["info"]
        state = runs.STATES.get(info.get("status", ""), RunState.RUNNING)
        if state == RunState.SCHEDULED:
            schedule_run(run=run, access=access)
        elif state.has_ended:
            end = int(info.get("end_time") or info.get("start_time") or 0)
            ended_at = from_milliseconds(end, field="end_time") if end else None
            finish_run(run=run, state=state, ended_at=ended_at, access=access)
        if info.get("lifecycle_stage") == "deleted":
            delete_run(
                run=run, access=access, reason="deleted at the source", accept_consequences=True
            )

    def _run_file(self, run: Run, there: Json, path: str, size: int, access: Access) -> None:
        self.tally.there["files"] += 1
        if files_of(run).filter(path=path, size_bytes=size).exists():
            return
        with self.source.open_run_file(there, path) as stream:
            store_file(run=run, path=path, access=access, stream=stream, max_bytes=MAX_FILE_BYTES)

    def _count_there(self, there: Json) -> None:
        """A run in the bin is left as it is, and counted at the source all the same."""
        run_id = there["info"]["run_id"]
        for metric in there.get("data", {}).get("metrics", []):
            points = self.source.history(run_id, metric["key"])
            self.tally.there["points"] += sum(1 for _ in points)
        self.tally.there["files"] += sum(1 for _ in self.source.run_files(there))

    def _count_run(self, run: Run, there: Json) -> None:
        data = there.get("data", {})
        series = _series(run, there)
        here = self.tally.here
        here["runs"] += 1
        here["params"] += run.params.filter(key__in=_pairs(data.get("params", []))).count()
        here["metrics"] += series.count()
        here["points"] += sum(series.values_list("count", flat=True))
        here["files"] += run.files.count()

    # Logged models --------------------------------------------------------------------------

    def _logged_model(self, there: Json, project: Project, access: Access) -> None:
        info = there["info"]
        self.tally.there["logged models"] += 1
        key = info["model_id"].removeprefix(MODEL_ID_PREFIX)
        artifact = ArtifactVersion.objects.filter(key=key).first()
        if artifact is not None and artifact.project_id != project.pk:
            raise NotFound("another project has a model of this id")
        model = (
            LoggedModel.objects.select_related("artifact__project").get(artifact=artifact)
            if artifact
            else self._begin_model(there, key, project, access)
        )
        if model.artifact.state == ArtifactState.PENDING:
            self._fill_model(model, there, access)
        self.tally.here["logged models"] += 1

    def _begin_model(self, there: Json, key: str, project: Project, access: Access) -> LoggedModel:
        info, data = there["info"], there.get("data", {})
        source = Run.objects.filter(project=project, key=info.get("source_run_id") or "").first()
        with transaction.atomic():
            model = begin_logged_model(
                project=project,
                name=info["name"],
                model_type=info.get("model_type") or "",
                source_run=source,
                params=_pairs(data.get("params", [])),
                tags=_pairs(info.get("tags", [])),
                access=access,
            )
            at = from_milliseconds(int(info["creation_timestamp_ms"]), field="creation_timestamp")
            ArtifactVersion.objects.filter(pk=model.artifact_id).update(key=key, created_at=at)
            LoggedModel.objects.filter(pk=model.pk).update(created_at=at)
        return LoggedModel.objects.select_related("artifact__project").get(pk=model.pk)

    def _fill_model(self, model: LoggedModel, there: Json, access: Access) -> None:
        info = there["info"]
        for path, size in self.source.model_files(there):
            if model.artifact.files.filter(path=path, size_bytes=size).exists():
                continue
            with self.source.open_model_file(there, path) as stream:
                blob: Blob = store(
                    owner_id=model.project_id, stream=stream, max_bytes=MAX_FILE_BYTES
                )
            spec = FileSpec(path=path, digest=blob.digest)
            put_draft_files(artifact=model.artifact, files=[spec], access=access)
        for run_id, metrics in _by_run(there).items():
            run = Run.objects.filter(project=model.project_id, key=run_id).first()
            if run is not None:
                record_model_metrics(run=run, metrics=metrics, access=access)
        status = status_of(info)
        if status != LoggedModelStatus.PENDING:
            finish_logged_model(
                model=model,
                status=status,
                message=info.get("status_message") or "",
                access=access,
            )

    # The registry ---------------------------------------------------------------------------

    def _originals_first(self) -> Iterator[tuple[Json, list[Json]]]:
        """The registered models with their versions, each after those of which it has copies."""
        waiting: list[tuple[Json, list[Json]]] = []
        for one in self.source.registered_models():
            self._guarded(f"model {one['name']!r}", self._read_versions, one, waiting)
        while waiting:
            names = {one["name"] for one, _ in waiting}
            ready = [
                (one, versions)
                for one, versions in waiting
                if not _copied_from(versions) & names - {one["name"]}
            ]
            # Two that copy from each other: the download address has to do (_register).
            ready = ready or waiting
            yield from ready
            waiting = [one for one in waiting if one not in ready]

    def _read_versions(self, there: Json, found: list[tuple[Json, list[Json]]]) -> None:
        found.append((there, self.source.versions(there["name"])))

    def _registered_model(self, there: Json, versions: list[Json]) -> None:
        name, tally = there["name"], self.tally
        tally.there["registered models"] += 1
        team = self._call(Action.LINK).home().team
        standing = Collection.objects.filter(team=team, project=None, type=MODEL, name=name)
        if not standing.exists():
            said = {
                "name": name,
                "description": there.get("description", ""),
                "tags": there.get("tags", []),
            }
            self._ask(registered_models.create, Action.LINK, said)
            _date(standing, there, created_at="creation_timestamp")
        model: Collection = standing.get()
        tally.here["registered models"] += 1
        for version in versions:
            what = f"version {version['version']} of {name!r}"
            self._guarded(what, self._version, model, version)
        for alias in there.get("aliases", []):
            self._guarded(f"alias {alias['alias']!r} of {name!r}", self._alias, model, alias)
        Collection.objects.filter(pk=model.pk).update(
            **_times(there, updated_at="last_updated_timestamp")
        )
        self.report(f"model {name}: done")

    def _version(self, model: Collection, there: Json) -> None:
        number = int(there["version"])
        stage = there.get("current_stage") or "None"
        self.tally.there["versions"] += 1
        self.tally.there["stages"] += stage in _STAGES
        standing = Version.objects.filter(collection=model, number=number)
        if not standing.exists():
            self._register(model, there, number)
        self.tally.here["versions"] += 1
        if stage not in _STAGES:
            return
        held = LabelHolding.objects.filter(
            version__in=standing, label_key=stage.lower(), is_stage=True, held_until=None
        )
        if not held.exists():
            said = {"name": model.name, "version": str(number), "stage": stage}
            self._ask(model_versions.transition_stage, Action.MOVE_LABEL, said)
        self.tally.here["stages"] += 1
        _date(standing, there, updated_at="last_updated_timestamp")

    def _register(self, model: Collection, there: Json, number: int) -> None:
        """The version under its own number: what lies between was deleted at the source."""
        source = there["source"]
        # What the server made of the source when it was registered names the files better.
        if there.get("model_id") and not source.startswith("models:/"):
            source = f"models:/{there['model_id']}"
        said = {
            "name": model.name,
            "source": source,
            "run_id": there.get("run_id", ""),
            "run_link": there.get("run_link", ""),
            "description": there.get("description", ""),
            "tags": there.get("tags", []),
        }
        with transaction.atomic():
            locked = Collection.objects.select_for_update(no_key=True).get(pk=model.pk)
            Collection.objects.filter(pk=model.pk).update(next_number=number)
            try:
                self._ask(model_versions.create, Action.LINK, said)
            except NotFound:
                # A copy of what has gone at the source: its files are known there all the same.
                said["source"] = self.source.download_address(model.name, number)
                self._ask(model_versions.create, Action.LINK, said)
            rows = Version.objects.filter(collection=model, number=number)
            _date(rows, there, linked_at="creation_timestamp", updated_at="last_updated_timestamp")
            if locked.next_number > number:
                # One that could not be copied before has had its number kept free.
                Collection.objects.filter(pk=model.pk).update(next_number=locked.next_number)

    def _alias(self, model: Collection, there: Json) -> None:
        self.tally.there["aliases"] += 1
        number, alias = int(there["version"]), there["alias"]
        held = LabelHolding.objects.filter(
            collection=model, version__number=number, label=alias, is_stage=False, held_until=None
        )
        if not held.exists():
            said = {"name": model.name, "alias": alias, "version": str(number)}
            self._ask(registered_models.set_alias, Action.MOVE_LABEL, said)
        self.tally.here["aliases"] += 1

    # ----------------------------------------------------------------------------------------

    def _guarded(self, what: str, step: Callable[..., None], *arguments: Any) -> None:
        try:
            step(*arguments)
        except DomainError as error:
            self.tally.faults.append(f"{what}: {error.message}")
            self.report(f"! {what}: {error.message}")

    def _call(self, action: Action, fields: Mapping[str, Any] | None = None) -> Call:
        request = HttpRequest()
        return Call(request, action, self.user, self.actor, Scope.WRITE, Params(fields or {}))

    def _ask(
        self, function: Callable[[Call], Any], action: Action, fields: Mapping[str, Any]
    ) -> Message:
        answer: Message = function(self._call(action, fields))
        return answer

    def _access(self, project: Project) -> Access:
        return self._call(Action.LOG).experiment(str(project.pk))[1]


def _batches(items: Any, size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def _pairs(found: list[Json]) -> dict[str, str]:
    return {one["key"]: one.get("value", "") for one in found}


def _copied_from(versions: list[Json]) -> set[str]:
    """The registered models of which these versions are copies."""
    sources = (one["source"].removeprefix("models:/") for one in versions if _is_copy(one))
    return {source.partition("/")[0].partition("@")[0] for source in sources}


def _is_copy(version: Json) -> bool:
    source = str(version.get("source", ""))
    return source.startswith("models:/") and not source.startswith(f"models:/{MODEL_ID_PREFIX}")


def _series(run: Run, there: Json) -> QuerySet[Series]:
    """The series here of the metrics that the run has there."""
    metrics = {one["key"] for one in there.get("data", {}).get("metrics", [])}
    return Series.objects.filter(owner_id=run.pk, key__in=metrics)


def _point(key: str, there: Json) -> Json:
    return {
        "key": key,
        "value": there.get("value", 0),
        "timestamp": there.get("timestamp", 0),
        "step": there.get("step", 0),
    }


def _by_run(there: Json) -> dict[str, list[ModelMetric]]:
    found: dict[str, list[ModelMetric]] = {}
    for one in there.get("data", {}).get("metrics", []):
        metric = ModelMetric(
            model_id=there["info"]["model_id"],
            key=one["key"],
            value=float(one.get("value", 0)),
            step=int(one.get("step", 0)),
            timestamp=int(one.get("timestamp", 0)),
            dataset_name=one.get("dataset_name") or "",
            dataset_digest=one.get("dataset_digest") or "",
        )
        run_id = one.get("run_id") or there["info"].get("source_run_id") or ""
        found.setdefault(run_id, []).append(metric)
    return found


def status_of(info: Json) -> LoggedModelStatus:
    """Some servers say the number of the enum, some that the status is not known: such a model was
    not finished."""
    status = info.get("status")
    numbered = enumerate(LoggedModelStatus, start=1)
    return next(
        (one for at, one in numbered if status in (at, str(one))), LoggedModelStatus.PENDING
    )


def _times(there: Json, **fields: str) -> dict[str, Any]:
    return {
        name: from_milliseconds(int(there[said]), field=said)
        for name, said in fields.items()
        if there.get(said)
    }


def _date(rows: Any, there: Json, **fields: str) -> None:
    """Give rows the times that the source says."""
    if times := _times(there, **fields):
        rows.update(**times)
