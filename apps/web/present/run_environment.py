"""Where a run ran, as its client says: machine, system, versions, the command.

W&B's client writes it into its own part of the config; nothing of it is trusted or opened.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from apps.core.numbers import format_bytes, format_count
from apps.core.text import truncate
from apps.web.present.artifact import Fact

MAX_VALUE = 300
MAX_NAMES = 10


def environment_of(config: Mapping[str, object]) -> list[Fact]:
    """What is said of the machine in a run's config; of several that wrote into it, the first."""
    own = _mapping(config.get("_wandb"))
    writers = [one for one in _mapping(own.get("e")).values() if isinstance(one, Mapping)]
    machine: Mapping[str, Any] = writers[0] if writers else {}
    said = [
        (_("Host"), _text(machine.get("host"))),
        (_("System"), _text(machine.get("os"))),
        (_("Python"), _text(machine.get("python") or own.get("python_version"))),
        (_("wandb client"), _text(own.get("cli_version"))),
        (_("Processor"), _cores(machine)),
        (_("Memory"), _size(_mapping(machine.get("memory")).get("total"))),
        (_("Graphics"), _graphics(machine)),
        (_("CUDA"), _text(machine.get("cudaVersion"))),
        (_("Program"), _text(machine.get("program"))),
        (_("Arguments"), _arguments(machine.get("args"))),
        (_("Python at"), _text(machine.get("executable"))),
        (_("Machines"), format_count(len(writers)) if len(writers) > 1 else ""),
    ]
    return [Fact(name, truncate(value, MAX_VALUE)) for name, value in said if value]


def custom_charts(config: Mapping[str, object]) -> str:
    """The names of charts that the run's author programmed: their programs are not run here."""
    names = [str(name) for name in _mapping(_mapping(config.get("_wandb")).get("visualize"))]
    shown = ", ".join(truncate(name, 80) for name in names[:MAX_NAMES])
    return f"{shown} …" if len(names) > MAX_NAMES else shown


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int:
    """A number, which the client writes as one or as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _size(value: object) -> str:
    return format_bytes(_whole(value)) if _whole(value) else ""


def _cores(machine: Mapping[str, object]) -> str:
    cores, threads = _whole(machine.get("cpu_count")), _whole(machine.get("cpu_count_logical"))
    if not cores:
        return ""
    if threads in (0, cores):
        return _("%(cores)d cores") % {"cores": cores}
    return _("%(cores)d cores, %(threads)d threads") % {"cores": cores, "threads": threads}


def _graphics(machine: Mapping[str, object]) -> str:
    """The card by its name, how many, and the memory of one."""
    count = _whole(machine.get("gpu_count"))
    cards = machine.get("gpu_nvidia")
    first = _mapping(cards[0]) if isinstance(cards, Sequence) and cards else {}
    name = _text(machine.get("gpu")) or _text(first.get("name"))
    name = f"{count} × {name}" if name and count > 1 else name
    memory = _size(first.get("memoryTotal"))
    return ", ".join(filter(None, [name, memory]))


def _arguments(value: object) -> str:
    if not isinstance(value, list):
        return ""
    return shlex.join(one for one in value if isinstance(one, str))
