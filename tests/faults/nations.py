"""Three nations in one process, each with a home of its own, and the post between them.

The post is a relay's contract (`ports.Transport`) over lists in memory. What a hostile one does is a subclass. A test gets
fresh copies of homes that were founded, introduced and agreed once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct
from msgspec.structs import replace

from simpul.app import found_node, open_node
from simpul.domain.products import Precedence, Product
from simpul.protocol.mailboxes import mailbox_tag, public_key
from simpul.services.agreeing import propose, sign_agreement
from simpul.services.connecting import add_card, own_card
from simpul.services.drafting import Draft, draft
from simpul.services.enrolling import Signer, add_user, unlock
from simpul.services.importing import ImportReport, import_bundle
from simpul.services.node import Limits, Node
from simpul.services.releasing import approve, release
from simpul.services.syncing import SyncReport, sync_once

URL = "http://relay.test"
PASSPHRASE = b"correct horse battery"
NAMES = {"arunika": "XA", "borealia": "XB", "cendara": "XC"}
PURPOSE = "cyber-defence"


class Waiting(Struct, frozen=True):
    """One envelope at the post."""

    id: int
    tag: bytes
    length: int


class Post:
    """Mailboxes and what waits in them, for every account."""

    def __init__(self) -> None:
        self.owner: dict[bytes, bytes] = {}
        self.waiting: dict[int, tuple[bytes, bytes]] = {}
        self.seen: list[bytes] = []
        self._last = 0

    def account(self, node: Node) -> Transport:
        return Transport(self, node.keyring.secret("account"))

    def drop(self, tag: bytes, envelope: bytes) -> int:
        self._last += 1
        self.waiting[self._last] = (tag, envelope)
        self.seen.append(envelope)
        return self._last


class Transport:
    """One account's way to the post; implements `ports.Transport`."""

    def __init__(self, post: Post, seed: bytes) -> None:
        self.post = post
        self.read_key = public_key(seed)

    def register(self, boxes: Sequence[tuple[str, bytes]]) -> list[bytes]:
        tags = [mailbox_tag(URL, self.read_key, key) for _, key in boxes]
        self.post.owner |= dict.fromkeys(tags, self.read_key)
        return tags

    def put(self, tag: bytes, put_seed: bytes, envelope: bytes) -> None:  # noqa: ARG002
        if (tag, envelope) not in self.post.waiting.values():
            self.post.drop(tag, envelope)

    def list(self, *, wait: int = 0) -> Sequence[Waiting]:  # noqa: ARG002
        return [
            Waiting(id, tag, len(envelope))
            for id, (tag, envelope) in sorted(self.post.waiting.items())
            if self.post.owner.get(tag) == self.read_key
        ]

    def fetch(self, ids: Sequence[int]) -> Sequence[tuple[int, bytes]]:
        return [(id, self.post.waiting[id][1]) for id in ids if id in self.post.waiting]

    def delete(self, ids: Sequence[int]) -> None:
        for id in ids:
            self.post.waiting.pop(id, None)

    def close(self) -> None:
        """There is no connection to let go of."""


class World:
    """The nations' homes in one folder and the post; nodes are opened on demand."""

    def __init__(self, folder: Path, post: Post, stack: ExitStack) -> None:
        self.folder = folder
        self.post = post
        self.skew: dict[str, int] = {}
        self.limits = Limits()
        self.connect: Callable[[Node], Any] = post.account
        self._stack = stack
        self._nodes: dict[str, Node] = {}

    def __getitem__(self, name: str) -> Node:
        if name not in self._nodes:
            opened = self._stack.enter_context(open_node(self.folder / name))
            self._nodes[name] = replace(
                opened,
                connect=lambda _: self.connect(opened),
                clock=lambda: opened.clock() + self.skew.get(name, 0),
                limits=self.limits,
            )
        return self._nodes[name]

    def sync(self, *names: str) -> list[SyncReport]:
        return [sync_once(self[name], progress=lambda _: None) for name in names]

    def settle(self) -> None:
        """Rounds until nobody has anything to say any more."""
        for _ in range(12):
            reports = self.sync(*NAMES)
            if not any(r.messages_in or r.messages_out for r in reports):
                return
        raise AssertionError("the nations never stop talking")

    def signer(self, name: str, user: str) -> Signer:
        key = (self[name].party, user)
        if key not in _SIGNERS:
            _SIGNERS[key] = unlock(self[name], user, PASSPHRASE)
        return _SIGNERS[key]


_SIGNERS: dict[tuple[str, str], Signer] = {}
"""Those that were unlocked before: a passphrase is slow on purpose."""


@contextmanager
def world(template: Path, folder: Path, post: Post) -> Iterator[World]:
    if template != folder:
        shutil.copytree(template, folder, dirs_exist_ok=True)
    with ExitStack() as stack:
        yield World(folder, post, stack)


