"""The log as files: tlog-tiles' layout in a folder that anyone may copy and check with `logcheck.py`.

    checkpoint            the signed note; written last, so that what it promises is there
    vkeys                 the two verifier keys, a line each
    tile/0/000.p/64       hashes of leaves, 256 a tile; a partial tile says how many it has
    tile/1/000            hashes of full tiles of level 0, and so on
    tile/entries/000.p/64 the entries

A projection and nothing else: the database holds the truth, and the checkpoint is stored there before this runs.
A publication that was killed is repeated; a folder that was damaged or emptied is written anew from the leaves.
Each file appears whole or not at all. C2SP tlog-tiles; spec/log.md.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from simpul.errors import HomeDamaged, PartnerFault
from simpul.protocol.log import (
    HASH_LENGTH,
    TILE_HEIGHT,
    TILE_WIDTH,
    Checkpoint,
    Frontier,
    HashAt,
    encode_entries,
    leaf_hash,
    node_hash,
    open_checkpoint,
    parse_checkpoint,
    read_origin,
    read_verifier_keys,
    root_at,
    tile_path,
)

Leaves = Callable[[int, int], Sequence[bytes]]
"""(start, stop) to the 32-byte entries of the leaves with start <= index < stop."""


class TileDirectory:
    """A log's folder. Implements `ports.LogFiles`.

    The folder of a log that was closed is set aside under the log's incarnation: `log-<incarnation>` beside `log`.
    The present one never contradicts itself: a checkpoint that this log's key signed and that stands in the folder is replaced
    only by one that continues it. Anything else in the folder is a projection, and written anew where it is damaged.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def publish(self, *, size: int, entries: Leaves, note: bytes, keys: Sequence[str]) -> None:
        """Bring the folder up to a checkpoint that the database already stores; run again after a kill, it goes on.

        The cost follows what was appended since the folder's last checkpoint, not the size of the log. Where the
        folder is ahead already, since another process published more, nothing is done.

        Args:
            size: how many leaves the checkpoint is of.
            entries: reads entries; asked for at most one tile at a time.
            note: the signed checkpoint.
            keys: lines of `protocol.log.verifier_keys`.

        Raises:
            HomeDamaged: the leaves do not have the checkpoint's root, or do not continue what was published. The
                folder's checkpoint stays as it was.
        """
        wanted = parse_checkpoint(note).checkpoint
        if wanted.size != size:
            raise ValueError(f"a checkpoint of {wanted.size} leaves cannot publish {size}")
        self._directory.mkdir(parents=True, exist_ok=True)
        with _locked(self._directory):
            lines = "".join(f"{line}\n" for line in keys).encode()
            if self._read("checkpoint") == note and self._read("vkeys") == lines:
                return
            # 0. A folder of a log that was closed makes room.
            self._set_aside(wanted.origin)
            # 1. What the folder promises already, if anything.
            published = self._published(keys)
            if published is not None and self._is_ahead(published, wanted):
                return
            # 2. The leaves have the signed root, and continue what was published.
            before = self._verified_start(entries, published, wanted)
            # 3. The tiles, in place but not yet promised by any checkpoint.
            _write_from(self._directory, entries, before, size)
            # 4. The promise.
            _replace(self._directory, "vkeys", lines)
            _replace(self._directory, "checkpoint", note)
            _flush(self._directory)
            # 5. Partial tiles that a full one has taken the place of.
            _drop_partials(self._directory, before, size)

    def hash_reader(self, size: int) -> HashAt:
        """Reads the hashes of complete subtrees from the tiles: what proofs are made from.

        Args:
            size: of the published checkpoint; proofs reach no further.

        Raises:
            HomeDamaged: (when reading) a tile is missing or torn.
        """
        tiles: dict[tuple[int, int], list[bytes]] = {}

        def hash_at(level: int, index: int) -> bytes:
            tile_level, inner = divmod(level, TILE_HEIGHT)
            number, place = divmod(index << inner, TILE_WIDTH)
            key = (tile_level, number)
            if key not in tiles:
                width = min(TILE_WIDTH, (size >> tile_level * TILE_HEIGHT) - number * TILE_WIDTH)
                tiles[key] = _read_tile(self._directory, tile_level, number, width)
            return _fold(tiles[key][place : place + (1 << inner)])

        return hash_at

    def _set_aside(self, origin: str) -> None:
        # The checkpoint last: killed midway, the next publication still sees whose folder this is and goes on.
        raw = self._read("checkpoint")
        try:
            standing = parse_checkpoint(raw).checkpoint.origin if raw is not None else origin
            _, _, incarnation = read_origin(standing)
        except PartnerFault:
            return
        if standing == origin:
            return
        aside = self._directory.with_name(f"{self._directory.name}-{incarnation.hex()}")
        while (aside / "checkpoint").exists():
            # A home restored over a later one: that life had closed this log too.
            aside = aside.with_name(f"{aside.name}-earlier")
        aside.mkdir(exist_ok=True)
        for name in ("tile", "vkeys", "checkpoint"):
            if (self._directory / name).exists():
                (self._directory / name).replace(aside / name)
        _flush(aside)
        _flush(self._directory)

    def _published(self, keys: Sequence[str]) -> Checkpoint | None:
        raw = self._read("checkpoint")
        if raw is None:
            return None
        try:
            origin, key = read_verifier_keys(keys)
            return open_checkpoint(raw, key, origin)
        except PartnerFault:
            # Garbage, or by another key: the folder is a projection, so it is written anew.
            return None

    def _is_ahead(self, published: Checkpoint, wanted: Checkpoint) -> bool:
        if published.size < wanted.size:
            return False
        if published.size == wanted.size:
            if published.root != wanted.root:
                raise self._contradiction(published)
            return False
        try:
            root = root_at(wanted.size, self.hash_reader(published.size))
        except _TileMissing:
            # Damaged, and this reader of the database is behind: whoever publishes the next checkpoint mends it.
            return True
        if root != wanted.root:
            raise self._contradiction(published)
        return True

    def _verified_start(self, entries: Leaves, published: Checkpoint | None, wanted: Checkpoint) -> int:
        # The size from which on tiles have to be written. All is verified before anything is.
        if published is not None:
            try:
                edge = self._edge_at(published.size - published.size % TILE_WIDTH, published.size)
                self._check_growth(edge, entries, published, wanted)
            except HomeDamaged:
                # The folder's tiles or the database's leaves: only all the leaves, from the first, can tell which.
                self._check_growth(Frontier(), entries, published, wanted)
                return 0
            return published.size
        self._check_growth(Frontier(), entries, None, wanted)
        return 0

    def _edge_at(self, size: int, published: int) -> Frontier:
        read = self.hash_reader(published)
        edge, start = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                edge.append(read(level, start >> level))
                start += 1 << level
        return Frontier(size, edge)

    def _check_growth(
        self, frontier: Frontier, entries: Leaves, published: Checkpoint | None, wanted: Checkpoint
    ) -> None:
        if published is not None:
            _grow(frontier, entries, published.size)
            if frontier.root() != published.root:
                raise self._contradiction(published)
        _grow(frontier, entries, wanted.size)
        if frontier.root() != wanted.root:
            raise HomeDamaged(
                "the leaves in the database do not have the root that was signed",
                input=str(self._directory),
                do="run `simpul log verify`, keep this home as evidence, and restore the newest backup",
            )

    def _contradiction(self, published: Checkpoint) -> HomeDamaged:
        return HomeDamaged(
            f"the published log of {published.size} leaves is signed, and the database does not continue it",
            input=str(self._directory),
            do="this home is an older copy that went its own way: keep both, and restore the newest backup",
        )

    def _read(self, name: str) -> bytes | None:
        return _read(self._directory / name)


