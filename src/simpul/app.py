"""The one place that builds a node: the only file that knows every layer.

found_node(...)                      make a home, its keys and its first card
found_pseudonym(...)                 the same for a member of blind circles
found_dummy(node, circle, folder)    the enrolment of a pseudonym that is nobody's
with open_node(home, kek=…) as node  everything a service needs, closed at the end
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from simpul.config import Settings, load
from simpul.domain.blind import COUNTRY, dated, pseudonym_name
from simpul.errors import InputFault, RelayFault
from simpul.ports import Transport
from simpul.protocol.keys import SigningKey, fingerprint, self_test
from simpul.services import founding
from simpul.services.auditing import INCARNATION
from simpul.services.connecting import add_card, keep_card, own_card
from simpul.services.node import Limits, Node
from simpul.services.pseudonyms import ask
from simpul.services.syncing import sync_once
from simpul.storage.home import Home, HomeLock, create_home, open_home
from simpul.storage.keyring import create_kek
from simpul.storage.store import open_store
from simpul.storage.tiles import TileDirectory
from simpul.transport.relay import RelayClient

LIVE = "live"

COLLECT_AT = 20_000
"""New containers at which Python looks for cycles: a batch of objects has fewer, and makes no cycles to be found."""


def load_settings(home: Path) -> Settings:
    """The settings of a home, from its file and the environment. Raises `InputFault` for the first wrong one."""
    return load(home, os.environ)


def found_node(
    home: Path,
    *,
    name: str,
    country: str,
    root: Path,
    relays: Sequence[str],
    kek: Path | None,
    passphrase: bytes | None,
    unencrypted: bool,
) -> str:
    """Make a home with its keys and card; returns the party's fingerprint. The root key goes to its own file.

    Raises:
        InputFault: the folder is not empty, the root's file exists, or a name does not serve.
        CryptoUnavailable: the library build cannot do what the protocol needs.
    """
    seed = os.urandom(64)
    named = (name, country, _now())
    return _found(
        home, seed, named, root=root, relays=relays, kek=kek, passphrase=passphrase, unencrypted=unencrypted
    )


def found_pseudonym(
    home: Path,
    *,
    root: Path,
    relays: Sequence[str],
    kek: Path | None,
    passphrase: bytes | None,
    unencrypted: bool,
) -> str:
    """Make the home of a pseudonym; returns its fingerprint. Nothing on its card is chosen by anybody, or tells the day.

    Raises:
        InputFault, CryptoUnavailable: as `found_node`.
    """
    seed = os.urandom(64)
    party = fingerprint(SigningKey(seed).public)
    named = (pseudonym_name(party), COUNTRY, dated(_now()))
    return _found(
        home, seed, named, root=root, relays=relays, kek=kek, passphrase=passphrase, unencrypted=unencrypted
    )


def found_dummy(node: Node, circle: str, folder: Path) -> bytes:
    """The enrolment of a pseudonym that is nobody's, in a blind circle that this node convenes.

    Its home is founded in the folder, opens its contact mailbox at this node's relays, and asks to be in. Whoever calls
    destroys the folder, and with it every key: what is sealed to a dummy is read by nobody, its convener included.

    Raises:
        InputFault: the folder is not empty.
        RelayFault: a relay that cannot be reached.
    """
    home, kek = folder / "home", folder / "kek"
    card = own_card(node)
    found_pseudonym(
        home,
        root=folder / "root",
        relays=card.relays,
        kek=kek,
        passphrase=None,
        unencrypted=False,
    )
    given = folder / "convener.card"
    given.write_bytes(card.document)
    with open_node(home, kek=kek, settings=_settings_for_dummies(node.home)) as dummy:
        # Before it knows anybody: it says hello to nobody.
        if not sync_once(dummy, progress=lambda _: None).reached:
            raise RelayFault(
                "a dummy needs a mailbox, and the relay cannot be reached",
                input=", ".join(card.relays),
                do="try again once `simpul sync` reaches it",
            )
        add_card(dummy, given, node.party, "")
        return ask(dummy, circle, node.party, "")


def _settings_for_dummies(home: Path) -> Settings:
    """Those of a home, with the relay's authorities where they are."""
    settings = load_settings(home)
    if not settings.relay_certificates:
        return settings
    return replace(settings, relay_certificates=str((home / settings.relay_certificates).resolve()))


