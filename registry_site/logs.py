"""Where log lines go and what may be in them: one JSON object a line, secrets struck out.

JSON escapes control characters, so a path with a line break in it is still one line.
"""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

from registry_site.env import Environment

STRUCK_OUT = "[secret]"
SECRET_NAMES = re.compile(
    r"authorization|cookie|token|password|secret|signature|api_?key|credential|^key$|^sig$", re.I
)
# What our API keys and `Authorization` values look like when they turn up inside a text.
SECRET_SHAPES = re.compile(
    r"\b[A-Za-z][A-Za-z0-9_]{0,19}-[A-Za-z0-9]{40}\b"
    r"|(?<=[Bb]earer )[^\s\"',]+|(?<=[Bb]asic )[A-Za-z0-9+/=_-]{8,}"
)
# A one-time link is a password in the path, so is a signed address; in a query it is the value of a
# secret name.
SECRET_PATHS = re.compile(r"(?<=/sign-in/)[^/?\s]+|(?<=/storage/)[^/?\s]+")
SECRET_QUERY = re.compile(
    r"([?&](?:[\w.-]*(?:token|password|secret|signature|credential|api_?key)[\w.-]*|key|sig)=)"
    r"[^&\s]*",
    re.I,
)

LOG_FILE_BYTES = 10 * 1024 * 1024
LOG_FILES_KEPT = 5

Event = MutableMapping[str, Any]


def strike_out(text: str) -> str:
    """`text` without the secrets that can be told by their shape."""
    text = SECRET_PATHS.sub(STRUCK_OUT, text)
    text = SECRET_QUERY.sub(rf"\1{STRUCK_OUT}", text)
    return SECRET_SHAPES.sub(STRUCK_OUT, text)


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """The structlog step: values of telling names go, texts are searched for telling shapes."""
    for name, value in event.items():
        if SECRET_NAMES.search(name):
            event[name] = STRUCK_OUT
        elif isinstance(value, str):
            event[name] = strike_out(value)
    return event


def logging_config(env: Environment) -> dict[str, Any]:
    """The dictConfig: JSON lines on stderr, or in rotated files of the data folder."""
    steps = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        # Django hangs the whole request on its records; it is not for the log.
        _without_objects,
        structlog.processors.format_exc_info,
        redact,
    ]
    stderr: dict[str, Any] = {"class": "logging.StreamHandler", "formatter": "json"}
    file: dict[str, Any] = {
        "class": "logging.handlers.RotatingFileHandler",
        "formatter": "json",
        "filename": str(env.data_dir / "logs" / "model-status.jsonl"),
        "maxBytes": LOG_FILE_BYTES,
        "backupCount": LOG_FILES_KEPT,
        "delay": True,
    }
    if env.log == "file":
        (env.data_dir / "logs").mkdir(mode=0o700, exist_ok=True)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "structlog.stdlib.ProcessorFormatter",
                "foreign_pre_chain": steps,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(sort_keys=True),
                ],
            }
        },
        "handlers": {"main": file if env.log == "file" else stderr},
        "root": {"handlers": ["main"], "level": env.log_level},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # `access` has a line for each request, `fault` one with the trace for each of ours.
            "django.request": {"level": "CRITICAL"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # Somebody's oversized form: `access` says who; the trace would only fill the disk.
            "django.security.TooManyFieldsSent": {"level": "CRITICAL"},
            "django.security.TooManyFilesSent": {"level": "CRITICAL"},
            "django.security.RequestDataTooBig": {"level": "CRITICAL"},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
        },
    }


def _without_objects(_logger: Any, _method: str, event: Event) -> Event:
    for name in ("request", "status_code_from"):
        event.pop(name, None)
    return event
