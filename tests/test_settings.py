"""What the environment may say, what is refused, and what is private from the first start."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from registry_site.env import ConfigurationError, Environment, is_loopback, read_environment

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "registry_site" / "env.py"
DOCUMENT = ROOT / "docs" / "settings.md"
NOT_READ = {"CONN_MAX_AGE"}  # a key of Django's, not a variable
pytestmark = pytest.mark.once


def read(folder: Path, **variables: str) -> Environment:
    return read_environment(variables, default_data_dir=folder / "data")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def manage(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py as a person would, with only these variables."""
    environment = {
        "PATH": os.environ["PATH"],
        "MODEL_STATUS_DATA_DIR": str(folder / "data"),
        **variables,
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


class TestDefaults:
    def test_is_local_private_and_not_in_debug_mode(self, tmp_path: Path) -> None:
        env = read(tmp_path)

        assert (env.host, env.port) == ("127.0.0.1", 8000)
        assert env.base_url == "http://127.0.0.1:8000"
        assert env.allowed_hosts == ("127.0.0.1", "localhost", "[::1]")
        assert env.debug is False
        assert env.content == "file"
        assert env.trusted_proxies == ()

    def test_an_empty_variable_is_as_good_as_none(self, tmp_path: Path) -> None:
        assert read(tmp_path, HOST="", PORT=" ", DATABASE_URL="") == read(tmp_path)

    def test_links_to_an_open_address_name_this_machine(self, tmp_path: Path) -> None:
        assert read(tmp_path, HOST="0.0.0.0", PORT="80").base_url == "http://127.0.0.1:80"
        assert read(tmp_path, HOST="::1").base_url == "http://[::1]:8000"


class TestSecret:
    def test_each_installation_gets_its_own(self, tmp_path: Path) -> None:
        one, other = read(tmp_path / "one"), read(tmp_path / "other")

        assert len(one.secret_key) >= 50
        assert one.secret_key != other.secret_key
        assert mode(tmp_path / "one" / "data" / "secret_key") == 0o600
        assert mode(tmp_path / "one" / "data") == 0o700

    def test_is_kept(self, tmp_path: Path) -> None:
        assert read(tmp_path).secret_key == read(tmp_path).secret_key
        assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret_key"]

    def test_can_be_given(self, tmp_path: Path) -> None:
        given = "kU7-Vq2_xN4wZc8mR1tY6bE9sG3hJ5dL0pA-fOiKuTzQxWvCnMbH"
        assert read(tmp_path, MODEL_STATUS_SECRET_KEY=given).secret_key == given
        assert not (tmp_path / "data" / "secret_key").exists()

    @pytest.mark.parametrize(
        "secret",
        [
            "0123456789",
            "x" * 60,
            "django-insecure-kU7-Vq2_xN4wZc8mR1tY6bE9sG3hJ5dL0pA-fOiKuTzQxW",
            "change-me-kU7-Vq2_xN4wZc8mR1tY6bE9sG3hJ5dL0pA-fOiKuTzQxWvCnMb",
        ],
    )
    def test_a_short_simple_or_sample_one_is_refused(self, tmp_path: Path, secret: str) -> None:
        with pytest.raises(ConfigurationError, match="MODEL_STATUS_SECRET_KEY"):
            read(tmp_path, MODEL_STATUS_SECRET_KEY=secret)

    def test_a_file_that_was_cut_short_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "secret_key").write_text("short")
        with pytest.raises(ConfigurationError, match="secret_key is too short"):
            read(tmp_path)


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PORT", "0"),
            ("PORT", "65536"),
            ("PORT", "http"),
            ("PORT", "٨٠"),
            ("DATABASE_URL", "mysql://u:p@h/d"),
            ("DATABASE_URL", "model_status"),
            ("MODEL_STATUS_BASE_URL", "models.example.com"),
            ("MODEL_STATUS_BASE_URL", "ftp://models.example.com"),
            ("MODEL_STATUS_BASE_URL", "https://models.example.com/path"),
            ("MODEL_STATUS_BASE_URL", "https://user:pw@models.example.com"),
            ("MODEL_STATUS_ALLOWED_HOSTS", "*"),
            ("MODEL_STATUS_TRUSTED_PROXIES", "proxy.example.com"),
            ("MODEL_STATUS_CONTENT", "gs://bucket"),
            ("MODEL_STATUS_CONTENT", "s3://"),
            ("MODEL_STATUS_LOG", "syslog"),
            ("MODEL_STATUS_THREADS", "0"),
        ],
    )
    def test_names_the_variable(self, tmp_path: Path, name: str, value: str) -> None:
        with pytest.raises(ConfigurationError, match=name):
            read(tmp_path, **{name: value})

    def test_does_not_repeat_a_password(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError) as refusal:
            read(tmp_path, DATABASE_URL="postgresql://user:hunter2@host:port/name")
        assert "hunter2" not in str(refusal.value)

    def test_debug_is_for_this_machine_only(self, tmp_path: Path) -> None:
        assert read(tmp_path, MODEL_STATUS_DEBUG="1").debug is True
        with pytest.raises(ConfigurationError, match="MODEL_STATUS_DEBUG"):
            read(tmp_path, MODEL_STATUS_DEBUG="1", HOST="0.0.0.0")

    def test_stops_the_program_with_one_line(self, tmp_path: Path) -> None:
        done = manage(tmp_path, "check", MODEL_STATUS_SECRET_KEY="0123456789")

        assert done.returncode == 1
        assert done.stderr.startswith("Model Status cannot start: MODEL_STATUS_SECRET_KEY")
        assert done.stderr.count("\n") == 1


