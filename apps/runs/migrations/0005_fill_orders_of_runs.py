"""The new columns for the runs that are there."""

from typing import Any

from django.db import migrations
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Substr

BLOCK = 1_000


def fill(apps: Any, schema_editor: Any) -> None:
    runs = apps.get_model("runs", "Run").objects
    for name in ("RunParam", "SummaryValue"):
        project = runs.filter(pk=OuterRef("run")).values("project")[:1]
        values = apps.get_model("runs", name).objects.filter(project=None)
        values.update(project=Subquery(project), brief=Substr("text", 1, 64))
    ended = runs.exclude(ended_at=None).only("started_at", "ended_at")
    block = []
    for run in ended.iterator(chunk_size=BLOCK):
        run.seconds = (run.ended_at - run.started_at).total_seconds()
        block.append(run)
        if len(block) == BLOCK:
            runs.bulk_update(block, ["seconds"])
            block = []
    runs.bulk_update(block, ["seconds"])


class Migration(migrations.Migration):
    dependencies = [("runs", "0004_orders_of_runs")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
