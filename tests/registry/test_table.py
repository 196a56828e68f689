"""The status table: order, paging, filters, best and baseline, and what it costs."""

import math
from collections.abc import Sequence
from itertools import chain

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.artifacts.services import delete_version, ensure_collection, link_version
from apps.core.errors import Invalid
from apps.core.filtering import FilterError
from apps.core.tables import TableQuery
from apps.evaluations.choices import Better
from apps.projects.choices import Visibility
from apps.registry.choices import Colour
from apps.registry.queries.table import (
    StatusTable,
    all_rows,
    columns_of,
    status_table,
)
from apps.registry.services.columns import ColumnSpec, update_columns
from apps.registry.services.labels import save_label
from apps.registry.services.promotion import remove_label
from tests.registry.builders import Story, acting, make_project, make_story, make_user

pytestmark = pytest.mark.django_db

NAN = math.nan


@pytest.fixture
def story() -> Story:
    return make_story()


def table(story: Story, **asked: object) -> StatusTable:
    return status_table(
        story.model,
        TableQuery(**asked),  # type: ignore[arg-type]
        story.viewer,
        columns=columns_of(story.model, None),
    )


def numbers(found: StatusTable) -> list[int]:
    return [row.number for row in found.rows]


def with_losses(story: Story, losses: Sequence[float | None]) -> None:
    """Versions 1, 2, 3, … with these losses; None: not evaluated."""
    for loss in losses:
        story.version({} if loss is None else {"loss@10k": loss})


def walk(story: Story, *, size: int, **asked: object) -> list[list[int]]:
    """The pages from first to last, each checked against the way back to it."""
    pages = [table(story, size=size, **asked)]
    while pages[-1].next:
        pages.append(table(story, size=size, cursor=pages[-1].next, **asked))
    seen = [numbers(page) for page in pages]
    for page, before in reversed(list(zip(pages[1:], pages[:-1], strict=True))):
        back = table(story, size=size, cursor=page.previous, **asked)
        assert numbers(back) == numbers(before)
        assert (back.first, back.last, bool(back.previous)) == (
            before.first,
            before.last,
            bool(before.previous),
        )
        assert numbers(table(story, size=size, cursor=back.next, **asked)) == numbers(page)
    assert pages[0].previous == ""
    return seen


# --- order --------------------------------------------------------------------------------------


def test_natural_order_is_newest_first(story: Story) -> None:
    with_losses(story, [0.3, 0.2, 0.1])

    found = table(story)

    assert numbers(found) == [3, 2, 1]
    assert (found.first, found.last, found.matching, found.total) == (1, 3, 3, 3)
    assert (found.next, found.previous) == ("", "")


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("version", [1, 2, 3, 4]),
        ("-version", [4, 3, 2, 1]),
        ("logged", [4, 1, 2, 3]),
        ("-logged", [3, 2, 1, 4]),
    ],
)
def test_order_of_fixed_columns(story: Story, sort: str, expected: list[int]) -> None:
    with_losses(story, [None, None, None])
    story.version(at=story.hour(0))

    assert numbers(table(story, sort=sort)) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        # Equal scores newest first; what has no score (missing, NaN) last, newest first.
        ("loss@10k", [4, 7, 3, 1, 6, 5, 2]),
        ("-loss@10k", [1, 7, 3, 4, 6, 5, 2]),
    ],
)
def test_order_of_a_score(story: Story, sort: str, expected: list[int]) -> None:
    with_losses(story, [0.9, None, 0.5, 0.1, NAN, None, 0.5])

    assert numbers(table(story, sort=sort)) == expected


def test_infinite_scores_are_sorted_and_paged(story: Story) -> None:
    with_losses(story, [0.5, math.inf, -math.inf, 0.7])

    assert walk(story, size=1, sort="loss@10k") == [[3], [1], [4], [2]]
    assert walk(story, size=1, sort="-loss@10k") == [[2], [4], [1], [3]]


def test_order_of_a_score_of_the_training_run(story: Story) -> None:
    story.version({"loss": 0.2, "loss@10k": 0.9})
    story.version({"loss": 0.1, "loss@10k": 0.8})
    story.version({"loss@10k": 0.1})

    assert numbers(table(story, sort="lossintraining")) == [2, 1, 3]


