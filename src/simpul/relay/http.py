"""The relay over HTTP, as a plain ASGI application (spec/relay.md).

    GET  /v1/relay            who it is, its time, its limits
    GET  /health
    POST /v1/register         account: [{class, key}] → tags
    POST /v1/put/{tag}        writer: one envelope
    POST /v1/list             account: what waits; holds the answer up to `wait` seconds
    POST /v1/fetch            account: ids → length-prefixed envelopes
    POST /v1/delete           account: ids

Plain ASGI rather than a framework: a put is judged by its headers before a byte of its body is read, a long poll ends
when its client goes away, and the six routes need neither sessions nor schemas of documents. Nothing is logged.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from simpul.errors import BadSignature
from simpul.protocol.mailboxes import TAG_LENGTH, put_statement, request_statement, verify_statement
from simpul.relay.database import EXPIRED_AT_ONCE, RelayDatabase, RelayWriter, Waiting
from simpul.relay.mailboxes import (
    NONCE_LENGTH,
    REASONS,
    REQUEST_LIMIT,
    Limits,
    Refused,
    Replays,
    check_envelope_length,
)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Body = TypeVar("Body")

KEY_LENGTH: Final = 32
SIGNATURE_LENGTH: Final = 64
IDLE: Final = 60.0
"""Seconds that a sender may pause inside a body."""

Ids = Annotated[list[Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]], Meta(max_length=1000)]


class NewMailbox(Struct, frozen=True, rename={"kind": "class"}, forbid_unknown_fields=True):
    """One mailbox to make: its class and the put public key in hex."""

    kind: str
    key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class RegisterBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of /v1/register."""

    mailboxes: Annotated[list[NewMailbox], Meta(max_length=1000)]


class ListBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of /v1/list: seconds to wait, and tags in hex to list before all others."""

    wait: Annotated[int, Meta(ge=0)] = 0
    first: Annotated[list[Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]], Meta(max_length=64)] = []


class FetchBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of /v1/fetch: ids in the order wanted, and how many bytes of envelopes at most."""

    ids: Ids
    max_bytes: Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]


class DeleteBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of /v1/delete."""

    ids: Ids


class Request(Struct, frozen=True, kw_only=True):
    """A signed request whose signature holds: who asks, the body, and how to know that the client went away."""

    key: bytes
    body: bytes
    receive: Receive


class Gone(Exception):
    """The client went away."""


class RelayApp:
    """The application. One event loop; `stop` may be called once, from that loop.

    Args:
        relay: the relay's URL, its identity.
        database: for reading, on the loop.
        writer: for every change.
        limits: what the relay allows.
        accounts: account keys that may register; None: any.
        clock: now, microseconds UTC.
    """

    def __init__(
        self,
        relay: str,
        database: RelayDatabase,
        writer: RelayWriter,
        *,
        limits: Limits,
        accounts: frozenset[bytes] | None,
        clock: Callable[[], int],
    ) -> None:
        self._relay = relay
        self._database = database
        self._writer = writer
        self._limits = limits
        self._accounts = accounts
        self._clock = clock
        self._replays = Replays(clock(), database.remembered())
        self._waiters: dict[int, list[asyncio.Future[None]]] = {}
        self._uploading = 0
        self._stopping = False

    def stop(self) -> None:
        """Answer every long poll now, and hold no more."""
        self._stopping = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                _wake(waiter)

    async def sweep(self) -> None:
        """Forget what has expired, in transactions that stay short."""
        more = True
        while more:
            more = await self._change(lambda database: database.expire(self._clock())) == EXPIRED_AT_ONCE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            parts = await self._route(scope, receive)
        except Refused as refused:
            await _send(send, REASONS[refused.reason].status, _JSON, [self._refusal(refused)])
        except Gone:
            return
        else:
            await _send(send, 200, *parts)

    async def _route(self, scope: Scope, receive: Receive) -> tuple[bytes, Sequence[bytes]]:
        method, path = scope["method"], scope["path"]
        if method == "GET" and path == "/health":
            return _json({"ok": True})
        if method == "GET" and path == "/v1/relay":
            return _json({"relay": self._relay, "time": self._clock(), "limits": self._limits})
        if method == "POST" and path.startswith("/v1/put/"):
            return await self._put(scope, receive)
        answer = _SIGNED.get(path) if method == "POST" else None
        if answer is None:
            raise Refused("not-found")
        return await answer(self, await self._authenticate(scope, receive))

    def _refusal(self, refused: Refused) -> bytes:
        reason = REASONS[refused.reason]
        error = {
            "code": refused.reason,
            "message": reason.message,
            "input": None,
            "where": refused.where,
            "do": reason.do,
        }
        return msgspec.json.encode({"error": error, "time": self._clock()})

    # The writer's request.

    async def _put(self, scope: Scope, receive: Receive) -> tuple[bytes, Sequence[bytes]]:
        headers = dict(scope["headers"])
        # 1. The form of what is claimed.
        tag = _hex(scope["path"].removeprefix("/v1/put/").encode(), TAG_LENGTH, "tag")
        digest = _hex(headers.get(b"simpul-envelope"), hashlib.sha256().digest_size, "simpul-envelope")
        signature = _hex(headers.get(b"simpul-signature"), SIGNATURE_LENGTH, "simpul-signature")
        length = _length(headers)
        # 2. The put key's signature over it. An unknown mailbox has a key too, which nobody holds, so that it takes
        #    as long and is answered alike.
        box = self._database.mailbox(tag)
        _check_signature(
            box.put_key if box else _NOBODY, put_statement(self._relay, tag, digest, length), signature
        )
        if box is None:
            raise Refused("refused")
        # 3. The length, by the mailbox's class, before the body is read.
        check_envelope_length(self._limits, box.kind, length)
        # 4. The body is what was signed.
        envelope = await self._upload(receive, length)
        if hashlib.sha256(envelope).digest() != digest:
            raise Refused("malformed", where="body")
        # 5. Room, and the disk.
        now = self._clock()
        put = await self._change(lambda database: database.put(tag, digest, envelope, now))
        if put.new:
            self._wake_readers(put.account)
        return _json({"stored": True, "expires": put.expires})

    async def _upload(self, receive: Receive, length: int) -> bytes:
        if self._uploading + length > self._limits.uploading_bytes:
            raise Refused("busy")
        self._uploading += length
        try:
            return await _read(receive, length)
        finally:
            self._uploading -= length

    def _wake_readers(self, account: int) -> None:
        for waiter in self._waiters.get(account, ()):
            _wake(waiter)

    # The account's requests.

    async def _authenticate(self, scope: Scope, receive: Receive) -> Request:
        headers = dict(scope["headers"])
        # 1. The form.
        key = _hex(headers.get(b"simpul-account"), KEY_LENGTH, "simpul-account")
        nonce = _hex(headers.get(b"simpul-nonce"), NONCE_LENGTH, "simpul-nonce")
        signature = _hex(headers.get(b"simpul-signature"), SIGNATURE_LENGTH, "simpul-signature")
        length = _length(headers)
        if length > REQUEST_LIMIT:
            raise Refused("too-large", where="body")
        # 2. The time.
        self._replays.check_time(nonce, self._clock())
        # 3. The signature, which covers the path as well as the body.
        body = await _read(receive, length)
        statement = request_statement(self._relay, nonce, scope["path"].encode() + b"\n" + body)
        _check_signature(key, statement, signature)
        # 4. Once only. A key that has no account can change nothing but its own registration, which is idempotent, so
        #    nothing is remembered for it: strangers cannot fill the memory.
        if self._database.account(key) is not None and self._replays.accept(key, nonce, self._clock()):
            await self._change(lambda database: database.remember(nonce))
        return Request(key=key, body=body, receive=receive)

    async def answer_register(self, request: Request) -> tuple[bytes, Sequence[bytes]]:
        """Make mailboxes."""
        if self._accounts is not None and request.key not in self._accounts:
            raise Refused("refused")
        wanted = [(box.kind, bytes.fromhex(box.key)) for box in _decode(request.body, RegisterBody).mailboxes]
        now = self._clock()
        tags = await self._change(lambda database: database.register(request.key, wanted, now))
        return _json({"tags": [tag.hex() for tag in tags]})

    async def answer_list(self, request: Request) -> tuple[bytes, Sequence[bytes]]:
        """Name what waits, or hold the answer until something does."""
        body = _decode(request.body, ListBody)
        account = self._database.account(request.key)
        if account is None:
            return _listing([])
        first = [bytes.fromhex(tag) for tag in body.first]
        # The waiter is there before the first look, so that no put slips in between.
        waiter = self._wait_for(account)
        try:
            found = self._waiting(account, first)
            if not found and body.wait and not self._stopping:
                await _first_of(waiter, request.receive, min(body.wait, self._limits.wait))
                found = self._waiting(account, first)
        finally:
            self._forget(account, waiter)
        return _listing(found)

    def _waiting(self, account: int, first: Sequence[bytes]) -> list[Waiting]:
        return self._database.waiting(account, first, self._clock(), self._limits.list_length)

    def _wait_for(self, account: int) -> asyncio.Future[None]:
        waiters = self._waiters.setdefault(account, [])
        if len(waiters) >= self._limits.waiters:
            _wake(waiters[0])
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters.append(waiter)
        return waiter

    def _forget(self, account: int, waiter: asyncio.Future[None]) -> None:
        self._waiters[account].remove(waiter)
        if not self._waiters[account]:
            del self._waiters[account]

    async def answer_fetch(self, request: Request) -> tuple[bytes, Sequence[bytes]]:
        """Hand out envelopes: id (8 bytes, big-endian), length (4), bytes, one after the other."""
        body = _decode(request.body, FetchBody)
        account = self._database.account(request.key)
        if account is None:
            return _BINARY, []
        most = min(body.max_bytes, self._limits.fetch_bytes)
        parts: list[bytes] = []
        for number, envelope in self._database.bodies(account, body.ids, most, self._clock()):
            parts += (number.to_bytes(8, "big") + len(envelope).to_bytes(4, "big"), envelope)
        return _BINARY, parts

    async def answer_delete(self, request: Request) -> tuple[bytes, Sequence[bytes]]:
        """Forget envelopes."""
        ids = _decode(request.body, DeleteBody).ids
        deleted = await self._change(lambda database: database.delete(request.key, ids))
        return _json({"deleted": deleted})

    async def _change(self, change: Callable[[RelayDatabase], Body]) -> Body:
        return await asyncio.wrap_future(self._writer.submit(change))


_JSON: Final = b"application/json"
_BINARY: Final = b"application/octet-stream"
_NOBODY: Final = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
"""RFC 8032 §7.1 test 1: a valid public key, used only to spend the same time on an unknown mailbox."""

_SIGNED: Final = {
    "/v1/register": RelayApp.answer_register,
    "/v1/list": RelayApp.answer_list,
    "/v1/fetch": RelayApp.answer_fetch,
    "/v1/delete": RelayApp.answer_delete,
}


def _check_signature(key: bytes, statement: bytes, signature: bytes) -> None:
    try:
        verify_statement(key, statement, signature)
    except BadSignature:
        raise Refused("refused") from None


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def _first_of(waiter: asyncio.Future[None], receive: Receive, seconds: float) -> None:
    # Whichever comes first: something arrived, the client went away, or time is up.
    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    leaving = asyncio.ensure_future(gone())
    try:
        await asyncio.wait({waiter, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done() and not waiter.done():
            raise Gone
    finally:
        leaving.cancel()


async def _read(receive: Receive, length: int) -> bytes:
    chunks: list[bytes] = []
    room = length
    while True:
        try:
            message = await asyncio.wait_for(receive(), IDLE)
        except TimeoutError:
            raise Gone from None
        if message["type"] != "http.request":
            raise Gone
        chunk = message.get("body", b"")
        room -= len(chunk)
        if room < 0:
            raise Refused("malformed", where="content-length")
        chunks.append(chunk)
        if not message.get("more_body"):
            break
    if room:
        raise Refused("malformed", where="content-length")
    return b"".join(chunks)


def _length(headers: dict[bytes, bytes]) -> int:
    value = headers.get(b"content-length", b"")
    if not value.isdigit() or len(value) > 12:
        raise Refused("malformed", where="content-length")
    return int(value)


def _hex(value: bytes | None, length: int, where: str) -> bytes:
    try:
        raw = bytes.fromhex((value or b"").decode("ascii"))
    except ValueError:
        raise Refused("malformed", where=where) from None
    if len(raw) != length or raw.hex().encode() != value:
        raise Refused("malformed", where=where)
    return raw


def _decode(body: bytes, type: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=type)
    except (msgspec.DecodeError, ValueError) as error:
        raise Refused("malformed", where=str(error)[:200]) from None


def _json(value: object) -> tuple[bytes, Sequence[bytes]]:
    return _JSON, [msgspec.json.encode(value)]


def _listing(found: Sequence[Waiting]) -> tuple[bytes, Sequence[bytes]]:
    return _json(
        [
            {"id": item.id, "tag": item.tag.hex(), "length": item.length, "hash": item.hash.hex()}
            for item in found
        ]
    )


async def _send(send: Send, status: int, type: bytes, parts: Sequence[bytes]) -> None:
    headers = [
        (b"content-type", type),
        (b"content-length", str(sum(map(len, parts))).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
