"""Charts: fixed builders that draw SVG on the server and describe the same chart for Plotly.

Nothing here reads a database or a request, and no user ever hands in a chart program. The SVG
carries classes only; `static/css/charts.css` colours it.
"""

from apps.web.charts.bars import Bar, BarChartSpec, BarGroup, bar_chart
from apps.web.charts.chart import Chart
from apps.web.charts.line import ChartSpec, Line, Marker, Point, line_chart
from apps.web.charts.lineage import Edge, LineageDrawing, LineageSpec, Node, draw_lineage
from apps.web.charts.parallel import ParallelAxis, ParallelLine, ParallelSpec, parallel_chart
from apps.web.charts.scatter import Scattered, ScatterSpec, scatter_chart
from apps.web.charts.sparkline import sparkline

__all__ = [
    "Bar",
    "BarChartSpec",
    "BarGroup",
    "Chart",
    "ChartSpec",
    "Edge",
    "Line",
    "LineageDrawing",
    "LineageSpec",
    "Marker",
    "Node",
    "ParallelAxis",
    "ParallelLine",
    "ParallelSpec",
    "Point",
    "ScatterSpec",
    "Scattered",
    "bar_chart",
    "draw_lineage",
    "line_chart",
    "parallel_chart",
    "scatter_chart",
    "sparkline",
]
