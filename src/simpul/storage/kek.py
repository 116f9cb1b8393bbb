"""The key-encryption key of a home: where it comes from, and how it seals the home's own keys.

    file         HKDF-SHA256 of the file's content; the file is outside the home (a USB stick, a systemd credential)
    passphrase   Argon2id, with the cost that is written beside the salt
    none         an unencrypted home: the keys stand in home.json as they are, which `init` does only when told to

The sealed part is AES-256-GCM under a fresh nonce each time; the open part of home.json is its associated data, so that
no field beside it can be exchanged.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final, Literal

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from simpul.errors import HomeDamaged, HomeLocked, InputFault

KEK_LEAST, KEK_MOST = 32, 4096
"""Bytes that a key-encryption key file may have."""

KEY_BYTES: Final = 32
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
PASSPHRASE_LEAST: Final = 8
"""Bytes of the shortest passphrase that is taken."""

_INFO: Final = b"simpul home key 1"
_MEMORY_KIB: Final = 64 * 1024
_PASSES: Final = 3
_LANES: Final = 1

# What a home.json may ask of this machine: it is read before anything in it is authenticated.
_MOST_MEMORY_KIB: Final = 1024 * 1024
_MOST_PASSES: Final = 32


class Wrap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the home's keys are sealed: the open part of home.json. Bytes as hexadecimal digits."""

    kind: Literal["file", "passphrase", "none"]
    salt: str = ""
    memory_kib: int = 0
    passes: int = 0
    lanes: int = 0


class Means(Struct, frozen=True, kw_only=True):
    """What the operator gives to open a home: a file, a passphrase, or nothing."""

    kek: Path | None = None
    passphrase: bytes | None = None


def create_kek(path: Path) -> None:
    """Write a new key-encryption key: 32 random bytes as one hexadecimal line, readable by the owner only.

    Raises:
        InputFault: the file exists already, or its folder does not.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputFault(f"{path} exists already", input=str(path), do="name another file") from None
    except OSError as error:
        raise InputFault(f"{path} cannot be written: {error.strerror}", input=str(path)) from error
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_bytes(KEY_BYTES).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def new_wrap(home: Path, means: Means) -> tuple[Wrap, bytes]:
    """A fresh wrap for what the operator gives, and its key (empty for none).

    Raises:
        InputFault: the file does not serve, or the passphrase is too short.
    """
    if means.kek is not None:
        wrap = Wrap(kind="file", salt=secrets.token_bytes(SALT_BYTES).hex())
        return wrap, _from_file(home, means.kek, wrap)
    if means.passphrase is not None:
        if len(means.passphrase) < PASSPHRASE_LEAST:
            raise InputFault(
                f"the home's passphrase is shorter than {PASSPHRASE_LEAST} bytes", input="passphrase"
            )
        wrap = Wrap(
            kind="passphrase",
            salt=secrets.token_bytes(SALT_BYTES).hex(),
            memory_kib=_MEMORY_KIB,
            passes=_PASSES,
            lanes=_LANES,
        )
        return wrap, _from_passphrase(means.passphrase, wrap)
    return Wrap(kind="none"), b""


def key_of(home: Path, wrap: Wrap, means: Means) -> bytes:
    """The key of a wrap (empty for none).

    Raises:
        HomeLocked: what it asks for was not given, or the file does not serve.
        HomeDamaged: it asks for more than any home of ours would.
    """
    if wrap.kind == "none":
        return b""
    if wrap.kind == "file":
        if means.kek is None:
            raise HomeLocked(
                f"{home} is locked with a key-encryption key file",
                input=str(home),
                do="give it with --kek, or in SIMPUL_KEK_FILE",
            )
        try:
            return _from_file(home, means.kek, wrap)
        except InputFault as fault:
            raise HomeLocked(fault.message, input=fault.input, do=fault.do) from fault
    if means.passphrase is None:
        raise HomeLocked(
            f"{home} is locked with a passphrase",
            input=str(home),
            do="give it with --home-passphrase-file, or in SIMPUL_HOME_PASSPHRASE_FILE",
        )
    return _from_passphrase(means.passphrase, wrap)


def seal(key: bytes, plain: bytes, beside: bytes) -> bytes:
    """Nonce and ciphertext; with an empty key the plain text as it is. `beside` is authenticated with it."""
    if not key:
        return plain
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, beside)


def unseal(key: bytes, sealed: bytes, beside: bytes, *, means: str) -> bytes:
    """The plain text.

    Raises:
        HomeLocked: another key, or home.json was changed; the message names `means`.
    """
    if not key:
        return sealed
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], beside)
    except (InvalidTag, ValueError) as error:
        raise HomeLocked(
            f"{means} does not open this home (or home.json was changed)",
            input=means,
            do="give the key-encryption key that the home was made with",
        ) from error


def _from_file(home: Path, path: Path, wrap: Wrap) -> bytes:
    """The key of a file, after the checks that a key file has to pass."""
    # (1) It is outside the home: whoever takes the folder does not take the key with it.
    if path.resolve().is_relative_to(home.resolve()):
        raise InputFault(f"{path} lies inside the home", input=str(path), do="keep the key elsewhere")
    # (2) It is a regular file of a sensible length that only its owner reads; checked on the open file.
    content = _read_private(path)
    # (3) The key depends on all of it and on this home's salt.
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=bytes.fromhex(wrap.salt), info=_INFO).derive(
        content
    )


def _read_private(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise InputFault(
            f"the key-encryption key file {path} cannot be read: {error.strerror}", input=str(path)
        ) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise InputFault(f"{path} is not a regular file", input=str(path))
        if status.st_mode & 0o077:
            raise InputFault(
                f"others than its owner may read {path}", input=str(path), do=f"chmod 600 {path}"
            )
        content = os.read(handle, KEK_MOST + 1)
    finally:
        os.close(handle)
    if not KEK_LEAST <= len(content) <= KEK_MOST:
        raise InputFault(f"{path} does not have {KEK_LEAST} to {KEK_MOST} bytes", input=str(path))
    return content


def _from_passphrase(passphrase: bytes, wrap: Wrap) -> bytes:
    if not (
        0 < wrap.memory_kib <= _MOST_MEMORY_KIB and 0 < wrap.passes <= _MOST_PASSES and wrap.lanes == _LANES
    ):
        raise HomeDamaged("home.json asks for a cost of its passphrase that no home has", input="home.json")
    return hash_secret_raw(
        secret=passphrase,
        salt=bytes.fromhex(wrap.salt),
        time_cost=wrap.passes,
        memory_cost=wrap.memory_kib,
        parallelism=wrap.lanes,
        hash_len=KEY_BYTES,
        type=Type.ID,
    )
