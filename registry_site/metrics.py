"""The figures that a Prometheus server collects, one process at a time."""

from prometheus_client import Histogram

REQUEST_SECONDS = Histogram(
    "model_status_request_seconds",
    "Time to answer a request, by method, route and status.",
    labelnames=("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
