"""The page of one version, its files, and the artifacts that it came from."""

import hashlib
import html
import json
import math
import re
from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.artifacts.models import Version
from apps.artifacts.services import (
    FileSpec,
    begin_artifact,
    delete_version,
    ensure_collection,
    note_use,
    seal_artifact,
)
from apps.content.services import store
from apps.evaluations.models import GoldenSet
from apps.projects.choices import Visibility
from apps.runs.models import Run
from apps.runs.services import CodeVersion, RunDescription, finish_run, log_points, start_run
from apps.series.services import Batch
from tests.registry.builders import Story, acting, make_project, make_story
from tests.registry.test_table import copy_versions
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

MODEL = "/main/digits/models/mnist_model_candidates"
PAGE = f"{MODEL}/versions/2"
WEIGHTS = b"weights " * 1000
PICKLE = b"cos\nsystem\n(S'touch /tmp/canary'\ntR."


def stored(story: Story, path: str, data: bytes) -> FileSpec:
    blob = store(owner_id=story.project.pk, stream=BytesIO(data), max_bytes=10**6)
    return FileSpec(path=path, digest=blob.digest)


def dataset(story: Story, name: str) -> Version:
    collection = ensure_collection(
        name=name, type="dataset", access=story.access, project=story.project
    )
    artifact = begin_artifact(
        type="dataset",
        access=story.access,
        files=[stored(story, "images.npz", name.encode() * 100)],
        metadata={"rows": 1437},
    )
    return seal_artifact(artifact=artifact, collection=collection, access=story.access)


def trained(story: Story) -> Run:
    """A run with curves and a code version that used a training set."""
    code = CodeVersion(commit="4f1c" * 10, remote="https://git.example/digits.git", program="t.py")
    run = start_run(
        description=RunDescription(name="mlp", config={"lr": 0.1}, code=code), access=story.access
    )
    steps, times = [0, 1, 2], [1.0, 2.0, 3.0]
    batches = [
        Batch("train/loss", steps, times, [2.0, 1.0, 0.5]),
        Batch("val/loss", steps, times, [2.1, 1.1, 0.7]),
        Batch("val/accuracy", steps, times, [0.1, 0.6, 0.9]),
    ]
    log_points(run=run, access=story.access, batches=batches)
    finish_run(run=run, access=story.access)
    note_use(
        run=run,
        artifact=dataset(story, "digits_train").artifact,
        access=story.access,
        use_as="training data",
    )
    return run


@pytest.fixture
def story() -> Story:
    """v1 was production, v2 from a real run is now, v3 holds nothing."""
    story = make_story()
    story.promote(story.version({"loss@10k": (0.5, 0.01)}), reason="the first")
    v2 = story.version(
        {"loss@10k": (0.4, 0.01), "loss@1k": (0.3, 0.02)},
        run=trained(story),
        files=[
            stored(story, "model.safetensors", WEIGHTS),
            stored(story, "model.pkl", PICKLE),
            FileSpec(path="data/train.csv", reference="s3://bucket/train.csv", size_bytes=7),
        ],
        metadata={"framework": "sklearn", "params": {"hidden": [64, 32]}},
        note="with dropout",
    )
    story.promote(v2, reason="20% better")
    story.version({"loss@10k": (0.405, 0.01)})
    return story


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def section(text: str, head: str) -> str:
    """The words of the panel with this head."""
    start = text.index(f'aria-labelledby="{head}"')
    return words(
        text[start : text.index("</section>", start)].replace("<wbr>", "").partition(">")[2]
    )


# --- why is this one here? ----------------------------------------------------------------------


def test_the_page_says_who_gave_the_label_when_and_why(story: Story) -> None:
    text = text_of(browser(story.curator).get(PAGE))

    why = section(text, "why")
    assert "production for " in why
    assert "given by Main Curator" in why
    assert "20% better" in why
    assert "Roll back production…" in why
    assert "with dropout" in why
    assert f'href="{MODEL}/labels/production/rollback"' in text


