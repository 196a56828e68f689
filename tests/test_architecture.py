"""The shape of the program: imports run downwards, domain code knows no HTTP, pins name no host."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import find

ROOT = Path(__file__).resolve().parent.parent
APPS = ROOT / "apps"
pytestmark = pytest.mark.once
DOORS = {"web", "api", "admin", "mlflow_api", "wandb_api", "demo"}
# What only a door may know. Sessions and passwords are Django's own and no part of this.
# The one exception walks the routes, to see that each is bound to a policy.
ROUTE_CHECK = APPS / "core" / "checks.py"
HTTP = ("django.http", "django.shortcuts", "django.urls", "django.views", "ninja", "registry_site")
# Functions that run or trust what a user may have sent (rule R12). The right side names the files
# that were looked at and may use one.
DANGEROUS: dict[str, set[str]] = {
    "eval": set(),
    "exec": set(),
    # Markup that is made here: every text in it is escaped, or cleaned by an allow-list.
    "mark_safe": {
        "apps/web/markdown.py",
        "apps/web/present/history.py",
        "apps/web/wrapping.py",
    },
    "SafeString": {
        "apps/web/cells.py",
        "apps/web/charts/bars.py",
        "apps/web/charts/chart.py",
        "apps/web/charts/line/drawing.py",
        "apps/web/markdown.py",
        "apps/web/present/grid.py",
        "apps/web/present/notes.py",
    },
    "pickle": set(),
    "joblib": set(),
    "marshal": set(),
    "shelve": set(),
    "yaml": set(),
    "RawSQL": set(),
}


def sources(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))


@lru_cache(maxsize=1000)
def imports_of(path: Path) -> set[str]:
    """Every module that the file imports, at any depth of its code."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_import_contracts() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_app_is_in_the_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = " | ".join(contract["contracts"][0]["layers"]).split(" | ")
    apps = {f"apps.{path.parent.name}" for path in APPS.glob("*/__init__.py")}
    assert apps == {layer for layer in layers if layer.startswith("apps.")}


def test_only_doors_know_http() -> None:
    domain = [path for path in APPS.iterdir() if path.is_dir() and path.name not in DOORS]
    offences = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources(*domain)
        for module in imports_of(path)
        if module.startswith(HTTP) and path != ROUTE_CHECK
    ]
    assert offences == []


@pytest.mark.parametrize("name", sorted(DANGEROUS))
def test_nothing_runs_or_trusts_user_data(name: str) -> None:
    """No eval, pickle or unescaped text outside the files that were looked at for it."""
    users = {
        str(path.relative_to(ROOT))
        for path in sources(APPS, ROOT / "registry_site")
        if _uses(path, name)
    }
    assert users <= DANGEROUS[name]


def _uses(path: Path, name: str) -> bool:
    return name in _called(path) or any(module.split(".")[0] == name for module in imports_of(path))


@lru_cache(maxsize=1000)
def _called(path: Path) -> frozenset[str]:
    """The names, or last parts of names, that the file calls."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return frozenset(
        function.id if isinstance(function, ast.Name) else function.attr
        for function in called
        if isinstance(function, ast.Name | ast.Attribute)
    )


def test_no_shell_and_no_request_data_as_keywords() -> None:
    pattern = re.compile(r"shell\s*=\s*True|\*\*request\.|\.extra\(\s*(where|select)")
    users = [
        str(path.relative_to(ROOT))
        for path in sources(APPS, ROOT / "registry_site", ROOT / "tools")
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert users == []


def test_templates_hold_no_script_style_or_raw_text() -> None:
    """The content policy forbids inline code, so a page with some would be broken as well."""
    pattern = re.compile(
        r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")|<style|\sstyle=|\son[a-z]+=\""
        r"|\|\s*safe\b|autoescape off|javascript:",
        re.I,
    )
    offences = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in [*ROOT.glob("templates/**/*.html"), *APPS.glob("*/templates/**/*.html")]
        if (match := pattern.search(path.read_text(encoding="utf-8")))
    ]
    assert offences == []


def test_every_static_file_that_a_template_names_exists() -> None:
    """In production a missing one breaks the page, because names carry digests there."""
    pattern = re.compile(r"""{% static ['"]([^'"]+)['"]""")
    named = {
        name
        for path in ROOT.glob("templates/**/*.html")
        for name in pattern.findall(path.read_text(encoding="utf-8"))
    }
    assert [name for name in sorted(named) if find(name) is None] == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda p: p.name
)
def test_requirements_are_pinned_by_hash_and_name_no_host(path: Path) -> None:
    text = path.read_text()
    pins = re.findall(r"^[a-z0-9][\w.-]*(?:\[[^\]]*\])?==[^\s]+", text, re.M)
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]

    assert "://" not in text
    assert "index" not in text
    assert len(pins) == len(lines)
    assert text.count("--hash=sha256:") >= len(pins)


def test_set_up_and_pages_name_no_other_host() -> None:
    """Packages come from wherever the machine's own configuration says, assets from ourselves."""
    elsewhere = re.compile(
        r"(?<!\w)(?:https?:)?//(?!127\.0\.0\.1|localhost|www\.w3\.org)[a-z0-9-]+\."
    )
    files = [
        ROOT / "Makefile",
        *sources(ROOT / "tools"),
        *ROOT.glob("templates/**/*.html"),
        *ROOT.glob(".ci/*"),
    ]
    assert [str(path) for path in files if elsewhere.search(path.read_text())] == []
