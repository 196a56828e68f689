"""Keeping the column scores in step with the results they are derived from."""

from collections.abc import Sequence

from apps.artifacts.models import ArtifactVersion, Version
from apps.evaluations.models import Result
from apps.registry.models import Column, ColumnScore


def sync_scores(*, artifact: ArtifactVersion, results: Sequence[Result]) -> None:
    """Bring the scores of an artifact version up to its current results, wherever it stands.

    Part of the recording of results, or of linking a version, and of the event of that.
    """
    # Locked, so that one that is being removed is either seen as gone or removed with these scores.
    standing = Version.objects.filter(artifact=artifact, deleted_at=None).order_by("pk")
    versions = list(standing.select_for_update(no_key=True))
    by_pair = {(result.metric_id, result.golden_set_id): result for result in results}
    columns = Column.objects.filter(
        collection__in=[version.collection_id for version in versions],
        metric__in={metric for metric, _ in by_pair},
    )
    scores, gone = [], []
    for column in columns:
        result = by_pair.get((column.metric_id, column.golden_set_id))
        if result is None:
            continue
        for version in versions:
            if version.collection_id != column.collection_id:
                continue
            if result.value is None:
                gone.append((version.pk, column.pk))
            else:
                scores.append(
                    ColumnScore(
                        column=column, version=version, number=version.number, value=result.value
                    )
                )
    ColumnScore.objects.bulk_create(
        scores,
        update_conflicts=True,
        unique_fields=["version", "column"],
        update_fields=["value"],
    )
    if gone:
        ColumnScore.objects.filter(
            version__in={version for version, _ in gone}, column__in={column for _, column in gone}
        ).delete()


def drop_scores(*, version: Version) -> None:
    """Forget the scores of a version that has left its collection."""
    ColumnScore.objects.filter(version=version).delete()
