"""A real relay on a real socket for tests: a child process that can be killed, stopped and started again.

Run as a module it serves with a clock that a test sets: the file named by --clock holds microseconds that are added to
the real time.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from simpul.protocol.mailboxes import public_key, request_statement, sign_statement
from simpul.relay.program import read_limits, serve, system_clock
from simpul.transport.relay import RelayClient

ROOT = Path(__file__).resolve().parents[1]
READER = b"reader".ljust(32, b"\0")
WRITER = b"writer".ljust(32, b"\0")


class RelayProcess:
    """A relay as a child process, with what a test does to it."""

    def __init__(self, data: Path, *, limits: str = "", listen: str = "127.0.0.1:0") -> None:
        self.data = data
        self.clock = data.parent / f"{data.name}.clock"
        self.clock.write_text("0")
        self._limits = data.parent / f"{data.name}.toml"
        self._limits.write_text(limits)
        self._clients: list[RelayClient] = []
        self.listen = listen
        self.start()

    def start(self) -> None:
        arguments = ["--listen", self.listen, "--data", str(self.data), "--limits", str(self._limits)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.relay_process", *arguments, "--clock", str(self.clock)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        self.ready = json.loads(first)
        self.url = str(self.ready["url"])

    def now(self) -> int:
        return system_clock()

    def move_clock(self, seconds: float) -> None:
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(str(int(seconds * 1_000_000)))
        fresh.replace(self.clock)

    def client(self, seed: bytes = READER, *, clock_error: int = 0) -> RelayClient:
        client = RelayClient(self.url, seed, lambda: system_clock() + clock_error, timeout_seconds=10)
        self._clients.append(client)
        return client

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._close_output()

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        self._close_output()
        return code

    def close(self) -> None:
        for client in self._clients:
            client.close()
        if self.process.poll() is None:
            self.kill()
        self._close_output()

    def _close_output(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()


def signed(
    url: str, path: str, body: bytes, *, seed: bytes = READER, at: int | None = None
) -> dict[str, str]:
    """The headers of a signed request, made anew from the specification rather than by the client under test."""
    nonce = os.urandom(16) + (time.time_ns() // 1000 if at is None else at).to_bytes(8, "big")
    statement = request_statement(url, nonce, path.encode() + b"\n" + body)
    return {
        "simpul-account": public_key(seed).hex(),
        "simpul-nonce": nonce.hex(),
        "simpul-signature": sign_statement(seed, statement).hex(),
    }


def post(url: str, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    """One request on a connection of its own."""
    return httpx.post(url + path, content=body, headers=headers, timeout=20, trust_env=False)


def run() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--listen", "--data", "--limits", "--clock"):
        parser.add_argument(name, required=True)
    chosen = parser.parse_args()
    clock = Path(chosen.clock)
    serve(
        chosen.listen,
        Path(chosen.data),
        limits=read_limits(Path(chosen.limits)),
        clock=lambda: system_clock() + int(clock.read_text()),
    )


if __name__ == "__main__":
    run()
