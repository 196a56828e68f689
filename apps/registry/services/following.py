"""What the registry does when the apps below it change something, in the same transaction.

Those apps must not know this one, so they send signals; this is the one place that receives them.
"""

from collections.abc import Sequence
from typing import Final

from apps.accounts.models import Team
from apps.artifacts.models import ArtifactVersion, Version
from apps.core.prepared import Prepared
from apps.evaluations.models import Result
from apps.registry.services.columns import find_columns
from apps.registry.services.labels import add_default_labels
from apps.registry.services.scores import drop_scores, sync_scores


def on_team_created(*, team: Team, **_: object) -> None:
    """A new team starts with the usual labels."""
    add_default_labels(team=team)


def on_results_recorded(
    *, artifact: ArtifactVersion, results: Sequence[Result], **_: object
) -> None:
    """New results may need new columns, and are what the tables now sort by."""
    find_columns(artifact=artifact, results=results)
    sync_scores(artifact=artifact, results=results)


def on_version_linked(*, version: Version, **_: object) -> None:
    """An artifact version that is put into a further collection brings its results along."""
    results = _CURRENT.rows(version.artifact_id)
    if results:
        find_columns(artifact=version.artifact, results=results)
        sync_scores(artifact=version.artifact, results=results)


_CURRENT: Final = Prepared[Result](
    lambda artifact: Result.objects.filter(artifact=artifact, is_current=True).select_related(
        "metric", "golden_set"
    ),
    int,
)


def on_version_deleted(*, version: Version, **_: object) -> None:
    """A version that has left its collection is in no table."""
    drop_scores(version=version)
