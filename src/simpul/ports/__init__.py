"""The few interfaces between what Simpul does and what it stands on, with their contracts in words.

    Store      one realm's database: `read()` gives a snapshot, `write()` one atomic change
    Keyring    the secrets of this home
    Transport  the way to a relay
    LogFiles   the log as files, for verifiers
    Clock      now, in microseconds UTC
    Entropy    random bytes

What every `Store` must promise (the contract suite in `tests/contract` runs on each implementation):

* `write()` is one `BEGIN IMMEDIATE`: all of it is durable when the block ends, or nothing of it happened, also
  after kill −9. It waits up to 5 s for another writer and then raises `HomeBusy`. Full disk: `StorageFull`.
* `read()` is one snapshot; it never waits for a writer. A `Unit` is not used after its block, nor by two threads.
* Every method that shows objects, values, words or counts takes an `Audience` and shows nothing else. There is no
  other way to ask, outside migration and audit.
* Surrogate integers (rowids, label ids, arrival numbers) stay inside: what crosses is an `ObjectKey`, a hash, an id,
  or an opaque cursor.
* Iterators stream; their cost in memory does not grow with what is stored.
"""

from __future__ import annotations

from simpul.ports.directory import Directory, Mailbox, SignedRow
from simpul.ports.journal import Jobs, Journal
from simpul.ports.mail import Mail
from simpul.ports.objects import Added, LabelUse, Objects, Original, StoredHead, ValueHit
from simpul.ports.outside import Clock, Entropy, Keyring, LogFiles, Transport, Waiting
from simpul.ports.products import Products
from simpul.ports.recalls import Recalls
from simpul.ports.store import Store, Unit

__all__ = [
    "Added",
    "Clock",
    "Directory",
    "Entropy",
    "Jobs",
    "Journal",
    "Keyring",
    "LabelUse",
    "LogFiles",
    "Mail",
    "Mailbox",
    "Objects",
    "Original",
    "Products",
    "Recalls",
    "SignedRow",
    "Store",
    "StoredHead",
    "Transport",
    "Unit",
    "ValueHit",
    "Waiting",
]
