"""A home: the folder of one node, and how it is made, opened and held.

HOME/home.json   who we are, how the keys are wrapped, and the sealed keys
HOME/live.db     the realm's database, encrypted under its own random key
HOME/keys.db     prekeys, which must die on time and are in no backup
HOME/node.lock   held by the process that numbers messages (`serve`, or `sync --once`)
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final

from msgspec import Struct

from simpul.errors import HomeBusy, InputFault
from simpul.storage.files import sync_folder, translate
from simpul.storage.homefile import HomeFile, Keys, open_home_file, read_home
from simpul.storage.kek import Means, key_of, new_wrap
from simpul.storage.keyring import FileKeyring, create_keys, new_key, open_keys
from simpul.storage.store import SqliteStore, open_store

LOCK: Final = "node.lock"
KEYS: Final = "keys.db"


class HomeLock:
    """`HOME/node.lock`, held from construction until `release`, by one process at a time; it dies with the process.

    Raises:
        HomeBusy: another process holds it; the message names its pid.
    """

    def __init__(self, home: Path) -> None:
        path = home / LOCK
        try:
            self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise translate(error, path) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            self.release()
            raise HomeBusy(
                f"process {holder} holds {home}",
                input=str(home),
                where=LOCK,
                do="stop it, or let it do the work: a running `simpul serve` syncs by itself",
            ) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go; a second call does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def __enter__(self) -> None:
        """Held already."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Home(Struct, frozen=True, kw_only=True):
    """An open home.

    Attributes:
        path: its folder.
        party: this node's fingerprint.
        name, country: as given at `init`.
        realm: "live", or the exercise that the home belongs to.
        encrypted: False only after `create_home(..., unencrypted=True)`.
        keyring: its secrets.
        database_key: the raw key of the realm's database, or None.
    """

    path: Path
    party: str
    name: str
    country: str
    realm: str
    encrypted: bool
    keyring: FileKeyring
    database_key: bytes | None

    @property
    def database(self) -> Path:
        """The realm's database file."""
        return self.path / f"{self.realm}.db"

    def open_store(self) -> SqliteStore:
        """Open the realm's database; each call gives a new `Store`, which the caller closes. Raises as `open_store`."""
        return open_store(self.database, self.database_key, realm=self.realm)

    def lock(self) -> HomeLock:
        """Take `node.lock`. Raises `HomeBusy`."""
        return HomeLock(self.path)

    def close(self) -> None:
        """Let go of the keyring."""
        self.keyring.close()


def create_home(
    path: Path,
    *,
    party: str,
    name: str,
    country: str,
    realm: str = "live",
    kek: Path | None = None,
    passphrase: bytes | None = None,
    unencrypted: bool = False,
) -> Home:
    """Make a home with fresh keys and empty databases. Exactly one of `kek`, `passphrase`, `unencrypted` is given.

    Args:
        path: the folder; absent or empty. It is made with mode 0700.
        party: the fingerprint of this node's root keys.
        name: what the node is called.
        country: two letters.
        realm: "live", or an exercise's name.
        kek: file that holds the key-encryption key: regular, 32 to 4,096 bytes, outside the home, unreadable for
            group and others. `create_kek` makes one.
        passphrase: instead of the file; goes through Argon2id.
        unencrypted: neither; the keys and databases are then readable to whoever reads the folder.

    Raises:
        InputFault: none or several of the three were given, the folder is not empty, or the file does not serve.
    """
    if (kek is not None) + (passphrase is not None) + unencrypted != 1:
        raise InputFault(
            "a home is made with one of a key file, a passphrase, or neither if that is said",
            input="init",
            do="give --kek FILE, --home-passphrase-file FILE, or --unencrypted",
        )
    wrap, key = new_wrap(path, Means(kek=kek, passphrase=passphrase))
    _make_folder(path)
    keys = Keys(
        database=b"" if unencrypted else new_key(), prekeys=b"" if unencrypted else new_key(), secrets={}
    )
    open_store(path / f"{realm}.db", keys.database or None, realm=realm, create=True).close()
    create_keys(path / KEYS, keys.prekeys or None).close()
    # Last: a folder without home.json is no home, so one that was cut short is not taken for one.
    file = HomeFile.create(path, identity=(party, name, country, realm), wrap=wrap, key=key, keys=keys)
    sync_folder(path.parent)
    return _opened(path, file)


def open_home(path: Path, *, kek: Path | None = None, passphrase: bytes | None = None) -> Home:
    """Open a home's keyring with the means it was made with.

    Raises:
        NotFound: there is no home in that folder.
        HomeLocked: the key-encryption key is missing, of the other kind, or wrong; the message says which file.
        HomeDamaged: home.json does not read.
        HomeIncompatible: home.json is of a newer format.
    """
    written = read_home(path)
    key = key_of(path, written.wrap, Means(kek=kek, passphrase=passphrase))
    means = str(kek) if written.wrap.kind == "file" else "the passphrase"
    return _opened(path, open_home_file(path, written, key, means=means))


def _opened(path: Path, file: HomeFile) -> Home:
    party, name, country, realm = file.identity
    return Home(
        path=path,
        party=party,
        name=name,
        country=country,
        realm=realm,
        encrypted=file.encrypted,
        keyring=FileKeyring(file, open_keys(path / KEYS, file.keys.prekeys or None)),
        database_key=file.keys.database or None,
    )


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise InputFault(f"{path} is not empty", input=str(path), do="name a new folder for the home")
        path.chmod(0o700)
    except (FileExistsError, NotADirectoryError):
        raise InputFault(f"{path} is not a folder", input=str(path)) from None
    except OSError as error:
        raise translate(error, path) from error
