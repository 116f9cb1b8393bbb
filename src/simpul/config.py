"""The settings of one node: read, checked and explained.

One TOML file, `HOME/config.toml`, holds `name = value` lines; the environment variable `SIMPUL_` + the name in capitals
wins over it. What neither says has the default that stands here. A name that is not here, a value of the wrong type or
out of range is a fault that says where it is and what would be right; a node does not start with one, and
`simpul config explain` shows them all.

    poll_interval_ms = 100
    http_listen = "127.0.0.1:8440"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import msgspec
from msgspec import Meta, Struct

from simpul.errors import InputFault, SyntaxFault

FILE: Final = "config.toml"
"""The name of the file inside the home."""

PREFIX: Final = "SIMPUL_"

OTHER_VARIABLES: Final = frozenset(
    {"SIMPUL_HOME", "SIMPUL_KEK_FILE", "SIMPUL_HOME_PASSPHRASE_FILE", "SIMPUL_DEBUG"}
)
"""Variables with the prefix that are options of the command line and no settings."""

FILE_LIMIT: Final = 1 << 20
"""Bytes of a configuration file. A larger one is another file."""

MIB: Final = 1 << 20

Address = Annotated[
    str, Meta(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$", description="host:port")
]


FileName = Annotated[str, Meta(max_length=4_096, description="a file's name")]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting with its type, range and default. Names end in their unit."""

    http_listen: Annotated[
        Address, Meta(description="Address of the node's HTTP API; port 0 takes a free one.")
    ] = "127.0.0.1:0"
    poll_interval_ms: Annotated[
        int,
        Meta(ge=10, le=60_000, description="How often `serve` looks for work that other processes queued."),
    ] = 100
    relay_timeout_seconds: Annotated[
        int, Meta(ge=1, le=300, description="How long one request to a relay may take beyond its own wait.")
    ] = 20
    relay_wait_seconds: Annotated[
        int, Meta(ge=0, le=30, description="How long a relay may hold a request open until something comes.")
    ] = 25
    relay_certificates: Annotated[
        FileName,
        Meta(
            description=(
                "Certificates (PEM) of the authorities that relays are checked against, relative to the home; "
                "empty for the system's."
            )
        ),
    ] = ""
    resend_seconds: Annotated[
        int,
        Meta(
            ge=10, le=86_400, description="Without an acknowledgement for so long, a message is sealed again."
        ),
    ] = 900
    message_days: Annotated[
        int, Meta(ge=1, le=120, description="After this a message that was not taken expires.")
    ] = 90
    ack_delay_ms: Annotated[
        int,
        Meta(ge=0, le=60_000, description="How long acknowledgements wait for company before they go alone."),
    ] = 200
    prekey_hold_days: Annotated[
        int, Meta(ge=14, le=90, description="After this a prekey's secret is destroyed, drained or not.")
    ] = 28
    checkpoint_tick_seconds: Annotated[
        int, Meta(ge=10, le=86_400, description="How often the log publishes a checkpoint.")
    ] = 600
    log_quantum: Annotated[
        int, Meta(ge=1, le=4_096, description="Leaves to which a checkpoint's size is padded up.")
    ] = 64
    import_stdin_limit_bytes: Annotated[
        int, Meta(ge=1_024, le=1 << 34, description="The most that `import -` reads from standard input.")
    ] = 1024 * MIB
    import_batch_objects: Annotated[
        int, Meta(ge=1, le=10_000, description="Objects that one write transaction of an import takes.")
    ] = 750
    release_part_objects: Annotated[
        int, Meta(ge=1, le=1_000, description="Objects of one message; a larger release goes in several.")
    ] = 1_000
    backup_days: Annotated[
        int,
        Meta(
            ge=0,
            le=3_650,
            description="How long a backup of this home may live, as answers to recalls state it; 0 states nothing.",
        ),
    ] = 0
    busy_wait_seconds: Annotated[
        int, Meta(ge=0, le=60, description="How long a command waits for another process to finish writing.")
    ] = 5


class Explained(Struct, frozen=True, kw_only=True):
    """One line of the explanation.

    Attributes:
        name: the setting, or the unknown name that was found.
        value: what holds; for an unknown name or a wrong value, what was written.
        source: "default", the file's path, or "environment NAME".
        problem: what is wrong and what would be right, or None.
    """

    name: str
    value: Any
    source: str
    problem: str | None = None


