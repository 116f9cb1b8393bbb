"""One relay as seen by one node: a synchronous HTTP client that trusts the relay with nothing.

    client = RelayClient("https://relay.example.org", account_seed, clock)
    tags = client.register([("urgent", put_key), …])
    client.put(tag, put_seed, envelope)                  # any number of threads
    for item in client.list(wait=30): …

Whatever the relay does (refuse, break off, answer garbage, without end or with the wrong bytes) comes out as a
`RelayFault` that says what to do; nothing of the HTTP library's gets through. Every request may be repeated, so a
connection that was closed meanwhile is tried once more. PROTOCOL §6; spec/relay.md.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from weakref import WeakSet

import httpx
import msgspec
from msgspec import Meta, Struct

from simpul.errors import InputFault, RelayFault
from simpul.ports import Clock
from simpul.protocol.mailboxes import public_key, put_statement, request_statement, sign_statement

Answer = TypeVar("Answer")
Envelopes = list[tuple[int, bytes]]
Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]

LONGEST_WAIT: Final = 30
REGISTER_AT_ONCE: Final = 500
FETCH_BYTES: Final = 32 * 1024 * 1024
"""How many bytes of envelopes one fetch may bring; also the longest envelope."""

_SMALL: Final = 1024 * 1024
_FRAME: Final = 12


class RelayUnreachable(RelayFault):
    """No answer: no connection, a broken one, or too slow. What was sent may have arrived; sending again is safe."""

    code = "relay-unreachable"


class RelayRefused(RelayFault):
    """The relay says no; `code` is `relay-` and the relay's own word, such as refused, mailbox-full or disk-full."""

    def __init__(self, reason: str, message: str, *, input: str, where: str | None, do: str | None) -> None:
        super().__init__(message, input=input, where=where, do=do)
        self.reason = reason
        self.code = f"relay-{reason}"


class RelayMisbehaved(RelayFault):
    """The relay answered what a relay does not: garbage, too much, another's envelope, or altered bytes."""

    code = "relay-misbehaved"


class WaitingEnvelope(Struct, kw_only=True):
    """One envelope that waits at the relay: what `fetch` and `delete` name it by, its mailbox, length and SHA-256."""

    id: Annotated[int, Meta(ge=1)]
    tag: bytes
    length: Annotated[int, Meta(ge=1, le=FETCH_BYTES)]
    hash: bytes


class RelayInfo(Struct, frozen=True, kw_only=True):
    """What a relay says about itself: the URL that is its identity, its time, and its limits (spec/relay.md)."""

    relay: str
    time: int
    limits: dict[str, Any]


class _Listed(Struct, frozen=True):
    id: Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]
    tag: Hex16
    length: Annotated[int, Meta(ge=1, le=FETCH_BYTES)]
    hash: Hex32


_LISTING = list[_Listed]


class _Tags(Struct, frozen=True):
    tags: list[Hex16]


class _Stored(Struct, frozen=True):
    stored: bool
    expires: int


class _Deleted(Struct, frozen=True):
    deleted: int


class _Problem(Struct, frozen=True):
    code: Annotated[str, Meta(pattern="^[a-z-]{1,32}$")]
    message: Annotated[str, Meta(max_length=500)]
    where: Annotated[str, Meta(max_length=500)] | None = None
    do: Annotated[str, Meta(max_length=500)] | None = None


class _ProblemDocument(Struct, frozen=True):
    error: _Problem
    time: int


class _Call(Struct, frozen=True):
    # `headers` is called at each attempt, so that a nonce is never used twice.
    method: str
    path: str
    headers: Callable[[], dict[str, str]]
    body: bytes | None
    limit: int
    wait: int = 0


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # it was closed meanwhile
        opened.shutdown(socket.SHUT_RDWR)


