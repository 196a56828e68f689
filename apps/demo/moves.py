"""Carrying out what the people of the demo decide, through the services that everybody uses."""

from datetime import datetime

import numpy as np

from apps.artifacts.choices import MODEL
from apps.artifacts.models import LabelHolding, Version
from apps.artifacts.services import ensure_collection, link_version
from apps.demo.decisions import PRODUCTION, STAGING, Kind, Move, Rules, Scored, Standing, decide
from apps.demo.ownership import ACTOR
from apps.demo.scene import ACCURACY, LOSS, Scene
from apps.demo.story import REGISTRY_MODEL
from apps.evaluations.examples import read_examples
from apps.evaluations.queries import current_results
from apps.projects.access import system_access
from apps.registry.queries.labels import current_holding, label_history, label_rules
from apps.registry.services.promotion import (
    former_holding,
    promote_version,
    remove_label,
    roll_back,
)


def decide_and_move(scene: Scene, version: Version, at: datetime) -> list[Move]:
    """Let the demo's people decide on a version that has just been evaluated, and act.

    Nothing happens once somebody else has moved a label of this model: it is theirs then.
    """
    if _somebody_else_decides(scene):
        return []
    moves = list(decide(scored(scene, version), _standing(scene), _rules(scene)))
    for move in moves:
        _carry_out(scene, version, move, at + move.after)
    return moves


def scored(scene: Scene, version: Version) -> Scored:
    """A version with its results on the demo's golden sets, as they are stored."""
    titles = {golden_set.pk: title for title, golden_set in scene.golden_sets.items()}
    losses, accuracies = {}, {}
    for result in current_results(version.artifact):
        title = titles.get(result.golden_set_id or 0)
        if title is None:
            continue
        if result.metric.name == ACCURACY and result.value is not None:
            accuracies[title] = result.value
        if result.metric.name == LOSS:
            losses[title] = np.array([example.score for example in read_examples(result)])
    return Scored(version.number, losses, accuracies)


def _standing(scene: Scene) -> Standing:
    production, staging = _holding(scene, PRODUCTION), _holding(scene, STAGING)
    former = former_holding(production) if production else None
    return Standing(
        production=scored(scene, production.version) if production else None,
        former=scored(scene, former.version) if former else None,
        staging=scored(scene, staging.version) if staging else None,
    )


def _holding(scene: Scene, label: str) -> LabelHolding | None:
    return current_holding(scene.collection, label_rules(scene.team, label))


def _rules(scene: Scene) -> Rules:
    decisive, quick = scene.story.golden_plans
    return Rules(
        decisive=decisive.title,
        quick=quick.title,
        registry_accuracy=scene.story.registry_accuracy,
        clusters={title: golden.examples.sources for title, golden in scene.data.golden.items()},
    )


def _somebody_else_decides(scene: Scene) -> bool:
    ours = [user.pk for user in scene.users.values()]
    return label_history(scene.collection).exclude(given_by__in=ours).exists()


def _carry_out(scene: Scene, version: Version, move: Move, at: datetime) -> None:
    access = scene.access(move.by)
    if move.kind == Kind.GIVE:
        promote_version(version=version, label=move.label, access=access, reason=move.reason, at=at)
    elif move.kind == Kind.TAKE:
        remove_label(version=version, label=move.label, access=access, reason=move.reason, at=at)
    elif move.kind == Kind.ROLL_BACK:
        roll_back(
            collection=scene.collection,
            label=move.label,
            access=access,
            reason=move.reason,
            at=at,
        )
    else:
        _register(scene, version, move, at)


def _register(scene: Scene, version: Version, move: Move, at: datetime) -> None:
    """Link a version to the registry model and give it the label there."""
    registry_model = ensure_collection(
        name=REGISTRY_MODEL,
        type=MODEL,
        # The audit log then says that the demo made it (see ownership).
        access=system_access(scene.team, ACTOR),
        project=None,
        title=REGISTRY_MODEL,
        description="The best reader of handwritten digits, for everybody to use.",
        at=at,
    )
    access = scene.access(move.by, in_registry=True)
    linked = link_version(
        artifact=version.artifact, collection=registry_model, access=access, at=at
    )
    promote_version(version=linked, label=move.label, access=access, reason=move.reason, at=at)
