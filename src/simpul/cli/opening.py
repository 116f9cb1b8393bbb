"""Opens the home that a call names, for the length of one command."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simpul.cli.frame import Actor, Call

if TYPE_CHECKING:
    from simpul.services.enrolling import Signer
    from simpul.services.node import Node


@contextmanager
def opened(call: Call) -> Iterator[Node]:
    """This node. A home under a passphrase asks for it at a terminal when no file was named."""
    from simpul.app import load_settings, open_node
    from simpul.storage.homefile import read_home

    given = call.kek is not None or call.home_passphrase_file is not None
    ask = not given and sys.stdin.isatty() and read_home(call.home).wrap.kind == "passphrase"
    passphrase = call.home_passphrase(ask=ask)
    with open_node(call.home, kek=call.kek, passphrase=passphrase, settings=load_settings(call.home)) as node:
        yield node


def signer(node: Node, actor: Actor) -> Signer:
    """The acting person, with the signing key unlocked."""
    from simpul.services.enrolling import unlock

    return unlock(node, actor.user, actor.passphrase())
