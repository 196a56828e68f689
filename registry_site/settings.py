"""Django settings of one installation, worked out from its environment (see `env.py`)."""

import os
import sys
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from registry_site.env import ConfigurationError, read_environment
from registry_site.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent

# Everything we write is private to this user, whatever the shell was set to.
os.umask(0o077)

try:
    ENV = read_environment(os.environ, default_data_dir=BASE_DIR / "data")
except ConfigurationError as error:
    # One clear line instead of a traceback, for every command and every server.
    sys.exit(f"Model Status cannot start: {error}")

DATA_DIR = ENV.data_dir
SECRET_KEY = ENV.secret_key
DEBUG = ENV.debug
BASE_URL = ENV.base_url
ALLOWED_HOSTS = list(ENV.allowed_hosts)
TRUSTED_PROXIES = ENV.trusted_proxies
METRICS_TOKEN = ENV.metrics_token
TEST_RESET = ENV.test_reset
CONTENT = ENV.content
S3_ENDPOINT = ENV.s3_endpoint

INSTALLED_APPS = [
    # Without its discovery: what the admin has is listed in apps.admin.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
    "registry_site",
    "apps.core",
    "apps.content",
    "apps.series",
    "apps.audit",
    "apps.accounts",
    "apps.projects",
    "apps.runs",
    "apps.artifacts",
    "apps.evaluations",
    "apps.registry",
    "apps.bin",
    "apps.web",
    "apps.api",
    "apps.admin",
    "apps.mlflow_api",
    "apps.wandb_api",
    "apps.demo",
]

MIDDLEWARE = [
    "registry_site.middleware.trusted_proxies",
    "registry_site.middleware.request_log",
    "registry_site.middleware.security_headers",
    "registry_site.middleware.short_headers",
    "registry_site.middleware.known_host",
    "registry_site.middleware.known_methods",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "registry_site.middleware.CompressText",
    "registry_site.middleware.private_answers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "registry_site.middleware.same_site_writes",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "registry_site.middleware.Refusals",
]

ROOT_URLCONF = "registry_site.urls"
WSGI_APPLICATION = "registry_site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.web.context.frame",
            ],
        },
    }
]

# Data -------------------------------------------------------------------------------------------

DATABASES = {"default": ENV.database}
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "tmp"
FILE_UPLOAD_TEMP_DIR.mkdir(mode=0o700, exist_ok=True)
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
# A batch of 1,000 points with long names is about 200 kB. Content comes in as a stream, past this.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 20
# Several web processes share nothing but the database and the content store, so nothing may be
# kept here that another process has to see.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# People -----------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Cookies and transport --------------------------------------------------------------------------

# The __Host- prefix makes browsers refuse a cookie that another host of the domain planted; they
# accept it over https only.
_PREFIX = "__Host-" if ENV.is_https else ""
SESSION_COOKIE_NAME = f"{_PREFIX}model_status_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = ENV.is_https
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_NAME = f"{_PREFIX}model_status_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = ENV.is_https
CSRF_COOKIE_AGE = None
CSRF_FAILURE_VIEW = "registry_site.answers.csrf_failure"
CSRF_TRUSTED_ORIGINS = [ENV.base_url]
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = ENV.is_https
# In the session, so that no third cookie is needed.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SECURE_SSL_REDIRECT = ENV.is_https
# A load balancer asks these over plain http from inside.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if ENV.is_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ENV.is_https
# Safe because `trusted_proxies` removes the header when it comes from anybody else.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
USE_X_FORWARDED_HOST = False
USE_X_FORWARDED_PORT = False
# The headers themselves are set on every answer by `middleware.security_headers`.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Named as Django 6 names it, so that its own middleware can take over.
SECURE_CSP = {
    "default-src": ["'self'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:", "blob:"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}

SILENCED_SYSTEM_CHECKS = [
    # Preloading is a promise for a whole domain; its owner makes it, not we.
    "security.W021",
    # frame-ancestors 'none' and X-Frame-Options come from `middleware.security_headers`.
    "security.W002",
]
if not ENV.is_https:
    # On plain http these four would lock everybody out: Secure cookies are not sent back, and
    # there is nothing to redirect to. `serve` warns when such an address is open to others.
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008", "security.W012", "security.W016"]

# Words and times --------------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ja", _("Japanese")), ("ko", _("Korean")), ("es", _("Spanish"))]
LOCALE_PATHS = [BASE_DIR / "locale"]

# Static files -----------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Collected by `serve` when they changed; in the data folder because the program may be read-only.
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_KEEP_ONLY_HASHED_FILES = False

LOGGING = logging_config(ENV)
