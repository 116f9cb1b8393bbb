"""Nations of a story: real nodes on real homes, opened in this process, and a real relay in its own.

The clock of all of them, the relay's too, is this computer's plus what the story adds. What passes between a node and
the relay can be watched and disturbed: `Wire` is the line between the two, or a relay that does not behave.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from simpul.app import found_node, open_node
from simpul.domain.products import Precedence, Product
from simpul.domain.releases import Release
from simpul.ports import Transport
from simpul.protocol.documents import sign
from simpul.protocol.keys import SigningKey
from simpul.protocol.manifest import KIND, decode_manifest, encode_manifest
from simpul.services.agreeing import Standing, list_agreements, propose, sign_agreement
from simpul.services.connecting import add_card, own_card
from simpul.services.drafting import Draft, draft
from simpul.services.enrolling import Signer, add_user, unlock
from simpul.services.exporting import export_bundle
from simpul.services.importing import ImportReport, import_bundle
from simpul.services.marking import mark_objects
from simpul.services.node import Node
from simpul.services.previewing import RecipientPreview, preview
from simpul.services.reading import node_status
from simpul.services.releasing import approve, release
from simpul.services.syncing import SyncReport, sync_once
from simpul.transport.relay import RelayClient, RelayUnreachable
from tests.federation.objects import agreement, bundle
from tests.relay_process import RelayProcess

HOUR = 3_600
DAY = 86_400
WEEK = 604_800
PHRASE = b"a long phrase for a fictional officer"
DRAFTER, APPROVER = "laras", "bima"

Envelopes = list[tuple[int, bytes]]
People = dict[str, dict[str, Signer]]


class Time:
    """This computer's clock plus what the story adds, in microseconds."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1000 + self.ahead


class Wire:
    """What one nation puts at relays and fetches from them. Stories change `on_put` and `on_fetch`.

    Attributes:
        puts: every (tag, put key, envelope) that was handed over, in order.
        on_put: what of an envelope reaches the relay: none, itself, several, or others.
        on_fetch: what of the fetched envelopes reaches the node.
        down: whether nothing passes.
    """

    def __init__(self) -> None:
        self.puts: list[tuple[bytes, bytes, bytes]] = []
        self.on_put: Callable[[bytes], Sequence[bytes]] = lambda envelope: [envelope]
        self.on_fetch: Callable[[Envelopes], Envelopes] = lambda envelopes: envelopes
        self.down = False

    def pass_through(self) -> None:
        """Raises `RelayUnreachable` while the line is down."""
        if self.down:
            raise RelayUnreachable("the line is down")


def lost(envelope: bytes) -> Sequence[bytes]:
    """What reaches a relay of an envelope that it loses."""
    return []


class Line:
    """A `Transport` that passes everything to a real relay, through a `Wire`."""

    def __init__(self, client: RelayClient, wire: Wire) -> None:
        self._client = client
        self._wire = wire

    def register(self, boxes: Sequence[tuple[str, bytes]]) -> list[bytes]:
        self._wire.pass_through()
        return self._client.register(boxes)

    def put(self, tag: bytes, put_seed: bytes, envelope: bytes) -> None:
        self._wire.pass_through()
        self._wire.puts.append((tag, put_seed, envelope))
        for each in self._wire.on_put(envelope):
            self._client.put(tag, put_seed, each)

    def list(self, *, wait: int = 0) -> Sequence[Any]:
        self._wire.pass_through()
        return self._client.list(wait=wait)

    def fetch(self, ids: Sequence[int]) -> Envelopes:
        return self._wire.on_fetch(self._client.fetch(ids))

    def delete(self, ids: Sequence[int]) -> None:
        self._client.delete(ids)

    def close(self) -> None:
        self._client.close()


