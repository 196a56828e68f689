from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0009_run_summary"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="has_heartbeat",
            field=models.BooleanField(default=True),
        ),
    ]