class RelayClient:
    """A connection pool to one relay, under one account. Implements `ports.Transport`.

    `put` may be called from any thread. `list`, `fetch` and `delete` belong to one thread at a time.

    Args:
        url: the relay's URL exactly as cards name it; what is signed binds it.
        account_key: 32-byte Ed25519 seed of this node's account there.
        clock: now, microseconds UTC. It may be wrong: the relay's time corrects what is sent to this relay.
        timeout_seconds: after so long without a byte the relay counts as unreachable.
        certificates: PEM file of the authorities to trust instead of the system's.

    Raises:
        InputFault: the relay speaks TLS, and the file of the authorities does not read.
    """

    def __init__(
        self,
        url: str,
        account_key: bytes,
        clock: Clock,
        *,
        timeout_seconds: float = 20.0,
        certificates: Path | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._seed = account_key
        self._account = public_key(account_key).hex()
        self._clock = clock
        self._timeout = timeout_seconds
        self._skew = 0
        self._lock = threading.Lock()
        self._listed: dict[int, WaitingEnvelope] = {}
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._closed = False
        self._http = httpx.Client(
            timeout=timeout_seconds,
            trust_env=False,
            follow_redirects=False,
            verify=_trusting(certificates) if self.url.startswith("https:") else False,
            headers={"accept-encoding": "identity", "user-agent": "simpul"},
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=8, keepalive_expiry=60),
        )

    @property
    def skew(self) -> int:
        """How far the relay's clock was ahead of ours when it last said so, in microseconds; 0 before."""
        return self._skew

    def info(self) -> RelayInfo:
        """Ask who the relay is; also measures `skew`.

        Raises:
            RelayFault: unreachable, or it is another relay than the URL says.
        """
        before = self._clock()
        info = self._decode(self._send(_Call("GET", "/v1/relay", dict, None, _SMALL)), RelayInfo, "/v1/relay")
        self._learn_time(info.time, before)
        if info.relay != self.url:
            raise RelayMisbehaved(
                f"the relay at {self.url} calls itself {info.relay[:200]}",
                input=self.url,
                do="use the URL that the relay's operator gave out, to the letter",
            )
        return info

    def register(self, boxes: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """Make mailboxes of (class, put public key); returns their tags. Idempotent.

        Raises:
            RelayFault: unreachable or refused; mailboxes of earlier batches may have been made.
        """
        tags: list[bytes] = []
        for start in range(0, len(boxes), REGISTER_AT_ONCE):
            batch = boxes[start : start + REGISTER_AT_ONCE]
            body = {"mailboxes": [{"class": kind, "key": key.hex()} for kind, key in batch]}
            answer = self._ask("/v1/register", body, _Tags)
            if len(answer.tags) != len(batch):
                raise self._misbehaved("/v1/register", "another number of mailboxes than was asked for")
            tags += map(bytes.fromhex, answer.tags)
        return tags

    def put(self, tag: bytes, put_seed: bytes, envelope: bytes) -> None:
        """Hand over an envelope. Idempotent by the envelope's hash; when it returns, the relay has it on its disk.

        Args:
            tag: 16 bytes, from the reader's key package or card.
            put_seed: the 32-byte seed of the put key that the tag commits to.
            envelope: the bytes to carry.

        Raises:
            RelayFault: unreachable or refused.
        """
        digest = hashlib.sha256(envelope).digest()
        headers = {
            "simpul-envelope": digest.hex(),
            "simpul-signature": sign_statement(
                put_seed, put_statement(self.url, tag, digest, len(envelope))
            ).hex(),
        }
        path = f"/v1/put/{tag.hex()}"
        answer = self._decode(
            self._send(_Call("POST", path, lambda: headers, envelope, _SMALL)), _Stored, path
        )
        if not answer.stored:
            raise self._misbehaved(path, "neither stored nor refused")

    def list(self, *, wait: int = 0, first: Sequence[bytes] = ()) -> Sequence[WaitingEnvelope]:
        """What waits in this account's mailboxes: those of `first`, then the urgent lane, then by arrival.

        Args:
            wait: seconds that the relay may hold the answer while nothing waits, 0 to 30.
            first: mailbox tags, at most 64.

        Raises:
            RelayFault: unreachable, refused, or garbage.
        """
        wait = max(0, min(wait, LONGEST_WAIT))
        body = {"wait": wait, "first": [tag.hex() for tag in first]}
        answer = self._ask("/v1/list", body, _LISTING, wait=wait)
        found = [
            WaitingEnvelope(
                id=item.id, tag=bytes.fromhex(item.tag), length=item.length, hash=bytes.fromhex(item.hash)
            )
            for item in answer
        ]
        self._listed = {item.id: item for item in found}
        return found

    def fetch(self, ids: Sequence[int]) -> Envelopes:
        """Envelopes by id, in the order asked for; the relay may answer with fewer than asked for.

        An envelope that the last `list` named has the length and hash that it said.

        Raises:
            RelayFault: unreachable, refused, or other bytes than were asked for.
        """
        body = {"ids": [*ids], "max_bytes": FETCH_BYTES}
        raw = self._signed("/v1/fetch", body, FETCH_BYTES + _FRAME * (len(ids) + 1))
        found = self._frames(raw)
        asked = set(ids)
        for number, envelope in found:
            if number not in asked:
                raise self._misbehaved("/v1/fetch", f"envelope {number} was not asked for, or came twice")
            asked.discard(number)
            listed = self._listed.get(number)
            if listed is not None and hashlib.sha256(envelope).digest() != listed.hash:
                raise self._misbehaved(
                    "/v1/fetch", f"envelope {number} has other bytes than the relay listed"
                )
        return found

    def delete(self, ids: Sequence[int]) -> None:
        """They are durable here; the relay may forget them. Ids that it does not hold are passed over.

        Raises:
            RelayFault: unreachable or refused.
        """
        self._ask("/v1/delete", {"ids": [*ids]}, _Deleted)

    def close(self) -> None:
        """Let go of the connections; a request under way in another thread fails as unreachable."""
        # Closing a socket does not wake a thread that waits for bytes from it; shutting it down does.
        with self._lock:
            self._closed = True
            opened = list(self._sockets)
        for each in opened:
            _shut(each)
        self._http.close()

    # Requests.

    def _ask(self, path: str, body: object, type: type[Answer], *, wait: int = 0) -> Answer:
        return self._decode(self._signed(path, body, _SMALL, wait=wait), type, path)

    def _signed(self, path: str, body: object, limit: int, *, wait: int = 0) -> bytes:
        raw = msgspec.json.encode(body)
        call = _Call("POST", path, lambda: self._signature(path, raw), raw, limit, wait)
        try:
            return self._send(call)
        except RelayRefused as refused:
            # The refusal brought the relay's time, which the next signature uses.
            if refused.reason != "clock":
                raise
            return self._send(call)

    def _signature(self, path: str, body: bytes) -> dict[str, str]:
        nonce = secrets.token_bytes(16) + max(0, self._clock() + self._skew).to_bytes(8, "big")
        statement = request_statement(self.url, nonce, path.encode() + b"\n" + body)
        return {
            "simpul-account": self._account,
            "simpul-nonce": nonce.hex(),
            "simpul-signature": sign_statement(self._seed, statement).hex(),
        }

    def _send(self, call: _Call) -> bytes:
        before = self._clock()
        try:
            status, raw = self._attempt(call)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            # The last two are addresses that are none; they come from partners' cards and packages.
            raise RelayUnreachable(
                f"the relay does not answer: {str(error) or type(error).__name__}",
                input=self.url,
                do="check the line and the relay's URL; what waits in the outbox is tried again",
            ) from error
        if status == 200:
            return raw
        raise self._refused(status, raw, call.path, before)

    def _attempt(self, call: _Call) -> tuple[int, bytes]:
        try:
            return self._once(call)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            # A kept connection that the relay closed meanwhile looks like this; a second time it is no such thing.
            return self._once(call)

    def _once(self, call: _Call) -> tuple[int, bytes]:
        timeout = httpx.Timeout(self._timeout, read=self._timeout + call.wait)
        if self._closed:
            raise RelayUnreachable("the connection to the relay was closed", input=self.url)
        with self._http.stream(
            call.method,
            self.url + call.path,
            headers=call.headers(),
            content=call.body,
            timeout=timeout,
            extensions={"trace": self._connected},
        ) as response:
            if "content-encoding" in response.headers:
                raise self._misbehaved(call.path, "an encoded answer that was not asked for")
            return response.status_code, self._read(response, call.path, call.limit)

    def _connected(self, event: str, told: dict[str, Any]) -> None:
        """Remembers the socket of each new connection, so that `close` can end what waits on it."""
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        opened = told["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets.add(opened)
            closed = self._closed
        if closed:
            _shut(opened)

    def _read(self, response: httpx.Response, path: str, limit: int) -> bytes:
        # The library bounds the pause between two bytes; the whole is bounded here, or a drip would hold us for ever.
        # A line of 1 kB/s is slow, but a line.
        chunks: list[bytes] = []
        got = 0
        started = time.monotonic()
        for chunk in response.iter_raw():
            got += len(chunk)
            if got > limit:
                raise self._misbehaved(path, f"an answer of over {limit} bytes")
            if time.monotonic() - started > self._timeout + got / 1000:
                raise httpx.ReadTimeout("the answer drips", request=response.request)
            chunks.append(chunk)
        return b"".join(chunks)

    # Answers.

    def _decode(self, raw: bytes, type: type[Answer], path: str) -> Answer:
        try:
            return msgspec.json.decode(raw, type=type)
        except (msgspec.DecodeError, ValueError) as error:
            raise self._misbehaved(path, f"an answer that does not read ({str(error)[:200]})") from None

    def _frames(self, raw: bytes) -> Envelopes:
        found = []
        at = 0
        while at < len(raw):
            number, length = (
                int.from_bytes(raw[at : at + 8], "big"),
                int.from_bytes(raw[at + 8 : at + _FRAME], "big"),
            )
            at += _FRAME + length
            if at > len(raw) or length == 0:
                raise self._misbehaved("/v1/fetch", "a torn envelope")
            found.append((number, raw[at - length : at]))
        return found

    def _refused(self, status: int, raw: bytes, path: str, before: int) -> RelayFault:
        try:
            document = msgspec.json.decode(raw, type=_ProblemDocument)
        except (msgspec.DecodeError, ValueError):
            return self._misbehaved(path, f"status {status} without a reason")
        self._learn_time(document.time, before)
        problem = document.error
        return RelayRefused(
            problem.code,
            f"the relay refused: {problem.message}",
            input=self.url,
            where=problem.where,
            do=problem.do,
        )

    def _learn_time(self, relay_time: int, before: int) -> None:
        middle = (before + self._clock()) // 2
        with self._lock:
            self._skew = relay_time - middle

    def _misbehaved(self, path: str, what: str) -> RelayMisbehaved:
        return RelayMisbehaved(
            f"the relay answered {what}",
            input=self.url,
            where=path,
            do="tell its operator, or use another relay",
        )


def _trusting(certificates: Path | None) -> ssl.SSLContext:
    """A context that trusts the system's authorities, or only those in a file."""
    try:
        return ssl.create_default_context(cafile=certificates)
    except OSError as error:
        raise InputFault(
            f"the certificates of the relays' authorities do not read: {error.strerror or error}",
            input=str(certificates),
            do="name a PEM file in the setting relay_certificates",
        ) from error
