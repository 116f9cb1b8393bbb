"""Blind circles in the stories: a nation and the pseudonym that is its own, each in a home that knows nothing of the other."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sqlcipher3 import dbapi2

from simpul.app import found_dummy, found_node, found_pseudonym, open_node
from simpul.services.chartering import CharterStanding, propose
from simpul.services.connecting import add_card, own_card
from simpul.services.enrolling import add_user, unlock
from simpul.services.pseudonyms import ask, vouch
from simpul.services.rostering import add_dummy, admit, dummies_short
from simpul.storage.home import open_home
from tests.federation.circles import PURPOSE, RING
from tests.federation.nations import APPROVER, DRAFTER, PHRASE, Nation, People, World


def blind_charter(*, id: str = RING, title: str = "The ring", more: str = "") -> str:
    """The charter file of a blind circle: its members are the convener's roster."""
    return (
        f"id = {json.dumps(id)}\ntitle = {json.dumps(title)}\nblind = true\npurposes = [{json.dumps(PURPOSE)}]\n"
        f"topics = ['cyber']\ntlp_ceiling = 'amber'\nonward = {{ within = [{json.dumps(id)}] }}\n"
        f"retention_days = 30\nnot_before = 2020-01-01T00:00:00Z\nnot_after = 2060-01-01T00:00:00Z\n{more}"
    )


def found_shade(folder: Path, name: str, relay: str, people: People) -> None:
    """A pseudonym's home at rest in a folder, with its two officers."""
    home, kek = folder / name.lower(), folder / f"{name.lower()}.kek"
    found_pseudonym(
        home,
        root=folder / f"{name.lower()}.root",
        relays=[relay],
        kek=kek,
        passphrase=None,
        unencrypted=False,
    )
    with open_node(home, kek=kek) as node:
        for user in (DRAFTER, APPROVER):
            add_user(node, user, "officer", PHRASE)
        people[name] = {user: unlock(node, user, PHRASE) for user in (DRAFTER, APPROVER)}


def found_service(world: World, people: People, name: str, country: str) -> None:
    """One more party that the convener and it know: a service of a nation, with a home of its own."""
    home, kek = world.folder / name.lower(), world.folder / f"{name.lower()}.kek"
    found_node(
        home,
        name=name,
        country=country,
        root=world.folder / f"{name.lower()}.root",
        relays=[world.relay.url],
        kek=kek,
        passphrase=None,
        unencrypted=False,
    )
    people[name] = {}
    world.nations[name] = Nation(world.folder, name, world.time, people[name])
    convener = world.nations["Arunika"]
    world.nations[name].knows(convener)
    convener.knows(world.nations[name])


def shades(world: World, people: People, *names: str) -> None:
    """Homes of pseudonyms join the world."""
    for name in names:
        found_shade(world.folder, name, world.relay.url, people)
        world.nations[name] = Nation(world.folder, name, world.time, people[name])


def enrols(shade: Nation, owner: Nation, convener: Nation) -> None:
    """A nation asks to be in by its pseudonym: one file goes by hand from one of its homes to the other."""
    add_card(shade.node, shade.file(own_card(convener.node).document), convener.party, "")
    file = ask(shade.node, RING, convener.party, "")
    vouch(owner.node, file, "")


def pads(convener: Nation, id: str = RING) -> int:
    """As many dummies as the next charter lacks; their homes are gone when this returns."""
    missing = dummies_short(convener.node, id)
    for _ in range(missing):
        with tempfile.TemporaryDirectory() as folder:
            add_dummy(convener.node, found_dummy(convener.node, id, Path(folder)), "")
    return missing


def convenes(convener: Nation, text: str = "") -> CharterStanding:
    """The next charter of a blind circle."""
    return propose(convener.node, convener.file(text or blind_charter()), "")


def blinded(world: World, convener: Nation, owners: Mapping[str, str]) -> None:
    """A blind circle in force; `owners` says whose each pseudonym is."""
    world.exchange(2)
    for shade, owner in owners.items():
        enrols(world.nations[shade], world.nations[owner], convener)
    world.exchange(2)
    for owner in owners.values():
        admit(convener.node, RING, owner, "")
    pads(convener)
    convenes(convener)
    world.exchange(5)


def kept(nation: Nation) -> bytes:
    """Everything that a home keeps, in the clear: every value of every table, its export, and its files' names."""
    opened = open_home(nation.home, kek=nation.kek)
    key, path = (opened.database_key or b"").hex(), opened.database
    opened.close()
    driver = dbapi2.connect(str(path))
    driver.execute(f"PRAGMA key = \"x'{key}'\"")
    names = [name for (name,) in driver.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    values: list[bytes] = [nation.export()]
    for name in names:
        for row in driver.execute(f'SELECT * FROM "{name}"'):  # noqa: S608
            values += [each if isinstance(each, bytes) else str(each).encode() for each in row]
    driver.close()
    return b"\n".join([*values, *(str(p.relative_to(nation.home)).encode() for p in nation.home.rglob("*"))])
