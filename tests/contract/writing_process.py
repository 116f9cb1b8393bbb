"""A process that writes to a store until it is done or killed, and says after each commit how many there were.

`settling` moves the fresh entries of the index into their place after each commit, which else is rare.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from simpul.domain.journal import Leaf
from simpul.storage.lookup import settle
from simpul.storage.store import open_store
from tests.contract.stored_things import HERE, marked

COMMITS = 20


def main(path: str, key: str, mode: str, number: str, forever: str = "") -> None:
    store = open_store(Path(path), bytes.fromhex(key) or None, realm="live")
    for n in count() if forever else range(COMMITS):
        first = n % COMMITS * 10
        with store.write() as unit:
            unit.objects.add([marked(first + k) for k in range(10)], source=HERE, at=n)
            leaf = Leaf(
                index=0,
                kind="import",
                at=n,
                entry=n.to_bytes(32, "big"),
                salt=number.encode(),
                content_salt=b"",
                content=b"",
            )
            unit.journal.append([leaf])
            unit.directory.count("done", 1)
        if mode == "settling":
            settle(store._writer, 1)
        print(n + 1, flush=True)  # noqa: T201
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
