"""The product's own settings over throw-away data: what the tests and the type check run with.

`TEST_DATABASE=postgres` runs the suite on a PostgreSQL server of its own (see `postgres.py`);
otherwise it runs on SQLite. Each worker process of pytest-xdist imports this file, so each has its
own folder, its own server and its own database.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

FOLDER = Path(tempfile.mkdtemp(prefix="model-status-tests-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

DATABASE_KIND = os.environ.get("TEST_DATABASE", "sqlite")
if DATABASE_KIND not in {"sqlite", "postgres"}:
    raise SystemExit(f"TEST_DATABASE must be sqlite or postgres, not {DATABASE_KIND!r}.")
POSTGRES_SOCKET = FOLDER / "postgres"

# No test cuts the power, so nothing here waits for the disk, the database neither. Processes that
# tests start, of the site or of a client, keep their own.
os.fsync = lambda fd: None

# What the shell of the person says about their own installation must not reach a test.
for _name in [*os.environ]:
    if _name.startswith("MODEL_STATUS_") or _name in {"HOST", "PORT", "S3_ENDPOINT"}:
        del os.environ[_name]
os.environ["MODEL_STATUS_DATA_DIR"] = str(FOLDER / "data")
os.environ["MODEL_STATUS_LOG"] = "file"
os.environ["DATABASE_URL"] = (
    f"postgresql://postgres@/model_status?host={POSTGRES_SOCKET}"
    if DATABASE_KIND == "postgres"
    else ""
)
# The browser driver runs an event loop in the thread that the test runs in.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

from registry_site.settings import *  # noqa: E402, F403
from registry_site.settings import DATABASES, STATIC_ROOT, STORAGES  # noqa: E402

if DATABASE_KIND == "sqlite":
    # A file, because tests with threads and live servers need connections of their own.
    DATABASES["default"]["TEST"] = {"NAME": FOLDER / "test.sqlite3"}
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"

STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