def test_a_version_without_a_label_says_what_a_promotion_would_do(story: Story) -> None:
    why = section(text_of(browser(story.curator).get(f"{MODEL}/versions/3")), "why")

    assert "This version holds no label." in why
    assert "v3 would become production, v2 would lose it." in why
    assert "Promote to production…" in why
    viewer = text_of(browser(story.viewer).get(f"{MODEL}/versions/3"))
    assert "Promote" not in words(viewer)


def test_scores_stand_beside_those_of_production(story: Story) -> None:
    v3 = section(text_of(browser(story.viewer).get(f"{MODEL}/versions/3")), "scores")
    v2 = section(text_of(browser(story.viewer).get(PAGE)), "scores")

    assert "differences to production" in v3
    assert "Loss @ 10k n = 10,000 0.4050 ±0.0100" in v3
    assert "1.3% worse than production (within the uncertainty)" in v3
    # The holder itself is compared with who held the label before.
    assert "20% better than the former holder" in v2
    assert "Loss @ 1k n = 1,000 0.3000 ±0.0200 –" in v2


def test_curves_of_the_run_share_a_chart_by_metric(story: Story) -> None:
    text = text_of(browser(story.viewer).get(PAGE))

    charts = re.findall(r'<figcaption class="panel-head"><h2>(.*?)</h2>', text)
    assert charts == ["loss", "accuracy"]
    assert "train/loss" in text
    assert "val/loss" in text


def test_where_the_metrics_of_its_run_ended(story: Story) -> None:
    run = Run.objects.get(name="mlp")
    log_points(
        run=run,
        access=story.access,
        batches=[Batch("once <b>", [0], [1.0], [0.125]), Batch("never", [0], [1.0], [math.nan])],
        even_ended=True,
    )
    text = text_of(browser(story.viewer).get(PAGE))

    assert section(text, "measured") == (
        "At the end of its run mlp never NaN once <b> 0.125 train/loss 0.5"
        " val/accuracy 0.9 val/loss 0.7"
    )
    # Of a version that no run made, and of what the code hides, nothing is said.
    assert 'id="measured"' not in text_of(browser(story.viewer).get(PAGE.replace("/2", "/1")))
    rules = [{"name": "never", "hidden": True}]
    Run.objects.filter(pk=run.pk).update(metric_rules=json.dumps(rules))
    assert "never" not in section(text_of(browser(story.viewer).get(PAGE)), "measured")


def test_of_very_many_metrics_the_first_are_shown(story: Story) -> None:
    run = Run.objects.get(name="mlp")
    many = [Batch(f"a{number:03d}", [0], [1.0], [1.0]) for number in range(30)]
    log_points(run=run, access=story.access, batches=many, even_ended=True)

    measured = section(text_of(browser(story.viewer).get(PAGE)), "measured")

    assert "a019" in measured
    assert "a020" not in measured
    assert measured.endswith("The first 20 of 33")


def test_about_names_run_code_and_training_data_with_links(story: Story) -> None:
    text = text_of(browser(story.viewer).get(PAGE))
    run = story.model.versions.get(number=2).artifact.made_by
    assert run is not None

    about = section(text, "about")
    assert "Run mlp" in about
    assert "Commit 4f1c4f1c4f1c" in about
    assert "Training data digits_train:v1" in about
    assert f'href="/main/digits/runs/{run.key}"' in text
    assert 'href="/main/digits/artifacts/dataset/digits_train/v1"' in text
    assert 'rel="noopener noreferrer nofollow"><bdi>https://git.example/digits.git' in text


@pytest.mark.parametrize(
    "remote",
    ["javascript:alert(1)", "data:text/html,x", "//evil", "http://user:pw@evil/", "git@x:y"],
)
def test_code_that_is_no_web_address_is_no_link(story: Story, remote: str) -> None:
    Run.objects.filter(name="mlp").update(code_remote=remote)

    text = text_of(browser(story.viewer).get(PAGE))

    assert html.escape(remote) in text
    assert f'href="{html.escape(remote)}' not in text


