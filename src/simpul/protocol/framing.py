"""Length-prefixed raw bytes: how documents, payloads and the envelope's inside are put together (spec/README.md).

A *blob* is a length as four bytes, big-endian, then that many bytes. A reader never allocates by a length it has not
compared with what is there.
"""

from __future__ import annotations

from simpul.errors import Malformed


def blob(data: bytes) -> bytes:
    """The bytes with their length before them."""
    return len(data).to_bytes(4, "big") + data


def blobs(*parts: bytes) -> bytes:
    """Several blobs one after another."""
    return b"".join(map(blob, parts))


class Reader:
    """Reads a sequence of fields from bytes that came from outside; every shortage is `Malformed` with its offset."""

    def __init__(self, data: bytes, what: str) -> None:
        """`what` names the input in errors."""
        self._data = memoryview(data)
        self._what = what
        self._at = 0

    def take(self, length: int) -> bytes:
        """Exactly that many bytes."""
        end = self._at + length
        if end > len(self._data):
            raise self.fault(f"ends {end - len(self._data)} bytes early")
        field = bytes(self._data[self._at : end])
        self._at = end
        return field

    def integer(self, length: int) -> int:
        """A big-endian unsigned integer of that many bytes."""
        return int.from_bytes(self.take(length), "big")

    def blob(self, limit: int | None = None) -> bytes:
        """A blob of at most `limit` bytes."""
        length = self.integer(4)
        if limit is not None and length > limit:
            raise self.fault(f"a field of {length} bytes is over its limit of {limit}")
        return self.take(length)

    def name(self) -> str:
        """A short ASCII name: its length as one byte, then the characters."""
        data = self.take(self.integer(1))
        if not data.isascii():
            raise self.fault("a name is not ASCII")
        return data.decode()

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise self.fault(f"{self.left} bytes follow the end")

    def fault(self, problem: str) -> Malformed:
        """The error for something wrong at the present place."""
        return Malformed(f"{self._what}: {problem}", input=self._what, where=f"byte {self._at}")
