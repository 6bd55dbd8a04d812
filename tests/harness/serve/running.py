"""A real server in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from tests.engine_processes import groups
from tests.timing import allow_seconds, until

_START_SECONDS = 60.0
ENDLESS = "while True: pass"


def code(source: str, **more: Any) -> dict[str, Any]:
    """A SandboxFusion request with its eight fields."""
    request = {
        "compile_timeout": 10,
        "run_timeout": allow_seconds(10),
        "memory_limit_MB": -1,
        "code": source,
        "stdin": None,
    }
    return request | {"language": "python", "files": {}, "fetch_files": []} | more


class Server:
    """``semi-instruct serve`` on a free port.

    Args:
        options: of the command line.
        prefix: a command that starts it, as in ``("setpriv", ...)``.
    """

    def __init__(self, *options: str, prefix: tuple[str, ...] = ()) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.log_path = Path(self._folder.name) / "log"
        command = [*prefix, sys.executable, "-m", "semi_instruct", "serve", "--port", "0", *options]
        started = time.monotonic()
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        ready = until(lambda: self._line("ready"), _START_SECONDS)
        self.seconds_to_ready = time.monotonic() - started
        assert ready is not None, f"the server does not start: {self.log_path.read_text()}"
        self.url = f"http://127.0.0.1:{ready['port']}"
        self.http = httpx.Client(base_url=self.url, timeout=allow_seconds(60), verify=False)

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        return self.http.post(path, json=body, **more)

    def in_background(self, path: str, body: Any, **more: Any) -> BackgroundRequest:
        """Send a request on a thread and a connection of its own."""
        return BackgroundRequest(self.url + path, body, **more)

    def load(self) -> dict[str, Any]:
        """The load that ``/v1/health`` reports."""
        load: dict[str, Any] = self.http.get("/v1/health").json()["load"]
        return load

    def runs(self) -> int:
        """The number of runs that have ended."""
        return sum(self.load()["runs"].values())

    def taken(self) -> int:
        """The number of runs that wait, run, or have ended."""
        load = self.load()
        return int(load["running"] + load["waiting"] + sum(load["runs"].values()))

    def log(self) -> list[dict[str, Any]]:
        """The lines of the log, which must all be JSON."""
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def groups(self) -> set[str]:
        """Its control groups."""
        return set(groups(self.process.pid))

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal. Returns the exit status."""
        self.http.close()
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        return self.process.wait(allow_seconds(60))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.end()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._folder.cleanup()

    def _line(self, event: str) -> dict[str, Any] | None:
        assert self.process.poll() is None, self.log_path.read_text()
        for line in self.log_path.read_text().splitlines():
            if line.startswith("{") and line.endswith("}") and json.loads(line)["event"] == event:
                found: dict[str, Any] = json.loads(line)
                return found
        return None


class BackgroundRequest:
    """A request that is being sent."""

    def __init__(self, url: str, body: Any, **more: Any) -> None:
        self._answer: httpx.Response | Exception | None = None
        self.ended_at = 0.0
        self._thread = threading.Thread(target=self._ask, args=(url, body), kwargs=more, daemon=True)
        self._thread.start()

    @property
    def is_answered(self) -> bool:
        """Whether the response has arrived."""
        return self._answer is not None

    def answer(self) -> httpx.Response:
        """The response."""
        self._thread.join(allow_seconds(60))
        assert isinstance(self._answer, httpx.Response), self._answer
        return self._answer

    def _ask(self, url: str, body: Any, **more: Any) -> None:
        try:
            self._answer = httpx.post(url, json=body, timeout=allow_seconds(60), verify=False, **more)
        except Exception as error:  # reported by ``answer``
            self._answer = error
        self.ended_at = time.monotonic()
