"""The indexes that the runs table reads; values name their project from here on."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0003_purged_projects"),
        ("runs", "0005_fill_orders_of_runs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="runparam",
            name="runs_by_param",
        ),
        migrations.RemoveIndex(
            model_name="summaryvalue",
            name="runs_by_summary",
        ),
        migrations.AlterField(
            model_name="runparam",
            name="project",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="projects.project",
            ),
        ),
        migrations.AlterField(
            model_name="summaryvalue",
            name="project",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="projects.project",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=["project", "name", "id"],
                name="runs_by_name",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=["project", "group", "id"],
                name="runs_by_group",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=["project", "job_type", "id"],
                name="runs_by_job_type",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=["project", "seconds", "id"],
                name="runs_by_seconds",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=["project", "state", "-started_at", "-id"],
                name="runs_by_state",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=["project", "created_by", "-started_at", "-id"],
                name="runs_by_created_by",
            ),
        ),
        migrations.AddIndex(
            model_name="runparam",
            index=models.Index(fields=["project", "key", "number", "run"], name="runs_by_param"),
        ),
        migrations.AddIndex(
            model_name="runparam",
            index=models.Index(
                fields=["project", "key", "brief", "run"], name="runs_by_param_text"
            ),
        ),
        migrations.AddIndex(
            model_name="summaryvalue",
            index=models.Index(fields=["project", "key", "number", "run"], name="runs_by_summary"),
        ),
        migrations.AddIndex(
            model_name="summaryvalue",
            index=models.Index(
                fields=["project", "key", "brief", "run"], name="runs_by_summary_text"
            ),
        ),
    ]