class TestDatabase:
    def test_sqlite_keeps_what_it_acknowledged(self, tmp_path: Path) -> None:
        database = read(tmp_path).database

        assert database["NAME"] == tmp_path.resolve() / "data" / "model-status.sqlite3"
        assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]
        assert "synchronous=FULL" in database["OPTIONS"]["init_command"]

    def test_postgresql_has_a_pool_and_its_options(self, tmp_path: Path) -> None:
        url = "postgresql://user:p%40ss@db.example.com:5433/models?sslmode=require"
        database = read(tmp_path, DATABASE_URL=url).database

        assert database["ENGINE"] == "django.db.backends.postgresql"
        assert (database["HOST"], database["PORT"]) == ("db.example.com", 5433)
        assert (database["NAME"], database["PASSWORD"]) == ("models", "p@ss")
        assert database["OPTIONS"]["sslmode"] == "require"
        assert database["OPTIONS"]["pool"]["max_size"] == 16


class TestAddresses:
    def test_the_base_url_is_an_allowed_host(self, tmp_path: Path) -> None:
        env = read(
            tmp_path,
            MODEL_STATUS_BASE_URL="https://models.example.com/",
            MODEL_STATUS_ALLOWED_HOSTS="inner.example.com, 10.0.0.5",
        )
        assert env.base_url == "https://models.example.com"
        assert env.is_https
        assert env.allowed_hosts[:3] == ("inner.example.com", "10.0.0.5", "models.example.com")

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
    def test_loopback(self, host: str) -> None:
        assert is_loopback(host)

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com"])
    def test_not_loopback(self, host: str) -> None:
        assert not is_loopback(host)


@pytest.mark.parametrize("base_url", ["", "https://models.example.com"])
def test_the_deployment_check_has_no_complaint(tmp_path: Path, base_url: str) -> None:
    done = manage(
        tmp_path, "check", "--deploy", "--fail-level", "WARNING", MODEL_STATUS_BASE_URL=base_url
    )
    assert done.stdout.startswith("System check identified no issues"), done.stderr


def test_everything_written_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        done = manage(tmp_path, "migrate", "--verbosity", "0", MODEL_STATUS_LOG="file")
    finally:
        os.umask(before)

    assert done.returncode == 0, done.stderr
    assert mode(tmp_path / "data" / "model-status.sqlite3") == 0o600
    loose = [path for path in tmp_path.rglob("*") if mode(path) & 0o077]
    assert loose == []


def test_every_setting_is_documented() -> None:
    read_there = set(re.findall(r'"((?:MODEL_STATUS_|S3_|DATABASE_)?[A-Z_]+)"', SOURCE.read_text()))
    documented = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", DOCUMENT.read_text()))
    names = {name for name in read_there if "_" in name or name in {"HOST", "PORT"}} - NOT_READ
    assert names <= documented
    assert {name for name in documented if name.startswith("MODEL_STATUS_")} <= names


class TestReset:
    def test_is_off_and_can_be_had_on_this_machine(self, tmp_path: Path) -> None:
        socket = "postgresql://me@/name?host=/run/postgresql"

        assert read(tmp_path).test_reset is False
        assert read(tmp_path, MODEL_STATUS_TEST_RESET="1").test_reset is True
        assert read(tmp_path, MODEL_STATUS_TEST_RESET="1", DATABASE_URL=socket).test_reset is True

    @pytest.mark.parametrize(
        "elsewhere",
        [
            {"HOST": "0.0.0.0"},
            {"MODEL_STATUS_BASE_URL": "https://models.example.com"},
            {"DATABASE_URL": "postgresql://me:secret@db.example.com/name"},
        ],
    )
    def test_is_refused_where_others_come(self, tmp_path: Path, elsewhere: dict[str, str]) -> None:
        with pytest.raises(ConfigurationError, match="MODEL_STATUS_TEST_RESET") as refusal:
            read(tmp_path, MODEL_STATUS_TEST_RESET="1", **elsewhere)

        assert "secret" not in str(refusal.value)
