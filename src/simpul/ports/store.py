"""One transaction over all of it. The promises that hold for all of it stand in `simpul.ports`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from simpul.ports.directory import Directory
from simpul.ports.journal import Jobs, Journal
from simpul.ports.mail import Mail
from simpul.ports.objects import Objects
from simpul.ports.products import Products
from simpul.ports.recalls import Recalls


class Unit(Protocol):
    """One transaction, or one snapshot: the same questions in both; changes only inside `Store.write`."""

    objects: Objects
    products: Products
    mail: Mail
    directory: Directory
    journal: Journal
    jobs: Jobs
    recalls: Recalls


class Store(Protocol):
    """One realm's database."""

    def read(self) -> AbstractContextManager[Unit]:
        """A snapshot."""
        ...

    def write(self) -> AbstractContextManager[Unit]:
        """One atomic change."""
        ...

    def changed(self) -> int:
        """A number that differs after any other connection, of this or another process, committed."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...
