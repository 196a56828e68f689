"""The text that a new model card starts with: what is known of the version, and what to add.

Only what everybody who sees the version may see goes into it, because the text is for all of them:
a golden set or a data set of a private project does not, though the writer may see it.
"""

from collections.abc import Iterable, Mapping, Sequence

from django.utils.translation import gettext as _

from apps.artifacts.lineage import Lineage
from apps.artifacts.models import ArtifactVersion, Version
from apps.core.numbers import format_bytes, format_uncertainty, format_value
from apps.evaluations.models import Result
from apps.projects.choices import Visibility
from apps.projects.models import Project
from apps.web.markdown import escape_markdown
from apps.web.present.artifact import name_of_artifact, used_artifacts
from apps.web.present.people import day, name_of


def new_card(
    version: Version,
    results: Iterable[Result],
    graph: Lineage,
    places: Mapping[int, Version],
) -> str:
    """The card as Markdown, its facts filled in and its questions open."""
    home = version.artifact.project
    scores = [result for result in results if _is_open(_data_of(result), home)]
    data = [
        (artifact, use_as)
        for artifact, use_as in used_artifacts(graph, version.artifact)
        if _is_open(artifact, home)
    ]
    parts = [
        *_section(_("What it is"), _about(version)),
        *_section(_("Intended use"), [_("*What is it for, who uses it, and what is it not for?*")]),
        *_section(
            _("Training data"), _data(data, places) or [_("*Which data, from where, how chosen?*")]
        ),
        *_section(_("Evaluation"), _scores(scores) or [_("*Not evaluated yet.*")]),
        *_section(_("Limits and risks"), [_("*Where does it fail? Whom could that harm?*")]),
    ]
    return "\n".join(parts).strip() + "\n"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *lines, ""]


def _about(version: Version) -> list[str]:
    artifact, run = version.artifact, version.artifact.made_by
    facts = [
        (_("Model"), f"{version.collection.name} v{version.number}"),
        (_("Digest"), artifact.digest[:16]),
        (_("Logged"), day(version.linked_at)),
        (_("By"), name_of(version.linked_by)),
        (_("Size"), format_bytes(artifact.size_bytes)),
    ]
    if run is not None and run.deleted_at is None and run.project_id == artifact.project_id:
        facts.append((_("Run"), run.name))
        if run.code_commit:
            facts.append((_("Commit"), run.code_commit[:12]))
    return [f"- **{escape_markdown(name)}:** {escape_markdown(value)}" for name, value in facts]


def _data(used: Sequence[tuple[ArtifactVersion, str]], places: Mapping[int, Version]) -> list[str]:
    return [
        f"- {escape_markdown(name_of_artifact(artifact, places.get(artifact.pk)))}"
        f" ({escape_markdown(use_as or artifact.type)})"
        for artifact, use_as in used
    ]


def _scores(results: Sequence[Result]) -> list[str]:
    if not results:
        return []
    head = [_("Metric"), _("Golden set"), _("Value"), _("Examples")]
    lines = ["| " + " | ".join(head) + " |", "|---|---|---:|---:|"]
    for result in results:
        spec = result.metric.format
        value = "NaN" if result.value is None else format_value(result.value, spec)
        cells = [
            result.metric.title,
            result.golden_set.title if result.golden_set else _("in training"),
            f"{value} {format_uncertainty(result.stderr, spec)}",
            result.n or "",
        ]
        lines.append("| " + " | ".join(escape_markdown(cell) for cell in cells) + " |")
    return lines


def _data_of(result: Result) -> ArtifactVersion | None:
    return result.golden_set.artifact if result.golden_set else None


def _is_open(artifact: ArtifactVersion | None, home: Project) -> bool:
    """Whether everybody who sees the home project sees the artifact too."""
    if artifact is None or artifact.project_id == home.pk:
        return True
    return artifact.project.visibility == Visibility.TEAM
