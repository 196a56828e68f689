"""What a run says that it used and made: data sets and models."""

from typing import Final

from django.db import transaction

from apps.artifacts.services import note_made_again, note_use
from apps.mlflow_api.call import Call
from apps.mlflow_api.datasets import DatasetSaid, log_datasets
from apps.mlflow_api.endpoint import Message, endpoint
from apps.mlflow_api.views.runs import active_run
from apps.mlflow_api.wire import Params
from apps.projects.access import Action

MAX_DATASETS: Final = 1_000
MAX_MODELS: Final = 100
MAX_NAME: Final = 500
MAX_DIGEST: Final = 36
MAX_SOURCE_TYPE: Final = 64
MAX_SOURCE: Final = 65_535
MAX_SCHEMA: Final = 1_048_575
MAX_PROFILE: Final = 16_777_215
MAX_TAG_KEY: Final = 255
MAX_TAG_VALUE: Final = 500


@endpoint("POST", "runs/log-inputs", Action.LOG)
def log_inputs(call: Call) -> Message:
    run, access = active_run(call)
    said = [_dataset_in(one) for one in call.params.messages("datasets", most=MAX_DATASETS)]
    models = [_model_in(one) for one in call.params.messages("models", most=MAX_MODELS)]
    with transaction.atomic():
        log_datasets(run=run, said=said, access=access)
        for model_id in models:
            artifact, _access = call.model(model_id)
            note_use(run=run, artifact=artifact, even_pending=True, access=access)
    return {}


@endpoint("POST", "runs/outputs", Action.LOG)
def log_outputs(call: Call) -> Message:
    """A model is named as made before its files are there; sealing it adds nothing to this."""
    run, access = active_run(call)
    models = [
        (_model_in(one), one.integer("step", 0))
        for one in call.params.messages("models", most=MAX_MODELS)
    ]
    with transaction.atomic():
        for model_id, step in models:
            artifact, _access = call.model(model_id)
            note_made_again(run=run, artifact=artifact, step=step, access=access)
    return {}


def _model_in(params: Params) -> str:
    return params.text("model_id", required=True)


def _dataset_in(params: Params) -> DatasetSaid:
    dataset = params.message("dataset")
    return DatasetSaid(
        name=dataset.text("name", required=True, max_length=MAX_NAME),
        digest=dataset.text("digest", required=True, max_length=MAX_DIGEST),
        source_type=dataset.text("source_type", required=True, max_length=MAX_SOURCE_TYPE),
        source=dataset.text("source", required=True, max_length=MAX_SOURCE),
        schema=dataset.text("schema", max_length=MAX_SCHEMA),
        profile=dataset.text("profile", max_length=MAX_PROFILE),
        tags={
            tag.text("key", required=True, max_length=MAX_TAG_KEY): tag.text(
                "value", max_length=MAX_TAG_VALUE
            )
            for tag in params.messages("tags", most=1_000)
        },
    )
