"""A relay as a process: it says on standard output where it is, serves, and ends cleanly on SIGTERM or SIGINT.

Every put that it acknowledged is on the disk, so that it may be killed at any instruction.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import ssl
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import urlsplit

import msgspec
import uvicorn
import uvloop

from simpul.errors import HomeBusy, InputFault
from simpul.relay.database import Record, RelayDatabase, RelayWriter, known_url, records
from simpul.relay.http import KEY_LENGTH, RelayApp
from simpul.relay.mailboxes import Limits

__all__ = ["Record", "read_limits", "records", "serve", "system_clock"]

SWEEP: Final = 60.0
"""Seconds between two looks for what has expired."""

GRACE: Final = 3
"""Seconds that open connections get at the end; long polls are answered at once and need none of it."""


def system_clock() -> int:
    """Now, microseconds UTC."""
    return time.time_ns() // 1000


def read_limits(path: Path) -> Limits:
    """Limits from a TOML file: any of the fields of `Limits`; a class of mailbox is a table of its four figures.

    Raises:
        InputFault: the file does not read, or names what is no limit.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Limits, strict=True)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise InputFault(f"the relay's limits do not read: {error}", input=str(path)) from error


def serve(
    listen: str,
    data: Path,
    *,
    public_url: str | None = None,
    limits: Limits | None = None,
    accounts: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    clock: Callable[[], int] = system_clock,
    out: TextIO | None = None,
) -> None:
    """Run a relay until SIGTERM or SIGINT. Call it from the main thread.

    The first line on `out` is `{"ready":true,"url":…,"pid":…}`, printed when requests are answered.

    Args:
        listen: HOST:PORT. Port 0 takes the port that this folder's relay had before, else a free one: mailbox tags
            commit to the relay's URL, so a relay that moves loses its mailboxes.
        data: folder of its database; made where absent.
        public_url: the URL that readers and writers use, where a proxy stands in front; by default that of `listen`.
        limits: what the relay allows; the defaults of `Limits` where None.
        accounts: file with the account keys that may register, one in hex a line; anyone may where None.
        certificate: PEM file of a certificate chain; with it the relay speaks TLS itself.
        key: PEM file of its private key; not needed where the certificate's file holds it too.
        clock: now, microseconds UTC.
        out: where the first line goes; standard output where None.

    Raises:
        InputFault: the address, URL or a file does not serve.
        HomeBusy: another relay runs on this folder.
        HomeIncompatible: the folder's mailboxes were made under another URL.
    """
    _check_certificate(certificate, key)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(data), _bound(listen, known_url(data) if public_url is None else None) as bound:
        identity = public_url.rstrip("/") if public_url else _address(bound, tls=certificate is not None)
        chosen = limits or Limits()
        with _storage(data, identity, chosen) as (database, writer):
            app = RelayApp(
                identity,
                database,
                writer,
                limits=chosen,
                accounts=_read_accounts(accounts) if accounts else None,
                clock=clock,
            )
            ready = json.dumps({"ready": True, "url": identity, "pid": os.getpid()})
            server = _Server(_config(app, certificate, key), app, ready, out or sys.stdout)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(server.run_on(bound))


class _Server(uvicorn.Server):
    # uvicorn's own handlers raise the signal again at the end; a relay that was told to stop has not failed.

    def __init__(self, config: uvicorn.Config, app: RelayApp, ready: str, out: TextIO) -> None:
        super().__init__(config)
        self._app = app
        self._ready = ready
        self._out = out

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._out.write(self._ready + "\n")
        self._out.flush()

    async def run_on(self, bound: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        sweeping = asyncio.create_task(self._sweep())
        await self.serve([bound])
        sweeping.cancel()

    def _stop(self) -> None:
        self._app.stop()
        self.should_exit = True

    async def _sweep(self) -> None:
        while True:
            await self._app.sweep()
            await asyncio.sleep(SWEEP)


def _config(app: RelayApp, certificate: Path | None, key: Path | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


@contextlib.contextmanager
def _storage(data: Path, relay: str, limits: Limits) -> Iterator[tuple[RelayDatabase, RelayWriter]]:
    # One connection to read on the loop, one for the writer's thread: a snapshot never waits for a change.
    reading = RelayDatabase(data, relay, limits)
    changing = RelayDatabase(data, relay, limits)
    writer = RelayWriter(changing)
    try:
        yield reading, writer
    finally:
        writer.close()
        changing.close()
        reading.close()


@contextlib.contextmanager
def _locked(data: Path) -> Iterator[None]:
    with (data / "relay.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HomeBusy(
                "another relay runs on this folder", input=str(data), do="stop it, or name another folder"
            ) from None
        yield


@contextlib.contextmanager
def _bound(listen: str, before: str | None) -> Iterator[socket.socket]:
    host, port = _read_address(listen)
    if port == 0 and before is not None:
        port = urlsplit(before).port or 0
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise InputFault(
            f"cannot listen on port {port} of {host}: {error.strerror}",
            input=listen,
            do="free the port, or name another HOST:PORT",
        ) from error
    with bound:
        yield bound


def _read_address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise InputFault(
            "not an address to listen on", input=listen, do="give HOST:PORT, such as 127.0.0.1:0"
        )
    return host.strip("[]"), int(port)


def _address(bound: socket.socket, *, tls: bool) -> str:
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{port}"


def _check_certificate(certificate: Path | None, key: Path | None) -> None:
    if certificate is None:
        if key is not None:
            raise InputFault("a private key without its certificate", input="--key", do="give --certificate")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:
        raise InputFault(
            f"the certificate and its private key do not read: {error.strerror or error}",
            input=str(certificate),
            do="give PEM files: the chain with --certificate, its private key with --key",
        ) from error


def _read_accounts(path: Path) -> frozenset[bytes]:
    try:
        lines = path.read_text().split()
        keys = frozenset(bytes.fromhex(line) for line in lines)
    except (OSError, ValueError) as error:
        raise InputFault(f"the list of accounts does not read: {error}", input=str(path)) from error
    if any(len(key) != KEY_LENGTH for key in keys):
        raise InputFault("an account key is 64 hexadecimal digits", input=str(path))
    return keys
