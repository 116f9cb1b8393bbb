"""Labels in other people's forms: `label export` and `label import`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simpul.cli.frame import Call, Group, framed

if TYPE_CHECKING:
    from simpul.domain.objects import Loss

STANAG, IEP = "stanag-4774", "iep"


@click.group("label", cls=Group, short_help="Export and import labels in other forms.")
def label() -> None:
    """Export and import labels in other forms. What a form cannot say is listed, never silently dropped."""


@label.command("export", short_help="Write a label file in another form.")
@click.argument("file", metavar="FILE.toml", type=click.Path(path_type=Path))
@click.option("--as", "form", required=True, type=click.Choice([STANAG, IEP]), help="The form to write.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it here.")
@click.option("--scheme", metavar="S", help="Of a label of several schemes: the one to write (stanag-4774).")
@click.option("--originator", metavar="NAME", default="", help="Whose label it is (stanag-4774).")
@click.option("--name", metavar="TEXT", default="", help="What the policy is called (iep). [the file's name]")
@click.option("--at", metavar="TIME", help="When the label was given. [now]")
@framed
def export(
    call: Call,
    file: Path,
    form: str,
    out: Path | None,
    scheme: str | None,
    originator: str,
    name: str,
    at: str | None,
) -> None:
    """Write a label file (docs/reference/label.md) as a STANAG 4774 confidentiality label or a FIRST IEP 2.0 policy.

    Without --out it goes to standard output, and what it does not say to standard error. It needs no home: parties keep
    the names that the file gives them.
    """
    from simpul.formats import iep, stanag4774
    from simpul.formats.terms import read_label
    from simpul.services.small_files import read_small
    from simpul.services.times import microseconds

    marked = read_label(read_small(file), party=str, input=str(file))
    moment = time.time_ns() // 1000 if at is None else microseconds(at, input="--at")
    if form == IEP:
        written = iep.write_policy(marked, name=name or file.stem, start=moment)
        data, losses = iep.encode_policy(written.policy), written.losses
    else:
        made = stanag4774.export_label(marked, originator=originator, created=moment, scheme=scheme)
        data, losses = made.xml, made.losses
    _deliver(call, data, losses, out, {"as": form})


@label.command("import", short_help="Read a FIRST IEP 2.0 policy as a label file.")
@click.argument("file", metavar="FILE.json", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the label file here.")
@framed
def import_(call: Call, file: Path, out: Path | None) -> None:
    """Read a FIRST IEP 2.0 policy as a label file (TOML).

    A policy names no recipients, purposes or onward rule: the label permits nothing until its owner adds them. What of
    the policy has no place in a label is listed.
    """
    from simpul.formats import iep
    from simpul.formats.terms import write_label
    from simpul.services.small_files import read_small

    found = iep.read_policy(read_small(file), input=str(file))
    _deliver(call, write_label(found.label).encode(), found.losses, out, {"as": "label"})


def _deliver(call: Call, data: bytes, losses: Sequence[Loss], out: Path | None, head: dict[str, Any]) -> None:
    """The result in a file or on standard output; with --json as one document that holds it."""
    if out is not None:
        out.write_bytes(data)
    if call.json or out is not None:
        call.output.document(
            {
                **head,
                "out": out,
                "text": None if out is not None else data.decode(),
                "losses": [{"path": loss.path, "lost": loss.lost} for loss in losses],
            },
            lambda: _lines(losses, out),
        )
        return
    for line in _lines(losses, None):
        call.output.note(line)
    call.output.raw(data)


def _lines(losses: Sequence[Loss], out: Path | None) -> Iterable[str]:
    if out is not None:
        yield f"written to {out}"
    yield from (f"lost: {loss.path}: {loss.lost}" for loss in losses)
