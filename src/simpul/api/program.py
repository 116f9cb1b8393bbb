"""`simpul serve`: one process that holds the home's lock, keeps in step with the relays, and answers over HTTP.

The HTTP loop runs on the main thread; the courier's threads do the exchange (services.courier). SIGTERM and SIGINT
stop both, in that order, well within five seconds: whatever was under way is whole or did not happen.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from simpul.api.routes import application
from simpul.errors import HomeFault, InputFault
from simpul.services.courier import Courier
from simpul.services.node import Node

STOP_SECONDS = 3
"""How long open requests may take to end after SIGTERM."""


def run(node: Node, listen: str, *, ready: Callable[[dict[str, Any]], None]) -> None:
    """Serve until a signal says stop.

    Args:
        node: this node; its lock is taken here.
        listen: `host:port`; port 0 takes a free one.
        ready: gets {"ready", "url", "pid"} once, when requests are answered.

    Raises:
        HomeBusy: another process serves this home.
        InputFault: the address cannot be listened on.
        HomeFault: the exchange met a fault of this home.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with node.lock(), _listening(listen) as bound:
        host, port = bound.getsockname()[:2]
        address = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            application(node),
            log_level="warning",
            access_log=False,
            lifespan="off",
            loop="uvloop",
            http="httptools",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        # uvicorn raises the signal anew once it has stopped; the process is to end by itself then, with exit 0.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        server = _Server(
            config, lambda: ready({"ready": True, "url": f"http://{address}:{port}", "pid": os.getpid()})
        )
        courier = Courier(node, stopped=server.stop)
        with courier:
            server.run(sockets=[bound])
    if courier.failed:
        raise HomeFault(
            "the exchange with partners stopped, so this process ended",
            input=str(node.home),
            do="mend what the log says, then run `simpul serve` again",
        )


class _Server(uvicorn.Server):
    """Says when it is ready, which uvicorn itself only logs."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    def stop(self) -> None:
        """End as after a signal; from any thread."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, then say so."""
        await super().startup(sockets)
        self._ready()


def _listening(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, int(port)))
    except (OSError, ValueError, OverflowError) as fault:
        bound.close()
        raise InputFault(
            f"cannot listen on '{listen}': {fault}",
            input="--listen",
            do="write host:port; port 0 takes a free one",
        ) from fault
    return bound