def test_lineage_is_drawn_with_links_and_listed(story: Story) -> None:
    text = text_of(browser(story.viewer).get(PAGE))
    lineage = text[text.index('id="lineage-head"') :]
    lineage = lineage[: lineage.index("</section>")]

    assert '<svg class="lineage"' in lineage
    assert 'href="/main/digits/artifacts/dataset/digits_train/v1"' in lineage
    assert words(lineage).endswith("digits_train:v1 → mlp mlp → mnist_model_candidates:v2")


def test_history_of_the_version_and_its_artifact(story: Story) -> None:
    history = section(text_of(browser(story.viewer).get(PAGE)), "events")

    assert re.search(r"main_curator gave production to v2; v1 lost it", history)
    assert "“" not in history
    assert "main_editor recorded loss on mnist_10k = 0.4, loss on mnist_1k = 0.3" in history
    assert "main_editor logged mnist_model_candidates:v2" in history
    assert history.index("gave production") < history.index("logged")


def test_metadata_by_name_and_whole(story: Story) -> None:
    metadata = section(text_of(browser(story.viewer).get(PAGE)), "metadata")

    assert "framework sklearn" in metadata
    assert "params 1 value hidden [64, 32]" in metadata
    assert '"framework": "sklearn"' in metadata


def test_other_places_of_the_same_artifact(story: Story) -> None:
    linked = story.link(story.model.versions.get(number=2).artifact, story.registry("MNIST"))

    here = section(text_of(browser(story.viewer).get(PAGE)), "about")
    there = section(text_of(browser(story.viewer).get("/main/models/MNIST/versions/1")), "about")

    assert linked.number == 1
    assert "Also stands in MNIST v1 (Registry)" in here
    assert "Also stands in mnist_model_candidates v2 (digits)" in there


def test_versions_that_are_not_there(story: Story) -> None:
    client = browser(story.viewer)
    delete_version(
        version=story.model.versions.get(number=3),
        reason="x",
        access=acting(story.curator, project="digits"),
    )

    for number in ("3", "0", "99", "99999999999999999999999", "-1", "one", "%00"):
        assert client.get(f"{MODEL}/versions/{number}").status_code == 404
    assert browser(make_story(team="other").curator).get(PAGE).status_code == 404
    assert browser().get(PAGE).status_code == 302


def test_cost_does_not_grow_with_versions(story: Story) -> None:
    client = browser(story.curator)
    client.get(f"{MODEL}/versions/3")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"{MODEL}/versions/3").status_code == 200
        return len(queries)

    small = cost()
    copy_versions(story, 100)

    assert cost() == small <= 34


# --- files --------------------------------------------------------------------------------------


def test_files_with_digests_sizes_and_a_mark_on_what_can_run_code(story: Story) -> None:
    text = text_of(browser(story.viewer).get(PAGE))
    files = section(text, "files-head")

    digest = hashlib.sha256(WEIGHTS).hexdigest()
    assert f"model.safetensors {digest[:11]}" in files
    assert f'data-copy="{digest}"' in text
    assert "8.0 kB" in files
    assert "Can run code when loaded: model.pkl Check" in files
    assert files.index("data/ 1 file 7 B") < files.index("model.pkl 6d85")
    in_folder = section(text_of(browser(story.viewer).get(f"{PAGE}?folder=data")), "files-head")
    assert "All files / data train.csv s3://bucket" in in_folder
    assert f'href="{PAGE}/files/model.pkl"' in text
    assert "files/data/train.csv" not in text


def test_a_file_goes_out_inert(story: Story) -> None:
    response = browser(story.viewer).get(f"{PAGE}/files/model.safetensors")

    assert b"".join(response.streaming_content) == WEIGHTS  # type: ignore[attr-defined]
    headers = response.headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == 'attachment; filename="model.safetensors"'
    policy = headers["Content-Security-Policy"]
    assert policy == "sandbox; default-src 'none'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Length"] == str(len(WEIGHTS))
    assert headers["ETag"] == f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'
    assert headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-0", 206, WEIGHTS[:1]),
        ("bytes=-3", 206, WEIGHTS[-3:]),
        ("bytes=7990-", 206, WEIGHTS[7990:]),
        ("bytes=8000-", 416, b""),
        ("bytes=5-1", 200, WEIGHTS),
        ("bytes=0-1,3-4", 200, WEIGHTS),
        ("bytes=99999999999999999999999-", 416, b""),
        ("bytes=a-b", 200, WEIGHTS),
    ],
)
def test_parts_of_a_file(story: Story, asked: str, status: int, part: bytes) -> None:
    response = browser(story.viewer).get(
        f"{PAGE}/files/model.safetensors", headers={"Range": asked}
    )

    body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
    assert (response.status_code, body) == (status, part)


