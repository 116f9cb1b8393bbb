"""What every handler is given: the node, and the person who asks."""

from __future__ import annotations

from typing import Final

from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation

from simpul.api.guarding import acting
from simpul.services.enrolling import Signer
from simpul.services.node import Node

NODE: Final = "node"
"""Under this name the application's state holds its `Node`."""

TheNode = NamedDependency[SkipValidation[Node]]
ThePerson = NamedDependency[SkipValidation[Signer]]


def _node(state: State) -> Node:
    found: Node = state[NODE]
    return found


DEPENDENCIES: Final = {
    "node": Provide(_node, sync_to_thread=False),
    "person": Provide(acting, sync_to_thread=False),
}
"""For a `Router` whose guard is `signed_in`."""
