"""How a node begins: its root key, its secrets, its first card; and the file that the root key lives in.

The root signs cards and nothing else. Its file is written outside the home, once, and never over another file; a
person then moves it to where nothing is connected.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from simpul.errors import InputFault
from simpul.ports import Entropy
from simpul.protocol import cards
from simpul.protocol.documents import Document
from simpul.protocol.keys import SIGNING_SEED, LogKey, PrekeySecret, SigningKey
from simpul.protocol.mailboxes import public_key
from simpul.services.times import DAY

YEAR: Final = 365 * DAY
"""Microseconds that a card, its signing pair and its contact key are valid (PROTOCOL §5)."""

CLOCK_SLACK: Final = 3_600 * 1_000_000
"""A new card is valid from an hour ago, so that a partner whose clock is a little behind takes it at once."""

_ROOT_HEAD: Final = "simpul root key 1"


class Secrets(Struct, frozen=True, kw_only=True):
    """The long-lived secrets of a home, as seeds. Each has its name in the keyring."""

    signing: bytes
    log: bytes
    account: bytes
    contact: bytes
    contact_put: bytes

    @classmethod
    def draw(cls, entropy: Entropy) -> Secrets:
        """Fresh ones."""
        return cls(
            signing=entropy(SIGNING_SEED),
            log=entropy(SIGNING_SEED),
            account=entropy(32),
            contact=entropy(32),
            contact_put=entropy(32),
        )

    @classmethod
    def kept(cls, secret: Callable[[str], bytes]) -> Secrets:
        """Those of a keyring, which gives them out by name."""
        return cls(
            signing=secret("signing"),
            log=secret("log"),
            account=secret("account"),
            contact=secret("contact"),
            contact_put=secret("contact-put"),
        )

    def named(self) -> dict[str, bytes]:
        """By their names in the keyring."""
        return {
            "signing": self.signing,
            "log": self.log,
            "account": self.account,
            "contact": self.contact,
            "contact-put": self.contact_put,
        }


def realm_keys(secrets: Secrets, realm: str, relays: Sequence[str], now: int) -> cards.RealmKeys:
    """What a card says of one realm. The contact mailbox is at the first relay; without a relay it is nowhere."""
    start, end = now - CLOCK_SLACK, now + YEAR
    return cards.RealmKeys(
        realm=realm,
        signing=(cards.KeyTerm(key=SigningKey(secrets.signing).public.raw, not_before=start, not_after=end),),
        log=LogKey(secrets.log).public.raw,
        contact=cards.contact(
            relays[0] if relays else "",
            read=public_key(secrets.account),
            put_seed=secrets.contact_put,
            prekey=PrekeySecret(secrets.contact).public,
            not_before=start,
            not_after=end,
        ),
    )


def first_card(
    root: SigningKey,
    secrets: Secrets,
    *,
    name: str,
    country: str,
    realm: str,
    relays: Sequence[str],
    now: int,
) -> Document:
    """The card of a party that did not exist before.

    Raises:
        InputFault: the name or the country is not one.
    """
    if not name.strip() or len(name) > 80 or not name.isprintable():
        raise InputFault("a party's name has 1 to 80 printable characters", input="--name")
    if not re.fullmatch("[A-Z]{2}", country):
        raise InputFault(
            f"'{country}' is not a country code",
            input="--country",
            do="write two capital letters (ISO 3166-1)",
        )
    return cards.issue(
        root,
        name=name.strip(),
        country=country,
        relays=relays,
        realms=[realm_keys(secrets, realm, relays, now)],
        not_before=now - CLOCK_SLACK,
        not_after=now + YEAR,
        now=now,
    )


def relay_urls(given: Sequence[str]) -> tuple[str, ...]:
    """Relay addresses in the one form in which cards name them: no trailing slash, no repeats.

    Raises:
        InputFault: not an http or https address of a host.
    """
    urls: list[str] = []
    for text in given:
        url = text.strip().rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InputFault(
                f"'{text}' is not a relay's address", input="--relay", do="write https://host[:port]"
            )
        if url not in urls:
            urls.append(url)
    return tuple(urls)


def write_root(path: Path, seed: bytes, home: Path) -> None:
    """Write a root key to a new file that only its owner can read.

    Raises:
        InputFault: the file exists, lies inside the home, or cannot be written.
    """
    if path.resolve().is_relative_to(home.resolve()):
        raise InputFault(
            "the root key must not lie inside the home",
            input="--root",
            where=str(path),
            do="name a file elsewhere",
        )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as fault:
        raise InputFault(
            f"the root key cannot be written: {fault.strerror}",
            input="--root",
            where=str(path),
            do="name a file that does not exist yet, in a folder that does",
        ) from fault
    with os.fdopen(handle, "w") as file:
        file.write(f"{_ROOT_HEAD}\n{seed.hex()}\n")
        file.flush()
        os.fsync(file.fileno())


def read_root(path: Path) -> SigningKey:
    """The root key in a file that `write_root` wrote.

    Raises:
        InputFault: the file cannot be read or holds no root key.
    """
    try:
        text = path.read_bytes()[:4096].decode("ascii", "replace")
    except OSError as fault:
        raise InputFault(
            f"the root key cannot be read: {fault.strerror}", input="--root", where=str(path)
        ) from fault
    found = re.fullmatch(_ROOT_HEAD + r"\n([0-9a-f]{128})\n", text)
    if not found:
        raise InputFault("this file holds no root key", input="--root", where=str(path))
    return SigningKey(bytes.fromhex(found[1]))