def test_a_newer_score_takes_the_place_of_the_older(story: Story) -> None:
    with_losses(story, [0.1, 0.2])
    first = story.model.versions.get(number=1)

    story.score(first, {"loss@10k": 0.7}, at=story.hour(9))

    found = table(story, sort="loss@10k")
    assert numbers(found) == [2, 1]
    assert [cell.value for cell in found.rows[1].cells.values()] == [0.7]


@pytest.mark.parametrize(
    "sort",
    ["owner__password", "pk", "number", "-", "loss@10k ", "--version", "best", "\x00", "x" * 9999],
)
def test_unknown_order_is_refused(story: Story, sort: str) -> None:
    with_losses(story, [0.1])

    with pytest.raises(Invalid, match="no column"):
        table(story, sort=sort)


# --- paging -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 4, 7, 8])
@pytest.mark.parametrize("sort", ["", "version", "-logged"])
def test_pages_join_without_gap_or_repeat(story: Story, sort: str, size: int) -> None:
    with_losses(story, [0.1] * 7)
    whole = numbers(table(story, sort=sort, size=100))

    pages = walk(story, sort=sort, size=size)

    assert list(chain(*pages)) == whole
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)


@pytest.mark.parametrize("size", [1, 2, 4, 5, 8])
@pytest.mark.parametrize("sort", ["loss@10k", "-loss@10k"])
@pytest.mark.parametrize(
    "losses",
    [
        # Four with a score: pages of 2 and 4 end exactly where the second part begins.
        [0.9, None, 0.5, 0.1, NAN, None, 0.5],
        [None, NAN, None],
        [0.3, 0.3, 0.3, 0.3],
    ],
)
def test_pages_run_over_both_parts_of_a_sorted_table(
    story: Story, losses: list[float | None], sort: str, size: int
) -> None:
    story.version({"loss@10k": 0.5})  # so that the column is there
    with_losses(story, losses)
    whole = numbers(table(story, sort=sort, size=100))

    pages = walk(story, sort=sort, size=size)

    assert list(chain(*pages)) == whole
    assert len(set(whole)) == len(losses) + 1


def test_places_are_counted_on_every_page(story: Story) -> None:
    with_losses(story, [0.1, 0.2, None, None, 0.3])

    first = table(story, sort="loss@10k", size=2)
    second = table(story, sort="loss@10k", size=2, cursor=first.next)
    third = table(story, sort="loss@10k", size=2, cursor=second.next)

    assert [(page.first, page.last) for page in (first, second, third)] == [(1, 2), (3, 4), (5, 5)]
    assert third.next == ""


def test_rows_that_arrive_meanwhile_neither_repeat_nor_hide_any(story: Story) -> None:
    with_losses(story, [0.5, 0.4, 0.3, 0.2])
    first = table(story, sort="loss@10k", size=2)
    assert numbers(first) == [4, 3]

    story.version({"loss@10k": 0.1})

    assert numbers(table(story, sort="loss@10k", size=2, cursor=first.next)) == [2, 1]


def test_the_way_back_survives_rows_that_went(story: Story) -> None:
    with_losses(story, [0.5, 0.4, 0.3, 0.2])
    first = table(story, size=2)
    second = table(story, size=2, cursor=first.next)
    for version in story.model.versions.filter(number__in=[3, 4]):
        delete_version(version=version, reason="wrong data", access=acting(story.curator))

    back = table(story, size=2, cursor=second.previous)

    assert numbers(back) == [2, 1]
    assert (back.first, back.previous, back.next) == (1, "", "")


@pytest.mark.parametrize(
    "cursor", ["x", "W10", "====", "é", "\x00", "A" * 5_000, "bnVsbA", "e30", "W1tdLFtdLFtdLFtdXQ"]
)
def test_damaged_cursor_is_refused(story: Story, cursor: str) -> None:
    with_losses(story, [0.1, 0.2])

    for sort in ("", "loss@10k"):
        with pytest.raises(Invalid) as refusal:
            table(story, cursor=cursor, sort=sort)
        assert refusal.value.field == "cursor"


def test_cursor_of_another_list_is_refused(story: Story) -> None:
    with_losses(story, [0.1, 0.2, 0.3])
    cursor = table(story, size=1, sort="loss@10k").next
    other = make_story(team="other")
    with_losses(other, [0.1, 0.2, 0.3])

    for asked in ({}, {"sort": "-loss@10k"}, {"sort": "loss@10k", "where": "version > 1"}):
        with pytest.raises(Invalid):
            table(story, cursor=cursor, **asked)
    with pytest.raises(Invalid):
        table(other, cursor=cursor, sort="loss@10k")