def _found(
    home: Path,
    seed: bytes,
    named: tuple[str, str, int],
    *,
    root: Path,
    relays: Sequence[str],
    kek: Path | None,
    passphrase: bytes | None,
    unencrypted: bool,
) -> str:
    """Make a home with its keys and card, by its name, country, and the time on its card."""
    self_test()
    name, country, now = named
    entropy = os.urandom
    key = SigningKey(seed)
    secrets = founding.Secrets.draw(entropy)
    urls = founding.relay_urls(relays)
    card = founding.first_card(key, secrets, name=name, country=country, realm=LIVE, relays=urls, now=now)
    if home.exists() and any(home.iterdir()):
        raise InputFault("the folder is not empty", input="--home", where=str(home), do="name a new folder")
    founding.write_root(root, seed, home)
    if kek is not None and not kek.exists():
        create_kek(kek)
    party = fingerprint(key.public)
    made = create_home(
        home,
        party=party,
        name=name.strip(),
        country=country,
        realm=LIVE,
        kek=kek,
        passphrase=passphrase,
        unencrypted=unencrypted,
    )
    try:
        for label, secret in secrets.named().items():
            made.keyring.put_secret(label, secret)
        with _node(made, load_settings(home)) as node, node.store.write() as unit:
            unit.directory.put(INCARNATION, entropy(16))
            keep_card(unit, node, card)
    finally:
        made.close()
    return party


@contextmanager
def open_node(
    home: Path, *, kek: Path | None = None, passphrase: bytes | None = None, settings: Settings | None = None
) -> Iterator[Node]:
    """A node of an existing home.

    Raises:
        NotFound: no home there.
        HomeLocked: the key-encryption key is missing or wrong.
        CryptoUnavailable: the library build cannot do what the protocol needs.
    """
    self_test()
    gc.set_threshold(COLLECT_AT)
    opened = open_home(home, kek=kek, passphrase=passphrase)
    try:
        with _node(opened, settings or load_settings(home)) as node:
            yield node
    finally:
        opened.close()


@contextmanager
def _node(home: Home, settings: Settings) -> Iterator[Node]:
    store = open_store(
        home.database, home.database_key, realm=home.realm, wait_seconds=settings.busy_wait_seconds
    )
    try:
        yield Node(
            home=home.path,
            party=home.party,
            name=home.name,
            country=home.country,
            realm=home.realm,
            store=store,
            keyring=home.keyring,
            log_files=TileDirectory(home.path / "log"),
            clock=_now,
            entropy=os.urandom,
            connect=_relays(home, settings),
            lock=partial(HomeLock, home.path),
            limits=_limits(settings),
        )
    finally:
        store.close()


def _relays(home: Home, settings: Settings) -> Callable[[str], Transport]:
    authorities = home.path / settings.relay_certificates if settings.relay_certificates else None

    def connect(url: str) -> Transport:
        return RelayClient(
            url,
            home.keyring.secret("account"),
            clock=_now,
            timeout_seconds=settings.relay_timeout_seconds,
            certificates=authorities,
        )

    return connect


def _limits(settings: Settings) -> Limits:
    return Limits(
        batch=settings.import_batch_objects,
        stream_bytes=settings.import_stdin_limit_bytes,
        poll_ms=settings.poll_interval_ms,
        ack_delay_ms=settings.ack_delay_ms,
        relay_wait_seconds=settings.relay_wait_seconds,
        resend_seconds=settings.resend_seconds,
        message_days=settings.message_days,
        part=settings.release_part_objects,
        prekey_hold_days=settings.prekey_hold_days,
        tick_seconds=settings.checkpoint_tick_seconds,
        quantum=settings.log_quantum,
        backup_days=settings.backup_days,
    )


def _now() -> int:
    return time.time_ns() // 1000