def found(folder: Path, url: str = URL) -> None:
    """Found every nation, unencrypted so that a canary can be looked for in its files, with two users each."""
    for name, country in NAMES.items():
        found_node(
            folder / name,
            name=name.capitalize(),
            country=country,
            root=folder / f"{name}.root",
            relays=[url],
            kek=None,
            passphrase=None,
            unencrypted=True,
        )


def introduce(nodes: Sequence[Node], folder: Path) -> None:
    for node in nodes:
        (folder / f"{node.name}.card").write_bytes(own_card(node).document)
        for user in ("ana", "budi"):
            add_user(node, user, "officer", PASSPHRASE)
    for node in nodes:
        for other in nodes:
            if other.party != node.party:
                add_card(node, folder / f"{other.name}.card", other.party, "ana")


def agreement_text(id: str, parties: Sequence[str], *, version: int = 1, **changed: str) -> str:
    fields = {
        "id": json.dumps(id),
        "version": str(version),
        "title": '"An agreement for tests"',
        "parties": json.dumps([name.capitalize() for name in parties]),
        "purposes": json.dumps([PURPOSE]),
        "topics": '["cyber"]',
        "tlp_ceiling": '"amber"',
        "onward": '"consent"',
        "retention_days": "365",
        "approvals": "1",
        "obligations": "[]",
        "not_before": "2020-01-01T00:00:00Z",
        "not_after": "2060-01-01T00:00:00Z",
    }
    return "".join(f"{key} = {value}\n" for key, value in (fields | changed).items())


def agree(one: Node, other: Node, folder: Path, exchange: Callable[[], object], id: str) -> None:
    file = folder / f"{id}.toml"
    file.write_text(agreement_text(id, [one.name.lower(), other.name.lower()]))
    propose(one, file, "ana")
    exchange()
    sign_agreement(other, id, "ana")
    exchange()


def label_text(releasable_to: Sequence[str], *, tlp: str = "amber", **changed: str) -> str:
    fields = {
        "tlp": json.dumps(tlp),
        "releasable_to": json.dumps([name.capitalize() for name in releasable_to]),
        "purposes": json.dumps([PURPOSE]),
        "topics": '["cyber"]',
        "onward": '"none"',
    }
    return "".join(f"{key} = {value}\n" for key, value in (fields | changed).items())


def indicator(value: str, **changed: Any) -> dict[str, Any]:
    now = "2026-01-01T00:00:00.000Z"
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid4()}",
        "created": now,
        "modified": now,
        "name": value,
        "pattern": f"[ipv4-addr:value = '{value}']",
        "pattern_type": "stix",
        "valid_from": now,
        **changed,
    }


def numbered_indicator(number: int, **changed: Any) -> dict[str, Any]:
    """The same object for the same number in every run and process."""
    id = f"indicator--{UUID(bytes=hashlib.sha256(b'%d' % number).digest()[:16], version=4)}"
    return indicator(f"198.51.{100 + number // 250 % 100}.{number % 250}", id=id, **changed)


def bundle(objects: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps({"type": "bundle", "id": f"bundle--{uuid4()}", "objects": list(objects)}).encode()


def take_in(node: Node, folder: Path, objects: Sequence[dict[str, Any]], label: str) -> ImportReport:
    file = folder / f"in-{os.urandom(4).hex()}.json"
    file.write_bytes(bundle(objects))
    marked = file.with_suffix(".toml")
    marked.write_text(label)
    return import_bundle(node, file, label=marked, tlp=None, by="ana", progress=lambda _: None)


def drafted(
    world: World, name: str, *, query: str = "", label: str | None = None, title: str = "A product"
) -> Product:
    file = world.folder / f"sheet-{os.urandom(4).hex()}.toml"
    file.write_text(label or label_text([n for n in NAMES if n != name]))
    return draft(
        world[name],
        world.signer(name, "ana"),
        Draft(
            title=title,
            purpose=PURPOSE,
            precedence=Precedence.ROUTINE,
            grade="B2",
            handling="",
            objects=(),
            query=query,
            portions=None,
            label=file,
            revises=None,
        ),
    )


def released(world: World, name: str, to: Sequence[str], **chosen: Any) -> Product:
    """Draft, approve and release everything (or what `query` names)."""
    product = drafted(world, name, **chosen)
    signer = world.signer(name, "budi")
    names = [each.capitalize() for each in to]
    approve(world[name], signer, product.id, names, progress=lambda _: None)
    release(world[name], signer, product.id, names)
    return product


def files_of(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def holders(folder: Path, canary: bytes) -> list[Path]:
    """Files under a folder whose bytes hold a canary."""
    return [path for path in files_of(folder) if canary in path.read_bytes()]
