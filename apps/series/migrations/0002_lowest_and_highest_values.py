from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("series", "0001_points_in_chunks"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="series",
            index=models.Index(
                fields=["scope_id", "kind", "key", "min_value", "owner_id"],
                name="series_by_min_value",
            ),
        ),
        migrations.AddIndex(
            model_name="series",
            index=models.Index(
                fields=["scope_id", "kind", "key", "max_value", "owner_id"],
                name="series_by_max_value",
            ),
        ),
    ]