class Nation:
    """One nation: its node, its people, and what a person there does."""

    def __init__(self, folder: Path, name: str, now: Time, people: dict[str, Signer]) -> None:
        self.folder = folder
        self.name = name
        self.home = folder / name.lower()
        self.kek = folder / f"{name.lower()}.kek"
        self.root = folder / f"{name.lower()}.root"
        self.clock = Time()
        self._now = now
        self.wire = Wire()
        self.people = people
        self._open = ExitStack()
        self.open()

    @property
    def party(self) -> str:
        return self.node.party

    def now(self) -> int:
        return self._now() + self.clock.ahead

    def open(self) -> None:
        found = self._open.enter_context(open_node(self.home, kek=self.kek))
        account = found.keyring.secret("account")

        def connect(url: str) -> Transport:
            return Line(RelayClient(url, account, self.now, timeout_seconds=10), self.wire)

        self.node: Node = replace(found, clock=self.now, connect=connect)

    def close(self) -> None:
        self._open.close()
        self._open = ExitStack()

    def copy(self) -> Path:
        """A copy of the home as it is now, as a back-up would make it."""
        self.close()
        made = self.folder / f"copy-{time.monotonic_ns()}"
        shutil.copytree(self.home, made)
        self.open()
        return made

    def restore(self, copy: Path) -> None:
        """Go on with a copy in place of the home."""
        self.close()
        shutil.rmtree(self.home)
        shutil.copytree(copy, self.home)
        self.open()

    def limit(self, **limits: int) -> None:
        """Set limits of the node, such as a smaller part."""
        self.node = replace(self.node, limits=replace(self.node.limits, **limits))

    def file(self, text: str | bytes) -> Path:
        """A file with this content."""
        path = self.folder / f"{self.name.lower()}-{time.monotonic_ns()}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def sync(self) -> SyncReport:
        return sync_once(self.node, progress=lambda _: None)

    def knows(self, other: Nation) -> None:
        add_card(self.node, self.file(own_card(other.node).document), other.party, "")

    def imports(self, label: str, *objects: dict[str, Any]) -> ImportReport:
        return import_bundle(
            self.node,
            self.file(bundle(*objects)),
            label=self.file(label),
            tlp=None,
            by="",
            progress=lambda _: None,
        )

    def imports_by_tlp(self, tlp: str, *objects: dict[str, Any]) -> ImportReport:
        return import_bundle(
            self.node, self.file(bundle(*objects)), label=None, tlp=tlp, by="", progress=lambda _: None
        )

    def marks(self, label: str, *objects: dict[str, Any]) -> int:
        ids = [each["id"] for each in objects]
        return mark_objects(self.node, ids=ids, query=None, label=self.file(label), by="")

    def drafts(
        self,
        *objects: dict[str, Any],
        precedence: Precedence = Precedence.ROUTINE,
        portions: str = "",
        purpose: str = "cyber-defence",
        revises: str | None = None,
    ) -> Product:
        wanted = Draft(
            title="LANTERN TIDE",
            purpose=purpose,
            precedence=precedence,
            grade="B2",
            handling="",
            objects=tuple(each["id"] for each in objects),
            query=None if objects else "",
            portions=self.file(portions) if portions else None,
            label=None,
            revises=revises,
        )
        return draft(self.node, self.people[DRAFTER], wanted)

    def previews(self, product: Product, *to: Nation, out: Path | None = None) -> list[RecipientPreview]:
        return preview(self.node, product.id, [each.party for each in to], out)

    def approves(self, product: Product, *to: Nation) -> list[Release]:
        signer = self.people[APPROVER]
        return approve(self.node, signer, product.id, [n.party for n in to], progress=lambda _: None)

    def releases(self, product: Product, *to: Nation) -> list[Release]:
        self.approves(product, *to)
        return release(self.node, self.people[APPROVER], product.id, [each.party for each in to])

    def proposes(self, terms: str) -> Standing:
        return propose(self.node, self.file(terms), "")

    def signs(self, id: str) -> Standing:
        return sign_agreement(self.node, id, "")

    def agreements(self) -> dict[tuple[str, int], str]:
        """The state of each version of each agreement."""
        return {(each.agreement, each.version): each.state for each in list_agreements(self.node)}

    def status(self) -> dict[str, Any]:
        return node_status(self.node)

    def export(self) -> bytes:
        """Everything that is stored here."""
        out = self.folder / f"{self.name.lower()}.export"
        export_bundle(self.node, out, query=None, latest=False)
        return out.read_bytes()

    def log(self) -> list[tuple[str, dict[str, Any]]]:
        """Kind and content of each leaf."""
        from simpul.services.auditing import openings

        return [(each.kind, each.content) for each in openings(self.node)]

    def leaves(self, kind: str) -> list[dict[str, Any]]:
        return [content for each, content in self.log() if each == kind]


