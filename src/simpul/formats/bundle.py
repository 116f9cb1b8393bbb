"""Reading an input of STIX objects without ever holding it whole.

    with open_bundle(Path("ics-attack-18.1.json")) as reader:    # first pass: syntax of every byte, or SyntaxFault
        for foreign in reader:                                   # second pass: one object after the other
            ...

The first pass reads every object once and keeps only where it begins and ends (16 bytes each), so that memory does
not grow with the size of the input. What is wrong with the meaning of one object is left to the second pass: there
it costs that object only. What is wrong with the syntax, or with the bundle itself, stops everything before
anything is stored.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from array import array
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import msgspec
from msgspec import UNSET, Struct

from simpul.domain.objects import Foreign, SourceFormat
from simpul.domain.stix_types import FAMILIES
from simpul.errors import InputFault, NotFound, SyntaxFault, TooLarge
from simpul.formats import strictjson
from simpul.formats.stix20 import TYPES_2_0

STREAM_LIMIT: Final = 1 << 30
"""Bytes that `open_bundle` takes from a stream unless told otherwise: 1 GiB."""

_CHUNK: Final = 1 << 20
_SMALL: Final = 4 << 20
"""Bytes up to which our own reader is fast enough to say exactly where syntax breaks."""
_MARKING_LIMIT: Final = 1 << 24
"""Bytes of marking definitions that are kept aside, at most; real inputs have a few thousand."""
_BLANK: Final = re.compile(rb"[ \t\n\r]*")
_BETWEEN: Final = re.compile(rb"[ \t\n\r]*,[ \t\n\r]*")
_NAME: Final = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*')
_AT_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_DO: Final = "mend the file and import it again; nothing of it was stored"


class _Stated(Struct, gc=False):
    """What the first pass takes from an object; everything else is only read past."""

    type: Any = None
    id: Any = None
    spec_version: Any = UNSET


_STATED: Final = msgspec.json.Decoder(_Stated)
_UNKNOWN: Final = _Stated(spec_version=None)


class BundleReader:
    """An input whose syntax was checked. Iterate it (as often as wanted) for its objects; close it afterwards.

    Attributes:
        name: what the input is called in messages.
        bundle_id: `id` of the bundle, or None (a single object, an array, a bundle without one).
        format: "stix-2.0" if the bundle says so; a single object may still differ (`Foreign.format`).
        count: objects in the input.
        markings: the input's own marking-definition objects (raw bytes by id, each distinct content once), so that
            markings are known before the objects that bear them.
    """

    def __init__(self, data: mmap.mmap, name: str) -> None:
        """Check the whole input; see `open_bundle` for what is raised."""
        self.name = name
        self.bundle_id: str | None = None
        self.format: SourceFormat = "stix-2.1"
        self.markings: dict[str, tuple[bytes, ...]] = {}
        self._data: mmap.mmap | None = data
        self._spans = array("Q")
        self._old = bytearray()
        self._marking_bytes = 0
        self._read_top(data)
        self.count = len(self._old)

    def __iter__(self) -> Iterator[Foreign]:
        """Each object in order."""
        if self._data is None:
            raise InputFault("the input was closed already", input=self.name)
        data, starts, ends = self._data, self._spans[::2], self._spans[1::2]
        for index, (start, end, old) in enumerate(zip(starts, ends, self._old, strict=True)):
            yield Foreign(index=index, raw=data[start:end], format="stix-2.0" if old else "stix-2.1")

    def close(self) -> None:
        """Let go of the input."""
        self._data = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_top(self, data: mmap.mmap) -> None:
        """Tell a bundle, an array and a single object apart, and note where each object stands."""
        start = _end(_BLANK, data, 0)
        first = data[start : start + 1]
        if first == b"[":
            self._add_elements(self._decoded(_ELEMENTS, data, 0), start + 1)
        elif first == b"{":
            self._read_object(data, start)
        elif not first:
            raise SyntaxFault("the input is empty", input=self.name, where="line 1, byte 0", do=_DO)
        else:
            raise self._syntax(start, self._why_not_json(data, start))

    def _read_object(self, data: mmap.mmap, start: int) -> None:
        members = self._decoded(_MEMBERS, data, 0)
        kind = _plain(members.get("type"))
        if kind != "bundle":
            end = _rstrip(data)
            self._add(data, start, end)
            return
        places = self._places(data, start, members)
        self._read_bundle(members, places)

    def _read_bundle(self, members: dict[str, msgspec.Raw], places: dict[str, int]) -> None:
        stated = _plain(members.get("id"))
        self.bundle_id = stated if isinstance(stated, str) else None
        version = _plain(members.get("spec_version"))
        if version not in (None, "2.0", "2.1"):
            raise InputFault(
                f"the bundle is of STIX version {version!r}; 2.1 and 2.0 can be read",
                input=self.name,
                where="spec_version",
                do="convert the bundle to STIX 2.1 first",
            )
        self.format = "stix-2.0" if version == "2.0" else "stix-2.1"
        if "objects" not in members:
            return
        start = places["objects"]
        objects = members["objects"]
        if bytes(memoryview(objects)[:1]) != b"[":
            raise InputFault("the bundle's 'objects' is not a list", input=self.name, where="objects", do=_DO)
        self._add_elements(self._decoded(_ELEMENTS, objects, start), start + 1)

    def _places(self, data: mmap.mmap, start: int, members: dict[str, msgspec.Raw]) -> dict[str, int]:
        """Where the value of each name begins; a name that stands twice is refused, whichever reader would win."""
        places: dict[str, int] = {}
        at = start + 1
        while (found := _NAME.match(data, at)) is not None:
            name = strictjson.scalar(found.group(1))
            raw = members.get(name)
            if name in places or raw is None or not self._stands_at(data, found.end(), raw):
                raise self._syntax(found.start(1), f"the name '{name}' stands twice in the bundle")
            places[name] = found.end()
            at = _end(_BLANK, data, found.end() + len(memoryview(raw))) + 1
        if len(places) != len(members) or _end(_BLANK, data, at) != len(data):
            raise self._syntax(start, "a name stands twice in the bundle")
        return places

    @staticmethod
    def _stands_at(data: mmap.mmap, at: int, raw: msgspec.Raw) -> bool:
        """Whether this value is the one the decoder kept: it keeps the last of several with one name."""
        kept = memoryview(raw)
        chunks = range(0, len(kept), _CHUNK)
        # Views are compared item by item, which is slow; bytes are not.
        return all(
            data[at + i : at + min(i + _CHUNK, len(kept))] == kept[i : i + _CHUNK].tobytes() for i in chunks
        )

    def _add_elements(self, elements: list[msgspec.Raw], at: int) -> None:
        data = self._data
        if data is None or not elements:
            return
        at = _end(_BLANK, data, at)
        for raw in elements:
            end = at + len(memoryview(raw))
            self._add(data, at, end)
            at = _end(_BETWEEN, data, end)

    def _add(self, data: mmap.mmap, start: int, end: int) -> None:
        """Check the syntax of one object and note its place, its version and, if it is a marking, its bytes."""
        raw = data[start:end]
        try:
            stated = _STATED.decode(raw)
            raw.decode()  # the one thing of syntax that skipping a text does not check
        except (msgspec.DecodeError, ValueError, RecursionError):
            stated = _UNKNOWN
            for problem in strictjson.problems(raw):
                if problem.syntax:
                    raise self._syntax(start + problem.offset, problem.text) from None
        self._spans.append(start)
        self._spans.append(end)
        self._old.append(stated.spec_version is UNSET and self._is_old(stated.type))
        if stated.type == "marking-definition":
            self._keep_marking(stated.id, raw)

    def _is_old(self, type: Any) -> bool:
        """Whether an object that says nothing of its version is STIX 2.0: its bundle or its type leave only that.

        Without a `spec_version`, an object in a STIX 2.1 bundle is STIX 2.0, unless it is an observable or of a
        type that STIX 2.0 does not have (STIX 2.1 §3.2).
        """
        if self.format == "stix-2.0":
            return True
        return isinstance(type, str) and type in TYPES_2_0 and FAMILIES.get(type) != "sco"

    def _keep_marking(self, id: Any, raw: bytes) -> None:
        self._marking_bytes += len(raw)
        if not isinstance(id, str) or self._marking_bytes > _MARKING_LIMIT or strictjson.scalar(raw) is None:
            return
        known = self.markings.get(id, ())
        if raw not in known:
            self.markings[id] = (*known, raw)

    def _decoded(self, decoder: msgspec.json.Decoder[Any], data: Any, offset: int) -> Any:
        try:
            return decoder.decode(data)
        except RecursionError:
            place = offset + (strictjson.too_deep(data, strictjson.DEPTH_LIMIT) or 0)
            raise TooLarge(
                "the input is nested too deeply to be read",
                input=self.name,
                where=self._where(place),
                do=f"{strictjson.DEPTH_LIMIT} levels are the limit of one object",
            ) from None
        except (msgspec.DecodeError, ValueError) as error:
            raise self._located(str(error), offset) from None

    def _located(self, message: str, offset: int) -> SyntaxFault:
        """The fault of syntax that msgspec reported; in a small input, as our own reader words it."""
        if self._data is not None and len(self._data) <= _SMALL:
            for problem in strictjson.problems(bytes(self._data)):
                if problem.syntax:
                    return self._syntax(problem.offset, problem.text)
        found = _AT_BYTE.search(message)
        place = offset + int(found.group(1)) if found else self._size()
        text = _AT_BYTE.sub("", message).removeprefix("JSON is malformed: ").strip()
        return self._syntax(place, "it ends in the middle" if "truncated" in text else text)

    def _why_not_json(self, data: mmap.mmap, start: int) -> str:
        found = strictjson.problems(data[start : start + 80])
        return found[0].text if found else "a STIX input begins with '{' or '['"

    def _syntax(self, offset: int, text: str) -> SyntaxFault:
        return SyntaxFault(
            f"the input is not a JSON text of STIX objects: {text}",
            input=self.name,
            where=self._where(offset),
            do=_DO,
        )

    def _where(self, offset: int) -> str:
        """A place for a person: the line, counted from 1, and the byte, counted from 0."""
        data = self._data
        line, at = 1, 0
        while data is not None and at < offset:
            line += data[at : min(at + _CHUNK, offset)].count(b"\n")
            at += _CHUNK
        return f"line {line}, byte {offset}"

    def _size(self) -> int:
        return 0 if self._data is None else len(self._data)


def open_bundle(
    source: Path | BinaryIO,
    *,
    limit: int = STREAM_LIMIT,
    name: str | None = None,
    spool_dir: Path | None = None,
) -> BundleReader:
    """Open a STIX 2.1 or 2.0 bundle, one object, or a JSON array of objects, and check the syntax of all of it.

    A file is mapped into memory. A stream (or a path that is not a regular file) is first copied to an unnamed
    temporary file in `spool_dir`, mode 0600, up to `limit` bytes.

    Raises:
        SyntaxFault: not JSON (with line and byte offset), empty, a name twice in the bundle itself.
        TooLarge: the stream is longer than `limit`, or nesting is so deep that it cannot be read.
        NotFound: there is no such file.
        InputFault: the path is a folder or cannot be read, or the bundle is of another STIX version.
    """
    if not isinstance(source, Path):
        shown = name or "standard input"
        return BundleReader(_spooled(source, limit, shown, spool_dir), shown)
    shown = name or str(source)
    try:
        with source.open("rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return BundleReader(_mapped(file, shown), shown)
            return BundleReader(_spooled(file, limit, shown, spool_dir), shown)
    except FileNotFoundError:
        raise NotFound(f"there is no file '{shown}'", input=shown, do="check the path") from None
    except IsADirectoryError:
        raise InputFault(f"'{shown}' is a folder", input=shown, do="name the file itself") from None
    except OSError as error:
        raise InputFault(f"'{shown}' cannot be read: {error.strerror}", input=shown) from None


def _spooled(stream: BinaryIO, limit: int, name: str, folder: Path | None) -> mmap.mmap:
    with TemporaryFile(dir=folder) as spool:
        left = limit
        while chunk := stream.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise TooLarge(
                    f"the input is longer than {limit} bytes",
                    input=name,
                    do="write it to a file and import that, or split it",
                )
            spool.write(chunk)
        spool.flush()
        return _mapped(spool, name)


def _mapped(file: Any, name: str) -> mmap.mmap:
    if os.fstat(file.fileno()).st_size == 0:
        raise SyntaxFault("the input is empty", input=name, where="line 1, byte 0", do=_DO)
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _plain(raw: msgspec.Raw | None) -> Any:
    """The value of a small member of the bundle, or None if it is not there or not readable."""
    if raw is None or len(memoryview(raw)) > _CHUNK:
        return None
    return strictjson.scalar(bytes(memoryview(raw)))


def _end(pattern: re.Pattern[bytes], data: mmap.mmap, at: int) -> int:
    found = pattern.match(data, at)
    return found.end() if found else at


def _rstrip(data: mmap.mmap) -> int:
    end = len(data)
    while end and data[end - 1] in b" \t\n\r":
        end -= 1
    return end
