"""Numbers as people read them: values, uncertainties, differences, sizes.

Pages format here and not in template filters: filters were three quarters of the time of a large
table. The same in every language: a point for decimals, commas between thousands, a real minus.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from django.utils.translation import gettext as _

from apps.core.errors import Invalid

Direction = Literal["lower", "higher", ""]

MISSING: Final = "–"
MINUS: Final = "−"
DEFAULT_FORMAT: Final = "auto"

_SPEC: Final = re.compile(r"auto|integer|(fixed|percent):([0-9]|1[0-2])")
_SIGNIFICANT_DIGITS: Final = 4
_SMALLEST_PLAIN: Final = 1e-4
_LARGEST_PLAIN: Final = 1e7
# 95 % of a normal distribution lie within this many standard deviations.
_CONFIDENCE_95: Final = 1.96


def check_format(spec: str, *, field: str = "format") -> str:
    """The spec if it is one that `format_value` knows."""
    if _SPEC.fullmatch(spec) is None:
        raise Invalid(
            "A format is one of: auto, integer, fixed:4, percent:1 (the digit says how many"
            " decimals, 12 at most).",
            field=field,
        )
    return spec


def format_value(value: float | None, spec: str = DEFAULT_FORMAT) -> str:
    """A value for a table cell: `0.0999`, `12.35`, `1,234`, `93.1%`, `NaN`, `∞`, or `–`."""
    if value is None:
        return MISSING
    if not math.isfinite(value):
        return _nonfinite(value)
    return _formatter(spec)(value)


def format_uncertainty(stderr: float | None, spec: str = DEFAULT_FORMAT) -> str:
    """A standard error as `±0.0041`, with the decimals of its column; empty when unknown."""
    if stderr is None or not math.isfinite(stderr):
        return ""
    kind, decimals = _parts(spec)
    if kind == "percent":
        return f"±{_decimals(stderr * 100, decimals)} pp"
    if kind == "fixed":
        text = _decimals(stderr, decimals)
        # ±0.0000 would claim certainty.
        if stderr == 0 or float(text.replace(",", "")) > 0:
            return f"±{text}"
    return f"±{_significant(stderr, 2)}"


@dataclass(frozen=True, slots=True)
class Delta:
    """How a value differs from a reference: for the eye, for a mark, and in words."""

    text: str
    better: bool | None  # None: equal, or the metric has no direction
    words: str
    within_noise: bool | None = None  # None: a standard error is not known


def format_delta(
    value: float | None,
    base: float | None,
    direction: Direction,
    spec: str = DEFAULT_FORMAT,
    *,
    reference: str = "production",
    stderr: float | None = None,
    base_stderr: float | None = None,
) -> Delta | None:
    """The difference to `base`, or None where either number is missing or NaN.

    Relative (`+36%`), because losses differ by orders of magnitude; in percentage points where the
    column shows percentages; absolute where the base is zero or not finite.
    """
    if value is None or base is None or math.isnan(value) or math.isnan(base):
        return None
    if value == base:
        return Delta("=", None, _("same as %(reference)s") % {"reference": reference})
    amount = _amount(value, base, spec)
    above = value > base
    sign = "+" if above else MINUS
    better = None if not direction else above == (direction == "higher")
    return Delta(
        text=sign + amount,
        better=better,
        words=_comparison(above=above, better=better) % {"amount": amount, "reference": reference},
        within_noise=is_within_noise(value, stderr, base, base_stderr),
    )


def is_within_noise(
    a: float, stderr_a: float | None, b: float, stderr_b: float | None
) -> bool | None:
    """Whether two measurements may well be equal; None when an error is not known.

    The two-sided z-test at 95 %: |a - b| < 1.96 · √(se_a² + se_b²), which holds for independent
    samples. Two models measured on the same examples mostly err on the same ones, so there it is
    cautious: it calls a small real difference noise rather than noise a difference.
    """
    if stderr_a is None or stderr_b is None:
        return None
    if not all(map(math.isfinite, (a, b, stderr_a, stderr_b))):
        return None
    return abs(a - b) < _CONFIDENCE_95 * math.hypot(stderr_a, stderr_b)


def format_bytes(size: int | None) -> str:
    """A size in decimal units, as disks and W&B count: `999 B`, `1.5 MB`."""
    if size is None:
        return MISSING
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        # 999.95 would print as 1000.0.
        if amount < (1000 if unit == "B" else 999.95):
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} PB"


def format_count(count: int | None) -> str:
    """A whole number with thousands set apart: `12,345`."""
    return MISSING if count is None else f"{count:,}".replace("-", MINUS)


@lru_cache(maxsize=64)
def _parts(spec: str) -> tuple[str, int]:
    """Kind and decimals of a spec; an unknown one, from older data, counts as auto."""
    if _SPEC.fullmatch(spec) is None:
        return "auto", 0
    kind, _colon, decimals = spec.partition(":")
    return kind, int(decimals or 0)


@lru_cache(maxsize=64)
def _formatter(spec: str) -> Callable[[float], str]:
    kind, decimals = _parts(spec)
    if kind == "percent":
        return lambda value: f"{_decimals(value * 100, decimals)}%"
    if kind in ("fixed", "integer"):
        return lambda value: _decimals(value, decimals)
    return lambda value: _significant(value, _SIGNIFICANT_DIGITS)


def _decimals(value: float, decimals: int) -> str:
    if not math.isfinite(value):  # 1e308 as a percentage
        return _nonfinite(value)
    if abs(value) >= 1e15:
        return _scientific(value, _SIGNIFICANT_DIGITS)
    # z: a value that rounds to zero loses its sign.
    return f"{value:z,.{decimals}f}".replace("-", MINUS)


def _significant(value: float, digits: int) -> str:
    size = abs(value)
    if size == 0:
        return "0"
    if not _SMALLEST_PLAIN <= size < _LARGEST_PLAIN:
        return _scientific(value, digits)
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    if decimals:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def _scientific(value: float, digits: int) -> str:
    mantissa, _e, exponent = f"{value:.{digits - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}".replace("-", MINUS)


def _nonfinite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "∞" if value > 0 else f"{MINUS}∞"


def _amount(value: float, base: float, spec: str) -> str:
    """The size of a difference without its sign."""
    difference = abs(value - base)
    kind, decimals = _parts(spec)
    if kind == "percent" and math.isfinite(difference * 100):
        return f"{_decimals(difference * 100, max(decimals, 1))} pp"
    percent = difference / abs(base) * 100 if base else math.inf
    if not math.isfinite(percent):
        return format_value(difference, spec)
    if percent >= 10_000:
        return f"{_scientific(percent, 2)}%"
    if percent >= 9.95:
        return f"{percent:,.0f}%"
    if percent >= 0.995:
        return f"{percent:.1f}%"
    return f"{_significant(percent, 2)}%" if percent >= 0.01 else "<0.01%"


def _comparison(*, above: bool, better: bool | None) -> str:
    if better is None:
        if above:
            return _("%(amount)s higher than %(reference)s")
        return _("%(amount)s lower than %(reference)s")
    if better:
        return _("%(amount)s better than %(reference)s")
    return _("%(amount)s worse than %(reference)s")