def sign_without_duties(node: Node, released: Release) -> None:
    """Make a node break the rules: sign a manifest from which the duties of the agreement were struck."""
    bare = encode_manifest(replace(decode_manifest(released.manifest), obligations=()))
    document = sign(KIND, node.realm, bare, SigningKey(node.keyring.secret("signing")))
    with node.store.write() as unit:
        unit.products.update_release(replace(released, signed=document.encode()))


class World:
    """Some nations and the relay between them, at one time."""

    def __init__(self, folder: Path, people: People) -> None:
        self.folder = folder
        self.time = Time()
        self.relay = RelayProcess(folder / "relay")
        self.nations = {name: Nation(folder, name, self.time, signers) for name, signers in people.items()}

    def pass_time(self, seconds: int, *, relay: bool = True) -> None:
        """Let time pass for every nation, and for the relay unless it is to keep what it has."""
        self.time.ahead += seconds * 1_000_000
        if relay:
            self.relay.move_clock(self.time.ahead / 1_000_000)

    def exchange(self, rounds: int = 2) -> None:
        """Every nation syncs, in turn."""
        for _ in range(rounds):
            for nation in self.nations.values():
                nation.sync()

    def relay_bytes(self) -> bytes:
        """Every byte that the relay keeps."""
        return b"".join(p.read_bytes() for p in sorted(self.relay.data.rglob("*")) if p.is_file())

    def close(self) -> None:
        for nation in self.nations.values():
            nation.close()
        self.relay.close()


NATIONS = (("Arunika", "XA"), ("Borealia", "XB"), ("Cendara", "XC"))


def found(folder: Path, nations: Iterable[tuple[str, str]] = NATIONS) -> People:
    """Nations that have heard nothing of each other, at rest in a folder."""
    relay = RelayProcess(folder / "relay")
    people: People = {}
    for name, country in nations:
        home, kek = folder / name.lower(), folder / f"{name.lower()}.kek"
        found_node(
            home,
            name=name,
            country=country,
            root=folder / f"{name.lower()}.root",
            relays=[relay.url],
            kek=kek,
            passphrase=None,
            unencrypted=False,
        )
        with open_node(home, kek=kek) as node:
            for user in (DRAFTER, APPROVER):
                add_user(node, user, "officer", PHRASE)
            people[name] = {user: unlock(node, user, PHRASE) for user in (DRAFTER, APPROVER)}
    relay.terminate()
    relay.close()
    return people


def befriend(world: World) -> None:
    """All add each other's cards, exchange keys, and sign two bilateral agreements.

    Arunika and Borealia agree on all that the stories need, Arunika and Cendara on less.
    """
    arunika, borealia, cendara = world.nations.values()
    for nation in world.nations.values():
        for other in world.nations.values():
            if nation is not other:
                nation.knows(other)
    world.exchange(2)
    arunika.proposes(agreement("Arunika", "Borealia"))
    arunika.proposes(agreement("Arunika", "Cendara", topics=("cyber",), ceiling="amber"))
    world.exchange(1)
    borealia.signs("arunika-borealia")
    cendara.signs("arunika-cendara")
    world.exchange(3)


def copied(base: Path, folder: Path, people: People) -> World:
    """Nations at rest in a folder, as a world of their own."""
    shutil.copytree(base, folder, dirs_exist_ok=True)
    return World(folder, people)
