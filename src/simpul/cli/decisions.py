"""Decisions after the fact: `decision replay`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from simpul.cli.frame import Call, Group, framed
from simpul.cli.opening import opened
from simpul.cli.output import instant, table

if TYPE_CHECKING:
    from simpul.services.replaying import Replay


@click.group("decision", cls=Group, short_help="Replay decisions from the log.")
def decision() -> None:
    """Replay the decisions that releases were made by, from what is kept and from the log's openings."""


@decision.command("replay", short_help="Compute the agreement part of a decision anew.")
@click.argument("wanted", metavar="ID")
@framed
def replay(call: Call, wanted: str) -> None:
    """Compute the agreement part of a release's decision anew, as of the time of the decision.

    ID is the root of the release's manifest or the hash of one of its messages, or at least eight digits of one. Both
    ends can do it, years later, whatever became of the agreement. Exit 1 if what went was not permitted then, or if
    anything that can be checked here does not hold.
    """
    from simpul.services.replaying import replay as again

    with opened(call) as node:
        found = again(node, wanted)
    call.output.finish(found.document(), lambda: _lines(found), ok=found.ok)


_HOLDS = {True: "it opens", False: "it does NOT open", None: "it cannot be opened here"}


def _lines(found: Replay) -> Iterable[str]:
    yield f"product    {found.manifest.product} version {found.manifest.version}"
    yield f"from       {found.sender}"
    yield f"to         {found.recipient}"
    yield f"purpose    {found.manifest.purpose}"
    yield f"decided    {instant(found.decided_at)}"
    yield f"agreement  {found.agreement.hex()}" + ("" if found.agreement_here else "  (not in force here)")
    yield f"commitment {_HOLDS[found.commitment.ok]}"
    if found.leaf is None:
        yield "leaf       none is kept here"
    else:
        fits = "" if found.leaf.ok else ", and its opening does NOT lead to it"
        yield f"leaf       {found.leaf.index} of {found.leaf.size}, log root {found.leaf.root.hex()}{fits}"
    rows = [
        [e.label.hex()[:16], e.originator[:10], e.decision.outcome.word, e.decision.clause]
        for e in found.labels
    ]
    yield from table(["label", "words of", "outcome", "clause"], rows)
    yield "all that went was permitted, and everything holds" if found.ok else "this decision does NOT hold"
