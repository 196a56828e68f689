"""The site as a process of its own: `manage.py serve` with a data folder that is thrown away."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class StayHere(urllib.request.HTTPRedirectHandler):
    """Shows a redirect instead of following it."""

    def redirect_request(self, *args: object) -> None:
        return None


OPENER = urllib.request.build_opener(StayHere)


class Server:
    """`manage.py serve` with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None

    def start(self, *arguments: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "serve", *arguments],
            env=self.environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "MODEL_STATUS_DATA_DIR": str(self.folder),
            "MODEL_STATUS_LOG": "file",
            "PORT": str(self.port),
            "DEMO": "0",
        } | variables

    def get(self, path: str) -> tuple[int, str]:
        try:
            with OPENER.open(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process
            assert self.process.poll() is None, self.output()
            try:
                if self.get("/readyz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server did not get ready")

    def stop(self) -> tuple[int, str]:
        """Ask it to stop, as a service manager does; its exit code and all it printed."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=40)
        return self.process.returncode, output

    def output(self) -> str:
        assert self.process
        return self.process.communicate(timeout=40)[0]

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
