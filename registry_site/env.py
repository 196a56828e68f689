"""Everything that the environment can set, read once, checked, and typed.

`docs/settings.md` lists the same names for people. Reading is left to django-environ; this module
adds the defaults, the refusals, and one frozen `Environment` that `settings.py` works from.
A wrong value stops the start with one line that says what to change.
"""

import ipaddress
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

SECRET_MIN_LENGTH = 50
# Keys that were printed somewhere as an example: everybody knows them.
SAMPLE_SECRETS = ("django-insecure", "change-me", "changeme", "change_me", "example", "sample")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
LOG_PLACES = ("stderr", "file")


class ConfigurationError(Exception):
    """A setting is missing or unsafe. The message is one line for the person who starts us."""


@dataclass(frozen=True)
class Environment:
    """The settings of one installation."""

    data_dir: Path
    database: dict[str, Any]
    secret_key: str
    debug: bool
    host: str
    port: int
    base_url: str
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[IPNetwork, ...]
    content: str
    s3_endpoint: str
    threads: int
    workers: int
    log: str
    log_level: str
    metrics_token: str
    test_reset: bool

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")


def read_environment(
    variables: Mapping[str, str], *, default_data_dir: Path, create: bool = True
) -> Environment:
    """Read and check `variables`; make the data folder and its secret unless `create` is off."""
    env = _Reader(variables)
    data_dir = Path(env.text("MODEL_STATUS_DATA_DIR", str(default_data_dir))).expanduser().resolve()
    if create:
        _make_private_folder(data_dir)
    host = env.text("HOST", "127.0.0.1")
    port = env.number("PORT", 8000, low=1, high=65535)
    debug = env.flag("MODEL_STATUS_DEBUG")
    if debug and not is_loopback(host):
        raise ConfigurationError(
            f"MODEL_STATUS_DEBUG shows source code and settings to anyone who can reach {host}; "
            "turn it off, or set HOST=127.0.0.1."
        )
    base_url = _checked_base_url(env.text("MODEL_STATUS_BASE_URL", _local_address(host, port)))
    database = _database(env.text("DATABASE_URL", ""), data_dir)
    test_reset = env.flag("MODEL_STATUS_TEST_RESET")
    if test_reset:
        _refuse_reset_in_earnest(host, base_url, str(database.get("HOST", "")))
    return Environment(
        data_dir=data_dir,
        database=database,
        secret_key=_secret_key(env.text("MODEL_STATUS_SECRET_KEY", ""), data_dir, create=create),
        debug=debug,
        host=host,
        port=port,
        base_url=base_url,
        allowed_hosts=_allowed_hosts(env.names("MODEL_STATUS_ALLOWED_HOSTS"), base_url, host),
        trusted_proxies=_networks(env.names("MODEL_STATUS_TRUSTED_PROXIES")),
        content=_checked_content(env.text("MODEL_STATUS_CONTENT", "file")),
        s3_endpoint=env.text("S3_ENDPOINT", ""),
        threads=env.number("MODEL_STATUS_THREADS", 32, low=1, high=512),
        workers=env.number("MODEL_STATUS_WORKERS", 1, low=1, high=64),
        log=env.one_of("MODEL_STATUS_LOG", LOG_PLACES),
        log_level=env.text("MODEL_STATUS_LOG_LEVEL", "INFO").upper(),
        metrics_token=env.text("MODEL_STATUS_METRICS_TOKEN", ""),
        test_reset=test_reset,
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_reset_in_earnest(host: str, base_url: str, database_host: str) -> None:
    """One request that empties everything is for a store on this machine that only it can reach."""
    others = {
        f"HOST {host}": not is_loopback(host),
        f"MODEL_STATUS_BASE_URL {base_url}": not is_loopback(urlsplit(base_url).hostname or ""),
        # A folder is a socket of this machine.
        "a database elsewhere": database_host[:1] not in ("", "/")
        and not is_loopback(database_host),
    }
    for what, is_elsewhere in others.items():
        if is_elsewhere:
            raise ConfigurationError(
                f"MODEL_STATUS_TEST_RESET lets one request empty the store, so it is refused with "
                f"{what}; it is for tests on this machine."
            )


class _Reader:
    """django-environ over a given mapping, with our refusals instead of its tracebacks."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._env = environ.Env()
        self._env.ENVIRON = dict(variables)

    def text(self, name: str, default: str) -> str:
        # An empty variable means "not set": that is what `NAME= make run` leaves behind.
        return self._env.str(name, default="").strip() or default

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self._env.list(name, default=[]) if part.strip())

    def flag(self, name: str) -> bool:
        return bool(self._env.bool(name, default=False))

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        text = self.text(name, str(default))
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise ConfigurationError(f"{name} must be a number from {low} to {high}, not {text!r}.")
        return int(text)

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        text = self.text(name, choices[0])
        if text not in choices:
            raise ConfigurationError(f"{name} must be {' or '.join(choices)}, not {text!r}.")
        return text


def _make_private_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The data folder {folder} cannot be made ({error.strerror}); "
            "set MODEL_STATUS_DATA_DIR to a folder that this user may write to."
        ) from None


def _secret_key(given: str, data_dir: Path, *, create: bool) -> str:
    if given:
        return _checked_secret(given, "MODEL_STATUS_SECRET_KEY")
    path = data_dir / "secret_key"
    if create and not path.exists():
        _write_secret(path)
    try:
        return _checked_secret(path.read_text(encoding="ascii").strip(), str(path))
    except OSError as error:
        raise ConfigurationError(f"The secret {path} cannot be read: {error.strerror}.") from None


def _write_secret(path: Path) -> None:
    """Two processes may start at once: the first link wins and both read the same secret."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(64) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _checked_secret(secret: str, source: str) -> str:
    if any(sample in secret.lower() for sample in SAMPLE_SECRETS):
        raise ConfigurationError(f"{source} is a published sample; use a random value.")
    if len(secret) < SECRET_MIN_LENGTH or len(set(secret)) < 10:
        raise ConfigurationError(
            f"{source} is too short or too simple: it needs {SECRET_MIN_LENGTH} random characters. "
            "Leave it out to have one made."
        )
    return secret


def _database(url: str, data_dir: Path) -> dict[str, Any]:
    if not url:
        return _sqlite(data_dir / "model-status.sqlite3")
    scheme = urlsplit(url).scheme
    # Our own words for both: an error of the parser could repeat the password in the URL.
    if scheme == "sqlite":
        return _sqlite(Path(urlsplit(url).path))
    if scheme in {"postgres", "postgresql"}:
        return _postgresql(url)
    raise ConfigurationError(
        "DATABASE_URL must start with postgresql:// (or sqlite:///), "
        f"not {scheme + ':' if scheme else 'a bare word'}."
    )


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        # Opening a connection runs the pragmas and parses the schema; each thread keeps its own.
        "CONN_MAX_AGE": 60,
        "OPTIONS": {
            # FULL: a committed change survives power loss, not only a crash of the process.
            # A waiting writer queues for up to 20 s; IMMEDIATE keeps it from starting a change
            # that it could not finish. Temporary tables stay out of the shared temp folder.
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
                "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8000; "
                "PRAGMA journal_size_limit=67108864;"
            ),
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }


def _postgresql(url: str) -> dict[str, Any]:
    try:
        config: dict[str, Any] = environ.Env.db_url_config(url)
    except Exception:
        raise ConfigurationError(
            "DATABASE_URL is not a valid postgresql:// address; "
            "special characters in the password must be percent-encoded."
        ) from None
    config["ENGINE"] = "django.db.backends.postgresql"
    options = dict(config.get("OPTIONS") or {})
    # A request that finds no free connection for 10 s is answered with 503, not queued for ever.
    options.setdefault("pool", {"min_size": 1, "max_size": 16, "timeout": 10})
    # After so many times PostgreSQL keeps the plan of a prepared query (apps/core/prepared). A
    # pooler in between that hands a connection around between transactions takes a high number.
    options.setdefault("prepare_threshold", 1)
    config["OPTIONS"] = options
    return config


def _checked_base_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise ConfigurationError(
            f"MODEL_STATUS_BASE_URL must look like https://models.example.com, not {url!r}."
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigurationError(
            "MODEL_STATUS_BASE_URL must not have a path: Model Status lives at the root of a host."
        )
    return f"{parts.scheme}://{parts.netloc}"


def _local_address(host: str, port: int) -> str:
    shown = "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _allowed_hosts(given: tuple[str, ...], base_url: str, host: str) -> tuple[str, ...]:
    """The names asked for, the one in the base URL, and always this machine by itself."""
    if "*" in given:
        raise ConfigurationError(
            "MODEL_STATUS_ALLOWED_HOSTS must list names; * would let any web site talk to us."
        )
    own = urlsplit(base_url).hostname or ""
    names = [*given, own, "localhost", "127.0.0.1", "::1"]
    bracketed = [
        f"[{name}]" if ":" in name and not name.startswith("[") else name for name in names
    ]
    return tuple(dict.fromkeys(bracketed))


def _networks(given: tuple[str, ...]) -> tuple[IPNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in given)
    except ValueError as error:
        raise ConfigurationError(
            f"MODEL_STATUS_TRUSTED_PROXIES must list addresses or networks: {error}."
        ) from None


def _checked_content(place: str) -> str:
    if place == "file" or (place.startswith("s3://") and urlsplit(place).netloc):
        return place
    raise ConfigurationError(
        f"MODEL_STATUS_CONTENT must be file or s3://bucket/prefix, not {place!r}."
    )
