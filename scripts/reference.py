"""Writes the reference pages that are generated: the command line, the HTTP API, the settings and the errors.

`--check` writes nothing, and exits 1 naming each page that is not what the program says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from litestar import Litestar
from litestar.openapi import OpenAPIConfig

from simpul.api.routes import for_people
from simpul.cli.frame import shared_options
from simpul.cli.main import simpul
from simpul.config import describe
from simpul.errors import SimpulError

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
MADE = "<!-- Made by `make docs`; edit the program instead. -->"


def command_line() -> str:
    """The page of every command with its arguments and options."""
    shared = "\n".join(_option(option) for option in shared_options() if isinstance(option, click.Option))
    parts = [
        "# The command line",
        MADE,
        (
            "Every command takes these before and after its name; the one nearest the end of the line wins, and each wins "
            "over the environment variable in brackets:"
        ),
        shared,
        (
            "With `--json` standard output is one JSON document, and an error is "
            '`{"error":{"code","message","input","where","do"}}`. Progress and prose go to standard error. Exit codes: 0 '
            "done, 1 refused or failed, 2 called wrongly, 130 interrupted."
        ),
        *_pages(click.Context(simpul, info_name="simpul")),
    ]
    return "\n\n".join(parts) + "\n"


ERRORS = """\
# Exit codes and errors

@MADE

| exit | means |
|---|---|
| 0 | done |
| 1 | refused or failed, with a sentence that says what to do |
| 2 | called wrongly |
| 130 | interrupted |

With `--json` an error is one document on standard output:

```json
{"error": {"code": "policy-refused", "message": "…", "input": "…", "where": "…", "do": "…"}}
```

`input` is what it was about (a file, an id, an option), `where` the place inside it, `do` what can be done; each may be
null. Where several things fit, `candidates` stands beside `error`. A command that has a document of its own (`import`,
`sync`, `receipts`, `log verify`, `config explain`) prints that alone, also when it exits 1.

| code | when |
|---|---|
@CODES
| `usage` | The program was called wrongly (exit 2). |
| `internal` | Simpul failed in a way it should not; names the place in the program and no content. |

An error contains no content that its reader may not have. `SIMPUL_DEBUG=1` adds the trace of an internal fault on
standard error; that can hold content.
"""


def faults() -> str:
    """The page of every error code."""
    rows = (
        f"| `{kind.code}` | {(kind.__doc__ or '').partition(chr(10))[0]} |" for kind in _tree(SimpulError)
    )
    return ERRORS.replace("@MADE", MADE).replace("@CODES", "\n".join(rows))


def _tree(kind: type[SimpulError]) -> Iterator[type[SimpulError]]:
    for child in kind.__subclasses__():
        if child.__module__ == SimpulError.__module__:
            yield child
            yield from _tree(child)


API = """\
# The HTTP API

@MADE

`simpul serve` answers under `/api/v1` to a person who is signed in, with the same JSON as the command line. It listens
on loopback unless it is told otherwise; beyond that, put a proxy with TLS before it.

```
POST /api/v1/session {"user": "laras", "passphrase": "…"}   ->  {"token", "user", "expires"}
GET  /api/v1/status  Authorization: Bearer <token>
```

A session ends after 15 minutes without a request, after 8 hours, by `DELETE /api/v1/session`, or with the process. A
failure is the [error document](errors.md) under a fitting status: 400 bad input, 401 not signed in, 403 a rule says
no, 404 not here or not for you, 409 several fit, 413 too large, 422 a partner's bytes, 429 too many tries, 502 a relay,
503 busy. `/api/schema` has the OpenAPI document.
"""


def http() -> str:
    """The page of every route."""
    app = Litestar(
        for_people(), openapi_config=OpenAPIConfig(title="Simpul", version="1", use_handler_docstrings=True)
    )
    schema = app.openapi_schema.to_schema()
    kinds = schema.get("components", {}).get("schemas", {})
    parts = [
        _route(method, path, operation, kinds)
        for path, item in sorted(schema["paths"].items())
        for method, operation in sorted(item.items())
    ]
    return "\n\n".join((API.replace("@MADE", MADE).rstrip(), *parts)) + "\n"


def _route(method: str, path: str, operation: dict[str, Any], kinds: dict[str, Any]) -> str:
    lines = [f"- `{each['name']}` in the {each['in']}" for each in operation.get("parameters", ())]
    body = operation.get("requestBody", {}).get("content", {})
    for content in body.values():
        kind = kinds.get(content["schema"].get("$ref", "").rpartition("/")[2], {})
        wanted = set(kind.get("required", ()))
        lines += [
            f"- `{name}` in the body{'' if name in wanted else ', may be left out'}"
            for name in kind.get("properties", {})
        ]
    words = operation.get("description") or operation.get("summary", "")
    return "\n\n".join(filter(None, (f"## {method.upper()} {path}", words, "\n".join(lines))))


def settings() -> str:
    """The page of every setting."""
    rows = "\n".join(
        f"| `{name}` | {allowed} | {'empty' if default == '' else f'`{default}`'} | {meaning} |"
        for name, allowed, default, meaning in describe()
    )
    return (
        f"# Settings\n\n{MADE}\n\n`config.toml` in the home holds `name = value` lines; the environment variable "
        "`SIMPUL_` and the name in capitals wins over it. `simpul config explain` shows what holds and why.\n\n"
        f"| setting | value | default | meaning |\n|---|---|---|---|\n{rows}\n"
    )


def _pages(context: click.Context) -> Iterator[str]:
    group = context.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _pages(inner)
        else:
            yield _page(inner)


def _page(context: click.Context) -> str:
    command = context.command
    shared = {option.name for option in shared_options()}
    options = [
        option for option in command.params if isinstance(option, click.Option) and option.name not in shared
    ]
    arguments = [
        argument.make_metavar(context) for argument in command.params if isinstance(argument, click.Argument)
    ]
    usage = " ".join([context.command_path, *arguments, *(["[OPTIONS]"] if options else [])])
    help_text = "\n\n".join(
        " ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n")
    ).strip()
    listed = "\n".join(_option(option) for option in options)
    return "\n\n".join(
        part for part in (f"## {context.command_path}", f"`{usage}`", help_text, listed) if part
    )


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    value = f" `{option.metavar or option.type.name.upper()}`" if not option.is_flag else ""
    needed = " Required." if option.required else ""
    many = " May be given several times." if option.multiple else ""
    return f"- {names}{value}: {' '.join((option.help or '').split())}{needed}{many}"


def main(arguments: list[str]) -> int:
    """Writes or checks the pages."""
    made = {"cli.md": command_line, "api.md": http, "settings.md": settings, "errors.md": faults}
    pages = {REFERENCE / name: page() for name, page in made.items()}
    stale = [file for file, text in pages.items() if not file.exists() or file.read_text() != text]
    if "--check" in arguments:
        for file in stale:
            print(f"{file.name} is not what the program says; run `make docs`")
        return 1 if stale else 0
    for file in stale:
        file.write_text(pages[file])
    print(f"{len(stale)} of {len(pages)} pages written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