@pytest.mark.parametrize("size", [0, -1, 501, 10**9])
def test_senseless_size_is_refused(story: Story, size: int) -> None:
    with pytest.raises(Invalid):
        table(story, size=size)


# --- filters ------------------------------------------------------------------------------------


@pytest.fixture
def filtered(story: Story) -> Story:
    """v1 0.9, v2 not evaluated and archived, v3 0.15 staging, v4 0.1 production, v5 NaN."""
    story.version({"loss@10k": 0.9, "accuracy@1k": 0.5}, note="first try")
    story.promote(story.version(note="broken"), "archived")
    story.promote(story.version({"loss@10k": 0.15}), "staging", by=story.editor)
    story.promote(story.version({"loss@10k": 0.1, "accuracy@1k": 0.97}))
    story.version({"loss@10k": NAN})
    return story


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("", [5, 4, 3, 2, 1]),
        ('status = "production" or loss@10k < 0.2', [4, 3]),
        ("loss@10k <= 0.15", [4, 3]),
        ("loss@10k > 0.1", [3, 1]),
        ("loss@10k >= 0.1 and not loss@10k = 0.9", [4, 3]),
        ("loss@10k != 0.9", [4, 3]),
        ("loss@10k in (0.1, 0.9)", [4, 1]),
        ("loss@10k not in (0.1, 0.9)", [3]),
        ("loss@10k is missing", [5, 2]),
        ("loss@10k is not missing", [4, 3, 1]),
        ("not loss@10k < 0.2", [1]),
        ("LOSS@10K < 0.12", [4]),
        ("`accuracy@1k` > 0.9", [4]),
        ("status = staging", [3]),
        ("status != production", [5, 3, 2, 1]),
        ("status in (production, archived)", [4, 2]),
        ("status not in (production, archived)", [5, 3, 1]),
        ("status ~ prod", [4]),
        ("status !~ a", [5, 4, 1]),
        ("status is missing", [5, 1]),
        ("status is not missing", [4, 3, 2]),
        ("not status = production and not status = staging", [5, 2, 1]),
        ("version > 2 and version <= 4", [4, 3]),
        ("version in (1, 5)", [5, 1]),
        ('logged >= "2026-01-05T12:00:00Z"', [5, 4, 3]),
        ('logged < "2026-01-05T11:00:00Z"', [1]),
        ("by = main_editor", [5, 4, 3, 2, 1]),
        ("by = somebody", []),
        ("run = run-3", [3]),
        ("run ~ RUN", [5, 4, 3, 2, 1]),
        ("note ~ broken", [2]),
        ("note is missing", [5, 4, 3]),
    ],
)
def test_query_box(filtered: Story, where: str, expected: list[int]) -> None:
    found = table(filtered, where=where)

    assert numbers(found) == expected
    assert (found.matching, found.total) == (len(expected), 5)


def test_query_box_finds_a_digest(filtered: Story) -> None:
    digest = filtered.model.versions.get(number=2).artifact.digest

    assert numbers(table(filtered, where=f'digest = "{digest}"')) == [2]
    assert numbers(table(filtered, where=f'digest ~ "{digest[:12]}"')) == [2]


@pytest.mark.parametrize(
    "where",
    [
        "owner__password = x",
        "linked_by__password ~ a",
        "artifact__metadata ~ x",
        "pk = 1",
        "loss@10k < high",
        "loss@10k ~ 1",
        "version = 1.5",
        "version = one",
        "logged > yesterday",
        "loss@10k <",
        "'; drop table",
        "(" * 10_000,
        "version = 1 or " * 9_000 + "version = 1",
    ],
)
def test_senseless_query_is_refused_with_its_place(filtered: Story, where: str) -> None:
    with pytest.raises(FilterError) as refusal:
        table(filtered, where=where)

    assert refusal.value.field == "filter"


