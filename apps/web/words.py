"""What our words are called by people who come from W&B or MLflow."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Word:
    """One of our words, theirs, and what it is; an empty one is a thing that they do not have."""

    ours: Promise
    wandb: str
    mlflow: str
    meaning: Promise


WORDS = (
    Word(
        _("team"),
        "entity",
        "",
        _("Owns projects, the registry, labels and golden sets. People have one role in it."),
    ),
    Word(_("project"), "project", "experiment", _("A place for runs and for what they make.")),
    Word(_("run"), "run", "run", _("One execution of training or evaluation code.")),
    Word(_("config"), "config", "params", _("What the code was told: the settings of a run.")),
    Word(_("curve"), "history", "metric history", _("The points of one metric in one run.")),
    Word(
        _("artifact version"),
        "artifact version",
        "logged model",
        _("Sealed files and their metadata. The digest says what is in it."),
    ),
    Word(
        _("model"),
        "registered model",
        "registered model",
        _("A named line of versions, in a project or in the team's registry."),
    ),
    Word(_("version"), "vN", "model version", _("A numbered place in a model.")),
    Word(
        _("status label"),
        "alias",
        "alias, stage",
        _("The standing of a version: production, staging, or any other word."),
    ),
    Word(
        _("promotion"),
        "alias change",
        "alias or stage change",
        _("Moving a label to a version, by somebody, for a reason."),
    ),
    Word(
        _("golden set"),
        "dataset artifact",
        "dataset (name, digest)",
        _("The data on which models are measured."),
    ),
    Word(
        _("evaluation result"),
        "metadata or summary key",
        "metric with model id and dataset",
        _("One metric of one artifact version on one golden set."),
    ),
    Word(_("nested run"), "", "nested run", _("A run that another one started.")),
    Word(_("bin"), "", "deleted stage", _("Where what is deleted waits, and can be restored.")),
)
