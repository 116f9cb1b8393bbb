"""The people of this node: users are added, listed, change their passphrase, and unlock their own signing key."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.parties import User
from simpul.errors import InputFault, Unauthorised
from simpul.ports import Unit
from simpul.protocol.keys import (
    SIGNING_SEED,
    PublicKey,
    Signatures,
    SigningKey,
    open_user_key,
    seal_user_key,
)
from simpul.services.auditing import record
from simpul.services.node import Node

ROLES: Final = ("officer", "reviewer", "operator")
"""What a person does here. Release needs two different people, whatever their role (design §6)."""

SHORTEST_PASSPHRASE: Final = 8
"""Characters. Argon2id makes each guess slow; a short passphrase makes few guesses necessary."""


class Signer:
    """A person whose signing key is unlocked for the length of one command."""

    def __init__(self, user: User, key: SigningKey) -> None:
        self.name = user.name
        self.public = key.public
        self._key = key

    def sign(self, payload_type: str, body: bytes) -> Signatures:
        """Both signatures of this person over the bytes."""
        return self._key.sign(payload_type, body)


class UserCard(Struct, frozen=True, kw_only=True):
    """What may be shown of a user: `key` is the hash of the public keys."""

    user: str
    role: str
    key: bytes
    created: int


def add_user(node: Node, name: str, role: str, passphrase: bytes) -> UserCard:
    """Make a user with a fresh signing key, sealed under the passphrase.

    Raises:
        InputFault: the name is taken or not a name, the role is unknown, or the passphrase is too short.
    """
    if not re.fullmatch(r"[\w.@-]{1,64}", name):
        raise InputFault(
            f"'{name}' is not a user name",
            input="name",
            do="use letters, digits, dots and dashes, at most 64",
        )
    if role not in ROLES:
        raise InputFault(f"there is no role '{role}'", input="role", do=f"choose one of {', '.join(ROLES)}")
    words = _passphrase(passphrase, new=True)
    seed = node.entropy(SIGNING_SEED)
    user = User(
        name=name,
        role=role,
        public=SigningKey(seed).public.raw,
        sealed=seal_user_key(seed, words, node.entropy(16), node.entropy(12)),
        created=node.clock(),
    )
    with node.store.write() as unit:
        alike = next(
            (known.name for known in unit.directory.users() if _folded(known.name) == _folded(name)), None
        )
        if alike is not None:
            raise InputFault(f"there is a user '{alike}' already", input="name", do="choose another name")
        unit.directory.put_user(user)
        record(unit, node, "user", {"user": name, "role": role, "key": _card(user).key.hex()})
    return _card(user)


def list_users(node: Node) -> list[UserCard]:
    """All users, by name."""
    with node.store.read() as unit:
        return [_card(user) for user in unit.directory.users()]


def change_passphrase(node: Node, name: str, old: bytes, new: bytes) -> UserCard:
    """Seal the same signing key under a new passphrase.

    Raises:
        Unauthorised: no such user, or the old passphrase is wrong; which of them is not said.
    """
    with node.store.read() as unit:
        user = _known(unit, name)
    seed = open_user_key(user.sealed, _passphrase(old))
    sealed = seal_user_key(seed, _passphrase(new, new=True), node.entropy(16), node.entropy(12))
    changed = replace(user, sealed=sealed)
    with node.store.write() as unit:
        unit.directory.put_user(changed)
        record(unit, node, "user", {"user": name, "change": "passphrase"})
    return _card(changed)


def unlock(node: Node, name: str, passphrase: bytes) -> Signer:
    """Open a user's signing key.

    Raises:
        Unauthorised: no such user, or the passphrase is wrong; which of them is not said.
    """
    words = _passphrase(passphrase)
    with node.store.read() as unit:
        user = _user(unit, name)
    if user is None:
        # An unknown name costs what a wrong passphrase costs, or the time would say which names there are.
        seal_user_key(bytes(SIGNING_SEED), words, bytes(16), bytes(12))
        raise _wrong()
    return Signer(user, SigningKey(open_user_key(user.sealed, words)))


def public_key(unit: Unit, name: str) -> PublicKey:
    """The public signing keys of a user. Raises `Unauthorised` for a user who is not here."""
    return PublicKey.read(_known(unit, name).public)


def _known(unit: Unit, name: str) -> User:
    user = _user(unit, name)
    if user is None:
        raise _wrong()
    return user


def _wrong() -> Unauthorised:
    return Unauthorised("the passphrase is wrong", do="try again, or have the user set up anew")


def _folded(name: str) -> str:
    """Two names that people cannot tell apart must not count as two people."""
    return unicodedata.normalize("NFKC", name).casefold()


def _user(unit: Unit, name: str) -> User | None:
    return next((user for user in unit.directory.users() if user.name == name), None)


def _card(user: User) -> UserCard:
    return UserCard(user=user.name, role=user.role, key=PublicKey.read(user.public).id, created=user.created)


def _passphrase(raw: bytes, *, new: bool = False) -> str:
    try:
        words = raw.decode()
    except UnicodeDecodeError:
        raise InputFault("the passphrase is not UTF-8 text", input="--passphrase-file") from None
    if new and len(words) < SHORTEST_PASSPHRASE:
        raise InputFault(
            "the passphrase is too short",
            input="--passphrase-file",
            do=f"use at least {SHORTEST_PASSPHRASE} characters; several words are easier to keep",
        )
    return words