def test_a_refused_query_says_where(filtered: Story) -> None:
    with pytest.raises(FilterError) as refusal:
        table(filtered, where="loss@10k < 0.2 and los@10k > 1")

    assert refusal.value.position == 20
    assert "did you mean loss@10k" in refusal.value.message


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (("production",), [4]),
        (("Production", "staging"), [4, 3]),
        (("nobody-holds-this",), []),
        ((), [5, 4, 3, 2, 1]),
    ],
)
def test_status_filter(filtered: Story, status: tuple[str, ...], expected: list[int]) -> None:
    assert numbers(table(filtered, status=status)) == expected


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("v3", [3]),
        ("first", [1]),
        ("BROKEN", [2]),
        ("run-5", [5]),
        ("archived", [2]),
        ("main_editor", [5, 4, 3, 2, 1]),
        ("100%", []),
        ("_", [5, 4, 3, 2, 1]),  # of main_editor, not a wild card
        ("v99999999999999999999", []),
        ("  ", [5, 4, 3, 2, 1]),
    ],
)
def test_search(filtered: Story, search: str, expected: list[int]) -> None:
    assert numbers(table(filtered, search=search)) == expected


def test_search_finds_the_start_of_a_digest(filtered: Story) -> None:
    digest = filtered.model.versions.get(number=4).artifact.digest

    assert 4 in numbers(table(filtered, search=digest[:8].upper()))


def test_filters_narrow_each_other_and_pages_keep_them(filtered: Story) -> None:
    assert numbers(table(filtered, where="version > 2", status=("staging",), search="run")) == [3]
    assert walk(filtered, size=1, where="status is not missing", sort="loss@10k") == [[4], [3], [2]]


# --- values -------------------------------------------------------------------------------------


def test_missing_is_no_cell_and_nan_is_a_cell_without_value(story: Story) -> None:
    story.version({"loss@10k": (0.25, 0.01)})
    story.version({"loss@10k": NAN})
    story.version()
    (column,) = columns_of(story.model, None)

    v3, v2, v1 = table(story).rows

    assert column.pk not in v3.cells
    assert v2.cells[column.pk].value is None
    assert (v1.cells[column.pk].value, v1.cells[column.pk].stderr) == (0.25, 0.01)
    assert v1.cells[column.pk].n == 10_000


def test_best_follows_the_direction_and_spans_all_pages(story: Story) -> None:
    story.version({"loss@10k": 0.1, "accuracy@10k": 0.7, "size": 3.0})
    story.version({"loss@10k": 0.3, "accuracy@10k": 0.9, "size": 4.0})
    story.version({"loss@10k": NAN})
    by_slug = {column.slug: column.pk for column in columns_of(story.model, None)}

    best = table(story, size=1).best

    assert best == {by_slug["loss@10k"]: 0.1, by_slug["accuracy@10k"]: 0.9}


def test_a_column_may_turn_its_metric_around(story: Story) -> None:
    with_losses(story, [0.1, 0.3])
    (column,) = columns_of(story.model, None)
    spec = ColumnSpec(column.pk, column.title, is_visible=True, better=Better.HIGHER)

    update_columns(collection=story.model, specs=[spec], access=acting(story.curator))

    assert list(table(story).best.values()) == [0.3]


def test_a_removed_version_is_in_no_count_and_not_best(story: Story) -> None:
    with_losses(story, [0.1, 0.3])
    delete_version(
        version=story.model.versions.get(number=1), reason="bad", access=acting(story.curator)
    )

    found = table(story)

    assert (numbers(found), found.total, list(found.best.values())) == ([2], 1, [0.3])


def test_baseline_holds_the_first_exclusive_label(story: Story) -> None:
    with_losses(story, [0.1, 0.3])
    v1, v2 = story.model.versions.order_by("number")
    assert table(story).baseline is None

    story.promote(v1, "staging")
    story.promote(v2, "production")

    baseline = table(story, size=1, where="version = 1").baseline
    assert baseline is not None
    assert (baseline.number, [cell.value for cell in baseline.cells.values()]) == (2, [0.3])
    assert baseline.labels == ["production"]


def test_rows_carry_their_labels_and_holders_carry_who_and_why(story: Story) -> None:
    version = story.version({"loss@10k": 0.1})
    story.promote(version, reason="best so far")
    story.promote(version, "staging", by=story.editor)

    found = table(story)

    assert list(found.rows[0].labels) == ["production", "staging"]
    held = {holding.label: holding for holding in found.holdings}
    assert (held["production"].reason, held["production"].given_by) == (
        "best so far",
        story.curator,
    )
    remove_label(version=version, label="staging", access=acting(story.editor))
    assert list(table(story).rows[0].labels) == ["production"]


def test_labels_come_in_the_order_of_the_vocabulary(story: Story) -> None:
    save_label(name="champion", colour=Colour.VIOLET, access=acting(story.curator), position=0)

    assert table(story).labels[0].name in {"champion", "production"}
    assert [label.name for label in table(story).labels][-1] == "archived"


