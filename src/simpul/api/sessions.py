"""Who is acting over HTTP: a person signs in with the own passphrase and gets a token for a while.

    POST /api/v1/session {user, passphrase} -> token        Authorization: Bearer <token>

The unlocked signing key lives in this process alone and dies with the session: after 15 minutes without a request,
after 8 hours, or with the process. Only the token's hash is kept. Guessing is slowed: each attempt costs one Argon2id,
one at a time, and after five wrong ones a name waits a minute.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Final

from msgspec import Struct

from simpul.errors import Refusal, Unauthorised
from simpul.services.enrolling import Signer, unlock
from simpul.services.node import Node

MINUTE: Final = 60 * 1_000_000
IDLE: Final = 15 * MINUTE
LONGEST: Final = 8 * 60 * MINUTE
MOST: Final = 64
"""Sessions at once; the one that was idle longest makes room."""

TRIES: Final = 5
"""Wrong passphrases of one name within a minute, after which it waits."""

_TOKEN_BYTES: Final = 32
_NAMES_WATCHED: Final = 1024


class TooManyTries(Refusal):
    """A name was tried too often with a wrong passphrase."""

    code = "too-many-tries"


class _Session(Struct, kw_only=True):
    """`opened` and `used` are microseconds UTC."""

    signer: Signer
    opened: int
    used: int


class Opened(Struct, frozen=True, kw_only=True):
    """A new session: the token is shown once. `expires` is microseconds UTC, at the latest."""

    token: str
    user: str
    expires: int


class Sessions:
    """The people who are signed in to one node. Safe to share between threads."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._open: dict[bytes, _Session] = {}
        self._wrong: dict[str, list[int]] = {}
        self._lock = threading.Lock()
        self._one_try = threading.Lock()

    def sign_in(self, user: str, passphrase: str) -> Opened:
        """Begin a session.

        Raises:
            Unauthorised: no such user, or the passphrase is wrong; which of them is not said.
            TooManyTries: wrong too often within the last minute.
        """
        with self._one_try:
            self._refuse_hurry(user)
            try:
                signer = unlock(self._node, user, passphrase.encode())
            except Unauthorised:
                self._remember_wrong(user)
                raise
        token = self._node.entropy(_TOKEN_BYTES).hex()
        now = self._node.clock()
        with self._lock:
            self._wrong.pop(user, None)
            self._drop_old(now)
            if len(self._open) >= MOST:
                del self._open[min(self._open, key=lambda each: self._open[each].used)]
            self._open[_hash(token)] = _Session(signer=signer, opened=now, used=now)
        return Opened(token=token, user=user, expires=now + LONGEST)

    def signer(self, token: str) -> Signer:
        """The person behind a token. Raises `Unauthorised` for one that is unknown or over."""
        now = self._node.clock()
        with self._lock:
            self._drop_old(now)
            session = self._open.get(_hash(token))
            if session is None:
                raise Unauthorised("this session is over", input="Authorization", do="sign in again")
            session.used = now
            return session.signer

    def sign_out(self, token: str) -> None:
        """End a session; one that is over already changes nothing."""
        with self._lock:
            self._open.pop(_hash(token), None)

    def _drop_old(self, now: int) -> None:
        over = [
            key for key, each in self._open.items() if now - each.used > IDLE or now - each.opened > LONGEST
        ]
        for key in over:
            del self._open[key]

    def _refuse_hurry(self, user: str) -> None:
        now = self._node.clock()
        with self._lock:
            wrong = [at for at in self._wrong.get(user, ()) if now - at < MINUTE]
        if len(wrong) >= TRIES:
            raise TooManyTries(
                "this name was tried too often with a wrong passphrase", input="user", do="wait a minute"
            )

    def _remember_wrong(self, user: str) -> None:
        now = self._node.clock()
        with self._lock:
            if len(self._wrong) >= _NAMES_WATCHED:
                self._wrong = {n: at for n, at in self._wrong.items() if now - at[-1] < MINUTE}
            self._wrong[user] = [*self._wrong.get(user, ())[-TRIES:], now]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
