"""What the runs table orders by: the length of a run, and its values by project."""

import django.db.models.deletion
from django.db import migrations, models


def _columns(model: str) -> list[migrations.AddField]:
    project = models.ForeignKey(
        null=True,
        db_index=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name="+",
        to="projects.project",
    )
    return [
        migrations.AddField(model, "brief", models.CharField(default="", max_length=64)),
        migrations.AddField(model, "project", project),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0003_purged_projects"),
        ("runs", "0003_runs_in_the_bin"),
    ]

    operations = [
        migrations.AddField("run", "seconds", models.FloatField(blank=True, null=True)),
        *_columns("runparam"),
        *_columns("summaryvalue"),
    ]