# --- the registry -------------------------------------------------------------------------------


def test_registry_leaves_out_what_comes_from_a_hidden_project(story: Story) -> None:
    registry = story.registry()
    open_version = story.version({"loss@10k": 0.3})
    secret = make_project(story.team, "secret", Visibility.PRIVATE)
    admin = make_user("admin_person", Role.ADMIN)
    hidden = Story(story.team, admin, admin, story.viewer, secret, story.model, story.golden_sets)
    hidden_model = ensure_collection(
        name="hidden_model", type="model", access=hidden.access, project=secret
    )
    hidden_version = hidden.version({"loss@10k": 0.1}, model=hidden_model, note="canary")
    story.link(open_version.artifact, registry)
    link_version(artifact=hidden_version.artifact, collection=registry, access=acting(admin))
    linked = registry.versions.get(artifact=hidden_version.artifact)
    hidden.promote(linked)

    def seen_by(user: object, **asked: object) -> StatusTable:
        return status_table(
            registry,
            TableQuery(**asked),  # type: ignore[arg-type]
            user,  # type: ignore[arg-type]
            columns=columns_of(registry, None),
        )

    for viewer_sees in (
        seen_by(story.viewer),
        seen_by(story.viewer, sort="loss@10k"),
        seen_by(story.viewer, where="version > 0"),
    ):
        assert numbers(viewer_sees) == [1]
        assert (viewer_sees.total, viewer_sees.matching) == (1, 1)
        assert list(viewer_sees.best.values()) == [0.3]
        assert (list(viewer_sees.holdings), viewer_sees.baseline) == ([], None)
    assert numbers(seen_by(story.viewer, search="canary")) == []
    assert numbers(seen_by(story.viewer, status=("production",))) == []
    assert numbers(seen_by(admin)) == [2, 1]
    assert seen_by(admin).total == 2
    exported = all_rows(registry, TableQuery(), story.viewer, columns=columns_of(registry, None))
    assert [row.number for row in exported] == [1]


# --- export and cost ----------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["", "version", "loss@10k", "-loss@10k", "-logged"])
def test_export_has_the_rows_of_all_pages(story: Story, sort: str) -> None:
    with_losses(story, [0.9, None, 0.5, 0.1, NAN, None, 0.5])
    query = TableQuery(sort=sort, where="version != 3")

    exported = all_rows(story.model, query, story.viewer, columns=columns_of(story.model, None))

    assert [row.number for row in exported] == list(
        chain(*walk(story, size=2, sort=sort, where="version != 3"))
    )


@pytest.mark.parametrize("sort", ["", "loss@10k"])
def test_cost_does_not_grow_with_rows(story: Story, sort: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            table(story, sort=sort, size=500, where="loss@10k is not missing")
        return len(queries)

    story.promote(story.version({"loss@10k": 0.5, "loss@1k": 0.4}))
    story.version({"loss@10k": 0.6})
    story.version({"loss@10k": 0.7})
    assert story.model.team == story.team  # loaded before counting, as every page has it
    small = cost()
    copy_versions(story, 297)

    found = table(story, sort=sort, size=500)

    assert found.total == 300
    assert cost() == small == (12 if sort else 11)


def copy_versions(story: Story, count: int) -> None:
    """Many more versions like the last, written directly: the services would take a minute."""
    from apps.artifacts.models import ArtifactVersion, Version
    from apps.evaluations.models import Result

    last = story.model.versions.select_related("artifact").order_by("-number").first()
    assert last is not None
    result = last.artifact.results.get()
    artifacts = ArtifactVersion.objects.bulk_create(
        ArtifactVersion(
            project=story.project,
            key=f"copy{number}",
            type="model",
            state="sealed",
            digest=f"{number:064x}",
            created_at=last.linked_at,
            sealed_at=last.linked_at,
        )
        for number in range(count)
    )
    Version.objects.bulk_create(
        Version(
            collection=story.model,
            number=last.number + 1 + at,
            artifact=artifact,
            linked_by=story.editor,
            linked_at=last.linked_at,
        )
        for at, artifact in enumerate(artifacts)
    )
    Result.objects.bulk_create(
        Result(
            artifact=artifact,
            metric=result.metric,
            golden_set=result.golden_set,
            value=1 + at / 100,
            source="api",
            created_at=last.linked_at,
        )
        for at, artifact in enumerate(artifacts)
    )
