"""Indexes that answer alone: SQLite reads the rows behind a partial one."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0003_purged_projects"),
        ("runs", "0006_indexes_of_the_runs_table"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="run",
            name="runs_newest_first",
        ),
        migrations.RemoveIndex(
            model_name="runparam",
            name="runs_by_param",
        ),
        migrations.RemoveIndex(
            model_name="runparam",
            name="runs_by_param_text",
        ),
        migrations.RemoveIndex(
            model_name="summaryvalue",
            name="runs_by_summary",
        ),
        migrations.RemoveIndex(
            model_name="summaryvalue",
            name="runs_by_summary_text",
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["project", "deleted_at", "-started_at", "-id"], name="runs_newest_first"
            ),
        ),
        migrations.AddIndex(
            model_name="runparam",
            index=models.Index(
                fields=["project", "key", "number", "brief", "run"], name="runs_by_param"
            ),
        ),
        migrations.AddIndex(
            model_name="summaryvalue",
            index=models.Index(
                fields=["project", "key", "number", "brief", "run"], name="runs_by_summary"
            ),
        ),
    ]
