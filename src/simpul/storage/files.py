"""Writing a file so that after a crash it is the old one or the new one, never half of either."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from simpul.errors import HomeFault, SimpulError, StorageFull

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, with mode 0600, durably and as a whole.

    Raises:
        StorageFull, HomeFault: it cannot be written; the old one stands.
    """
    draft = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise translate(error, path) from error


def sync_folder(folder: Path) -> None:
    """Make what was created or renamed in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def translate(error: OSError, path: Path) -> SimpulError:
    """Our error for one of the system's about a file of the home."""
    if error.errno in _NO_ROOM:
        return StorageFull(f"no room for {path.name}", input=str(path), do="free some space and try again")
    return HomeFault(
        f"{path} cannot be used: {error.strerror}",
        input=str(path),
        do="make the home belong to the user who runs this, with mode 0700",
    )
