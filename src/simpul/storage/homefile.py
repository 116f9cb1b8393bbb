"""home.json: who a home is, how its keys are wrapped, and the sealed keys themselves.

    {"format":1, "party":…, "name":…, "country":…, "realm":"live", "wrap":{"kind":"file","salt":…}, "sealed":"base64"}

`sealed` is nonce and AES-256-GCM of canonical JSON {"database", "prekeys", "secrets": {name: hex}}; everything else in
the file is its associated data.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from simpul.errors import HomeDamaged, HomeFault, HomeIncompatible, NotFound
from simpul.storage.files import replace_file, translate
from simpul.storage.kek import Wrap, seal, unseal

FORMAT: Final = 1
NAME: Final = "home.json"
_MOST_BYTES: Final = 1 << 20


class _Written(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file as it stands on the disk."""

    format: int
    party: str
    name: str
    country: str
    realm: str
    wrap: Wrap
    sealed: str = ""


class _Format(Struct, frozen=True):
    """What is read first: whether the rest can be understood."""

    format: int


class Keys(Struct, frozen=True, kw_only=True):
    """The sealed part. Both database keys are 32 bytes, or empty in an unencrypted home."""

    database: bytes
    prekeys: bytes
    secrets: dict[str, bytes]

    def encode(self) -> bytes:
        """Canonical JSON, bytes as hexadecimal digits."""
        return msgspec.json.encode(
            {
                "database": self.database.hex(),
                "prekeys": self.prekeys.hex(),
                "secrets": {name: value.hex() for name, value in self.secrets.items()},
            },
            order="sorted",
        )

    @classmethod
    def decode(cls, data: bytes) -> Keys:
        """Raises `ValueError` (which `msgspec.DecodeError` is) for anything else."""
        plain = msgspec.json.decode(data, type=_PlainKeys)
        return cls(
            database=bytes.fromhex(plain.database),
            prekeys=bytes.fromhex(plain.prekeys),
            secrets={name: bytes.fromhex(value) for name, value in plain.secrets.items()},
        )


class _PlainKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    database: str
    prekeys: str
    secrets: dict[str, str]


class HomeFile:
    """An open home.json. Two processes may hold one: each change reads the file again under a lock."""

    def __init__(self, path: Path, written: _Written, key: bytes, keys: Keys) -> None:
        self._path = path
        self._written = written
        self._key = key
        self.keys = keys

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Party, name, country, realm."""
        return self._written.party, self._written.name, self._written.country, self._written.realm

    @property
    def encrypted(self) -> bool:
        """Whether the home's keys are wrapped and its databases encrypted."""
        return self._written.wrap.kind != "none"

    @classmethod
    def create(
        cls, home: Path, *, identity: tuple[str, str, str, str], wrap: Wrap, key: bytes, keys: Keys
    ) -> HomeFile:
        """Write a new one."""
        party, name, country, realm = identity
        written = _Written(format=FORMAT, party=party, name=name, country=country, realm=realm, wrap=wrap)
        made = cls(home / NAME, written, key, keys)
        made._write(keys)
        return made

    def put_secret(self, name: str, value: bytes) -> None:
        """Keep a secret; durable when it returns."""
        with _locked(self._path.parent):
            fresh = _unsealed(read_home(self._path.parent), self._key, means=NAME)
            keys = msgspec.structs.replace(fresh, secrets={**fresh.secrets, name: value})
            self._write(keys)
        self.keys = keys

    def _write(self, keys: Keys) -> None:
        sealed = seal(self._key, keys.encode(), _beside(self._written))
        whole = msgspec.structs.replace(self._written, sealed=base64.b64encode(sealed).decode())
        replace_file(self._path, msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n")


def read_home(home: Path) -> _Written:
    """Read the open part of a home's home.json.

    Raises:
        NotFound: there is no home in that folder.
        HomeDamaged: it does not read.
        HomeIncompatible: it is of a newer format.
        HomeFault: it may not be read.
    """
    path = home / NAME
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"there is no home in {home}", input=str(home), do="make one with `simpul init`"
        ) from None
    except OSError as error:
        raise translate(error, path) from error
    try:
        if msgspec.json.decode(data, type=_Format).format > FORMAT:
            raise HomeIncompatible(
                f"{path} was written by a newer program",
                input=str(path),
                do="install the newer version of simpul",
            )
        return msgspec.json.decode(data, type=_Written)
    except msgspec.DecodeError as error:
        raise HomeDamaged(f"{path} does not read", input=str(path), where=str(error)) from error


def open_home_file(home: Path, written: _Written, key: bytes, *, means: str) -> HomeFile:
    """Unseal a home.json that was read.

    Args:
        home: the folder.
        written: what `read_home` gave.
        key: the key of its wrap.
        means: what the key came from, for the message.

    Raises:
        HomeLocked: the key is another's.
        HomeDamaged: what it opens is not what it should be.
    """
    return HomeFile(home / NAME, written, key, _unsealed(written, key, means=means))


def _unsealed(written: _Written, key: bytes, *, means: str) -> Keys:
    try:
        sealed = base64.b64decode(written.sealed, validate=True)
        return Keys.decode(unseal(key, sealed, _beside(written), means=means))
    except (binascii.Error, ValueError) as error:
        raise HomeDamaged(f"the sealed part of {NAME} does not read", input=NAME) from error


def _beside(written: _Written) -> bytes:
    """The associated data: everything but the sealed part."""
    return msgspec.json.encode(msgspec.structs.replace(written, sealed=""), order="sorted")


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Hold the folder itself, for the moment of one change."""
    try:
        handle = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise HomeFault(f"{home} cannot be opened: {error.strerror}", input=str(home)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