def _grow(frontier: Frontier, entries: Leaves, size: int) -> None:
    while frontier.size < size:
        frontier.extend(entries(frontier.size, min(size, frontier.size + TILE_WIDTH)))


def _write_from(directory: Path, entries: Leaves, before: int, size: int) -> None:
    complete: list[bytes] = []
    for number in range(before // TILE_WIDTH, -(-size // TILE_WIDTH)):
        tile = entries(number * TILE_WIDTH, min(size, (number + 1) * TILE_WIDTH))
        hashes = [leaf_hash(entry) for entry in tile]
        _replace(directory, tile_path("entries", number, len(tile)), encode_entries(tile))
        _replace(directory, tile_path(0, number, len(hashes)), b"".join(hashes))
        if len(hashes) == TILE_WIDTH:
            complete.append(_fold(hashes))
    level = 1
    while complete:
        complete = _write_level(directory, level, before >> level * TILE_HEIGHT, complete)
        level += 1
    for folder in _folders(directory, before, size):
        _flush(folder)


def _write_level(directory: Path, level: int, before: int, fresh: list[bytes]) -> list[bytes]:
    # `before` hashes of this level are there; the last, partial tile of them is read and goes on.
    number, width = divmod(before, TILE_WIDTH)
    hashes = (_read_tile(directory, level, number, width) if width else []) + fresh
    complete = []
    for start in range(0, len(hashes), TILE_WIDTH):
        tile = hashes[start : start + TILE_WIDTH]
        _replace(directory, tile_path(level, number + start // TILE_WIDTH, len(tile)), b"".join(tile))
        if len(tile) == TILE_WIDTH:
            complete.append(_fold(tile))
    return complete


def _fold(hashes: Sequence[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


class _TileMissing(HomeDamaged):
    pass


def _read_tile(directory: Path, level: int, number: int, width: int) -> list[bytes]:
    path = tile_path(level, number, width)
    raw = _read(directory / path)
    if raw is None or len(raw) != width * HASH_LENGTH:
        raise _TileMissing("a tile of the published log is missing or torn", input=str(directory), where=path)
    return [raw[at : at + HASH_LENGTH] for at in range(0, len(raw), HASH_LENGTH)]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _changed_tiles(before: int, size: int) -> Iterator[tuple[int, int, int]]:
    # (level, first, stop) of the tiles that growing from `before` to `size` leaves touches.
    level = 0
    while (count := size >> level * TILE_HEIGHT) > 0:
        yield level, (before >> level * TILE_HEIGHT) // TILE_WIDTH, -(-count // TILE_WIDTH)
        level += 1


def _kinds(level: int) -> tuple[int | str, ...]:
    return (0, "entries") if level == 0 else (level,)


def _folders(directory: Path, before: int, size: int) -> set[Path]:
    folders = {directory, directory / "tile"}
    for level, first, stop in _changed_tiles(before, size):
        for name in _kinds(level):
            for number in range(first, stop):
                path = directory / tile_path(name, number)
                folders |= {path.parent, path.with_name(f"{path.name}.p")}
    return {folder for folder in folders if folder.is_dir()}


def _drop_partials(directory: Path, before: int, size: int) -> None:
    for level, first, _ in _changed_tiles(before, size):
        full = (size >> level * TILE_HEIGHT) // TILE_WIDTH
        for number in range(first, full):
            for name in _kinds(level):
                shutil.rmtree(directory / f"{tile_path(name, number)}.p", ignore_errors=True)


def _replace(directory: Path, name: str, content: bytes) -> None:
    target = directory / name
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = directory / ".new"
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(target)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    # One publisher at a time: `.new` is one name, and a kill leaves at most that behind.
    with (directory / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
