"""`manage.py collect_garbage` empties bins, then content, and says why of everything."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.artifacts.models import ArtifactVersion
from apps.artifacts.services import begin_artifact
from apps.bin.services.deletion import delete_run, delete_version
from apps.content.models import Blob
from apps.content.queries import open_blob
from apps.runs.models import Run
from tests.bin.builders import World, silent, world

pytestmark = pytest.mark.django_db
MONTH = timedelta(days=31)


@pytest.fixture
def place() -> World:
    return world()


def run_command(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    call_command("collect_garbage", *options)
    return capsys.readouterr().out.splitlines()


def age(place: World) -> str:
    """A version and a run that have been in the bin for a month; the digest of its file."""
    admin = place.access(place.admin)
    digest = place.versions[0].artifact.files.get().blob_id
    delete_version(version=place.versions[0], access=admin, reason="leaked")
    delete_run(run=silent(place.trained), access=admin)
    long_ago = timezone.now() - MONTH
    type(place.versions[0]).objects.filter(pk=place.versions[0].pk).update(deleted_at=long_ago)
    Run.with_deleted.filter(pk=place.trained.pk).update(deleted_at=long_ago)
    Blob.objects.update(wanted_at=long_ago)
    return str(digest)


def test_what_is_over_goes_with_its_content(
    place: World, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = age(place)

    told = run_command(capsys, "--dry-run")
    # Its manifest names the file until the version is purged.
    assert [line for line in told if line.startswith("would remove")] == [
        f"would remove version candidates v1 of main/digits: deleted {day()}, kept 30 days",
        f"would remove run training of main/digits: deleted {day()}, kept 30 days",
        "would remove 2 things, 0 bytes.",
    ]
    assert b"".join(open_blob(digest))
    assert Run.with_deleted.filter(pk=place.trained.pk).exists()

    done = run_command(capsys)
    assert f"removed version candidates v1 of main/digits: deleted {day()}, kept 30 days" in done
    assert f"removed run training of main/digits: deleted {day()}, kept 30 days" in done
    assert any(line.startswith(f"removed content {digest}") for line in done)
    assert not Blob.objects.filter(pk=digest).exists()
    assert "keeps 3 contents" in "\n".join(done)


def test_what_stays_says_until_when(place: World, capsys: pytest.CaptureFixture[str]) -> None:
    delete_run(run=silent(place.trained), access=place.access(place.admin))
    goes = (timezone.now() + timedelta(days=30)).strftime("%Y-%m-%d")

    told = run_command(capsys)

    assert told[0].startswith(f"keeps run training of main/digits: kept until {goes}")
    assert told[-1] == "removed 0 things, 0 bytes."


def test_what_was_begun_and_given_up_goes(place: World, capsys: pytest.CaptureFixture[str]) -> None:
    artifact = begin_artifact(type="model", access=place.access(place.table.editor))
    ArtifactVersion.objects.filter(pk=artifact.pk).update(created_at=timezone.now() - MONTH)

    assert f"would remove artifact {artifact.key} of digits" in run_command(capsys, "--dry-run")[0]
    assert "not sealed in 7 days" in run_command(capsys)[0]
    assert not ArtifactVersion.objects.filter(pk=artifact.pk).exists()


def test_grace_is_for_content_alone(place: World, capsys: pytest.CaptureFixture[str]) -> None:
    digest = age(place)
    Blob.objects.update(wanted_at=timezone.now())

    run_command(capsys)
    assert Blob.objects.filter(pk=digest).exists()
    run_command(capsys, "--grace-hours", "0")
    assert not Blob.objects.filter(pk=digest).exists()


def day() -> str:
    return f"{timezone.now() - MONTH:%Y-%m-%d}"
