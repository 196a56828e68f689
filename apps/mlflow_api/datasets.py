"""What runs used and made, as the client reads it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.mlflow_api.call import Call
from apps.runs.models import Run


@dataclass
class Inputs:
    """The data sets and models that one run used, and the models that it made."""

    datasets: list[dict[str, Any]] = field(default_factory=list)
    models_in: list[dict[str, Any]] = field(default_factory=list)
    models_out: list[dict[str, Any]] = field(default_factory=list)


def inputs_and_outputs(runs: Sequence[Run], call: Call) -> defaultdict[int, Inputs]:
    return defaultdict(Inputs)