def load(home: Path, environment: Mapping[str, str]) -> Settings:
    """The settings that hold for a home.

    Raises:
        SyntaxFault: the file is not TOML.
        InputFault: a name is unknown, or a value has the wrong type or is out of range; the first one is named.
    """
    rows = explain(home, environment)
    for row in rows:
        if row.problem is not None:
            raise InputFault(
                f"the setting '{row.name}' is wrong: {row.problem}",
                input=row.source,
                where=row.name,
                do="mend it; `simpul config explain` shows every setting and fault",
            )
    return Settings(**{row.name: row.value for row in rows})


def explain(home: Path, environment: Mapping[str, str]) -> list[Explained]:
    """Every setting in order, then every name that is none.

    Raises:
        SyntaxFault: the file is not TOML, or cannot be read.
    """
    file = home / FILE
    written = _read(file)
    known = [_explain(field, written, environment, str(file)) for field in msgspec.structs.fields(Settings)]
    names = {field.name for field in msgspec.structs.fields(Settings)}
    variables = {PREFIX + name.upper() for name in names} | OTHER_VARIABLES
    return [
        *known,
        *(_unknown(name, written[name], str(file), names) for name in sorted(written.keys() - names)),
        *(
            _unknown(name, environment[name], f"environment {name}", variables)
            for name in sorted(environment)
            if name.startswith(PREFIX) and name not in variables
        ),
    ]


def describe() -> list[tuple[str, str, Any, str]]:
    """Each setting's name, type with range, default and meaning, for the reference page."""
    return [
        (field.name, _range(field.type), field.default, _meaning(field.type))
        for field in msgspec.structs.fields(Settings)
    ]


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            text = stream.read(FILE_LIMIT + 1)
    except FileNotFoundError:
        return {}
    except OSError as fault:
        raise SyntaxFault(f"the settings cannot be read: {fault.strerror}", input=str(file)) from fault
    if len(text) > FILE_LIMIT:
        raise SyntaxFault(
            f"the settings are longer than {FILE_LIMIT} bytes", input=str(file), do="is it this file?"
        )
    try:
        return tomllib.loads(text.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise SyntaxFault(
            f"the settings are not TOML: {fault}", input=str(file), do="mend that line"
        ) from fault


def _explain(
    field: msgspec.structs.FieldInfo, written: Mapping[str, Any], environment: Mapping[str, str], file: str
) -> Explained:
    variable = PREFIX + field.name.upper()
    if variable in environment:
        return _checked(field, _from_text(environment[variable]), f"environment {variable}")
    if field.name in written:
        return _checked(field, written[field.name], file)
    return Explained(name=field.name, value=field.default, source="default")


def _from_text(text: str) -> Any:
    """A variable's text as TOML would read it: digits are a number, everything else is text."""
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else text


def _checked(field: msgspec.structs.FieldInfo, value: Any, source: str) -> Explained:
    try:
        msgspec.convert(value, field.type, strict=True)
    except msgspec.ValidationError:
        right = f"write {_range(field.type)}; the default is {field.default or 'empty'}"
        return Explained(
            name=field.name, value=_shown(value), source=source, problem=f"this is no such value; {right}"
        )
    return Explained(name=field.name, value=value, source=source)


def _unknown(name: str, value: Any, source: str, names: set[str]) -> Explained:
    near = _nearest(name, names)
    advice = f"write '{near}'" if near else "remove it"
    return Explained(
        name=name, value=_shown(value), source=source, problem=f"there is no such setting; {advice}"
    )


def _nearest(name: str, names: set[str]) -> str | None:
    """The one known name that shares the most words with a mistyped one, if any does."""
    import difflib  # noqa: PLC0415 - only a mistake needs it

    return next(iter(difflib.get_close_matches(name, sorted(names), n=1)), None)


def _shown(value: Any) -> Any:
    """A value as it can be shown: tables and times of TOML as text."""
    return value if isinstance(value, str | int | float) else str(value)


def _metas(annotated: Any) -> list[Meta]:
    return [one for one in get_args(annotated) if isinstance(one, Meta)]


def _range(annotated: Any) -> str:
    first = _metas(annotated)[0]
    if first.ge is not None:
        return f"a whole number from {first.ge} to {first.le}"
    return f"{first.description} in quotes"


def _meaning(annotated: Any) -> str:
    return " ".join(meta.description for meta in _metas(annotated)[-1:] if meta.description)
