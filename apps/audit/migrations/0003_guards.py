"""Make the database refuse changes to what was recorded."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from apps.audit.guards import create_guards, drop_guards


def create(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    create_guards(schema_editor.connection)


def drop(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    drop_guards(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_chain_head")]

    operations = [migrations.RunPython(create, drop)]
