"""Serve the site with granian: one program for a laptop and for production."""

import ctypes
import multiprocessing
import os
import signal
import socket
import sys
from argparse import ArgumentParser
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from apps.core.errors import DomainError
from apps.core.faults import refusal_for
from registry_site import local
from registry_site.env import ConfigurationError, Environment, is_loopback, read_environment
from registry_site.readiness import NotReadyError, check_schema, collect_static

STOP_SECONDS = 30
PR_SET_PDEATHSIG = 1  # from Linux' prctl.h


class Command(BaseCommand):
    help = "Serve the site. --local also migrates, makes the first admin and loads the demo."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", help="the address to listen on (HOST, 127.0.0.1)")
        parser.add_argument("--port", help="the port to listen on (PORT, 8000)")
        parser.add_argument("--local", action="store_true", help="prepare everything; for make run")

    def handle(self, *args: Any, **options: Any) -> None:
        env = self._environment(options)
        refuse_taken_port(env.host, env.port)
        try:
            with_demo = self._prepare(env, is_local=options["local"])
        except NotReadyError as error:
            raise CommandError(str(error)) from None
        except Exception as error:
            raise _as_command_error(error) from error
        leave_databases()
        with local.demo_beside() if with_demo else nullcontext():
            serve(env)

    def _environment(self, options: dict[str, Any]) -> Environment:
        """The workers read the environment too, so what the options say is put there."""
        for name in ("host", "port"):
            if options[name]:
                os.environ[name.upper()] = str(options[name])
        try:
            env = read_environment(os.environ, default_data_dir=settings.BASE_DIR / "data")
        except ConfigurationError as error:
            raise CommandError(str(error)) from None
        if not is_loopback(env.host) and not env.is_https:
            self.stderr.write(
                "Warning: other machines can reach this address, and what they send, passwords "
                "included, travels in the clear. Put a proxy with https in front and set "
                "MODEL_STATUS_BASE_URL=https://..."
            )
        return env

    def _prepare(self, env: Environment, *, is_local: bool) -> bool:
        """Make the database and the static files fit; says whether the demo goes beside."""
        if is_local:
            local.migrate()
        else:
            check_schema()
        collect_static()
        if not is_local:
            self.stdout.write(f"Model Status serves {env.base_url}")
            return False
        self.stdout.write(local.welcome(env.base_url, local.first_admin()))
        self.stdout.write("  Stop with Ctrl-C.")
        self.stdout.flush()
        return local.wants_demo(os.environ)


def serve(env: Environment) -> None:
    # Forked where that is safe: the workers have the program loaded already, which halves the time
    # to the first page.
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork", force=True)
        os.register_at_fork(after_in_child=end_with_parent)
    else:
        multiprocessing.set_start_method("spawn", force=True)
    Granian(
        "registry_site.wsgi:application",
        address=env.host,
        port=env.port,
        interface=Interfaces.WSGI,
        workers=env.workers,
        blocking_threads=env.threads,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        websockets=False,
        # At "warning" it advises fewer threads than cores allow; ours mostly wait for the database.
        log_level=LogLevels.error,
    ).serve()


def end_with_parent() -> None:
    """Should the parent be killed, its workers must not go on holding the port."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def leave_databases() -> None:
    """Close all that a worker must not share with us: connections, their locks, and the threads of
    the pool."""
    connections.close_all()
    for connection in connections.all():
        # Only PostgreSQL has a pool.
        close_pool = getattr(connection, "close_pool", None)
        if close_pool:
            close_pool()


def refuse_taken_port(host: str, port: int) -> None:
    """Say it before the work, and better than the server would."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port} ({error.strerror}). "
                f"Stop what runs there, or choose another: make run PORT={port + 1}"
            ) from None


def _as_command_error(error: Exception) -> Exception:
    """One line for a database that cannot be reached, read or written; a fault of ours as it is."""
    if isinstance(error, DomainError):
        return CommandError(error.message)
    # The bare class is what Django makes of a file that is damaged or is no database at all.
    if refusal_for(error) is not None or type(error) is DatabaseError:
        return CommandError(f"The database cannot be used: {error}".strip())
    return error