def test_an_unchanged_file_is_not_sent_again_but_only_to_those_who_may(story: Story) -> None:
    etag = f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'
    address = f"{PAGE}/files/model.safetensors"
    stranger = make_story(team="other").viewer

    assert browser(story.viewer).get(address, headers={"If-None-Match": etag}).status_code == 304
    assert browser(stranger).get(address, headers={"If-None-Match": etag}).status_code == 404
    stale = browser(story.viewer).get(address, headers={"Range": "bytes=0-0", "If-Range": '"old"'})
    assert stale.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "nothing.bin",
        "../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%252e%252e%252fetc/passwd",
        "/etc/passwd",
        "model.pkl%00.png",
        "model.pkl/",
        "file:///etc/passwd",
        "x" * 3_000,
    ],
)
def test_paths_that_are_in_no_manifest(story: Story, path: str) -> None:
    response = browser(story.viewer).get(f"{PAGE}/files/{path}")

    assert response.status_code == 404
    assert b"root:" not in response.content


def test_a_reference_is_never_opened(story: Story) -> None:
    assert browser(story.viewer).get(f"{PAGE}/files/data/train.csv").status_code == 409


# --- other artifacts ----------------------------------------------------------------------------


def test_the_address_that_wandb_prints_leads_to_the_version(story: Story) -> None:
    client = browser(story.viewer)
    model = "/main/digits/artifacts/model/mnist_model_candidates"

    assert client.get(f"{model}/v2").headers["Location"] == PAGE
    assert client.get(f"{model}/2").headers["Location"] == PAGE
    assert client.get(f"{model}/latest").headers["Location"] == f"{MODEL}/versions/3"
    for wrong in ("v9", "best", "v", "v-1", "v²"):
        assert client.get(f"{model}/{wrong}").status_code == 404
    assert client.get("/main/digits/artifacts/dataset/mnist_model_candidates/v2").status_code == 404


def test_a_data_set_has_a_page_with_its_files_and_who_used_it(story: Story) -> None:
    page = "/main/digits/artifacts/dataset/digits_train/v1"
    client = browser(story.viewer)

    text = text_of(client.get(page))

    assert "digits_train v1 dataset" in words(text)
    assert "rows 1437" in section(text, "metadata")
    assert "digits_train:v1 → mlp" in words(text)
    download = client.get(f"{page}/files/images.npz")
    assert b"".join(download.streaming_content) == b"digits_train" * 100  # type: ignore[attr-defined]


def test_a_golden_set_says_so(story: Story) -> None:
    place = dataset(story, "mnist_10k")
    GoldenSet.objects.filter(name="mnist_10k").update(artifact=place.artifact)

    text = words(text_of(browser(story.viewer).get("/main/digits/artifacts/dataset/mnist_10k/v1")))

    assert "golden set" in text
    assert "it is the golden set 10k (mnist_10k). It has 10000 examples." in text


def test_what_comes_from_a_hidden_project_is_not_in_the_lineage(story: Story) -> None:
    version = story.model.versions.get(number=2)
    secret = make_project(story.team, "secret", Visibility.PRIVATE)
    run = Run.objects.get(name="mlp")
    Run.objects.create(
        project=secret,
        key="canaryrun",
        name="canary-run",
        started_at=run.started_at,
        heartbeat_at=run.heartbeat_at,
    ).artifact_edges.create(artifact=version.artifact, direction="used", at=run.started_at)

    assert "canary" not in text_of(browser(story.viewer).get(PAGE))
