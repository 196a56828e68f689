"""Lines over versions, steps or time, with uncertainty and the moments when a label moved.

spec: what a page hands in; plan: places on the axes; drawing: SVG; figure: Plotly; table: words.
"""

from apps.web.charts.chart import SIZES, Chart, check_key, svg
from apps.web.charts.line.drawing import draw
from apps.web.charts.line.figure import figure_of
from apps.web.charts.line.plan import plan_of
from apps.web.charts.line.spec import ChartSpec, Line, Marker, Point
from apps.web.charts.line.table import legend_of, summary_of, table_of

__all__ = ["ChartSpec", "Line", "Marker", "Point", "line_chart"]


def line_chart(spec: ChartSpec) -> Chart:
    """Draw the chart, describe it for Plotly and list it as a table; the same bytes every time."""
    check_key(spec.key)
    plan = plan_of(spec)
    description = " ".join(part for part in (spec.description, summary_of(plan)) if part)
    head, rows = table_of(plan)
    return Chart(
        key=spec.key,
        title=spec.title,
        drawings=tuple(
            svg(
                key=spec.key,
                size=size,
                title=spec.title,
                description=description,
                body=draw(plan, size),
            )
            for size in SIZES
        ),
        figure=figure_of(plan),
        legend=legend_of(spec),
        head=head,
        rows=rows,
    )
