"""Looking at what is here: `show`, `export`, `search`, `receipts`, `status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simpul.cli.frame import Call, Command, framed
from simpul.cli.opening import opened
from simpul.cli.output import instant, table

if TYPE_CHECKING:
    from simpul.services.reading import Shown
    from simpul.services.seeing import Asker


def _seen_by(command: Any) -> Any:
    """The two options by which an officer looks at the store as a party would be allowed to see it."""
    purpose = click.option("--purpose", metavar="X", help="With --for: for this purpose.")
    party = click.option(
        "--for", "party", metavar="P", help="Only what this party may see, as it may see it."
    )
    return party(purpose(command))


@click.command("show", cls=Command, short_help="Show one object.")
@click.argument("wanted", metavar="ID")
@click.option("--modified", metavar="T", help="This version only.")
@click.option("--from", "originator", metavar="P", help="This originator's only.")
@click.option("--raw", is_flag=True, help="Write the stored bytes and nothing else.")
@click.option("--original", is_flag=True, help="Write the bytes that it was converted from and nothing else.")
@_seen_by
@framed
def show(
    call: Call,
    wanted: str,
    modified: str | None,
    originator: str | None,
    raw: bool,
    original: bool,
    party: str | None,
    purpose: str | None,
) -> None:
    """Show every stored version and rendition of an object, with label and reasons; or its exact bytes with --raw.

    What came as STIX 2.0 is stored as STIX 2.1 with the original kept beside it: --original writes that.
    Where several fit, --raw and --original list the candidates and fail: narrow with --modified and --from.
    With --for it is shown as that party would get it; what it may not see is not there.
    """
    from simpul.services.reading import find, original_bytes, raw_bytes

    if raw and original:
        raise click.UsageError("--raw and --original are two different bytes: ask for one")
    if original and party is not None:
        raise click.UsageError("the bytes that an object was converted from go to nobody: leave out --for")
    asker = _asker(party, purpose)
    with opened(call) as node:
        if original:
            call.output.raw(original_bytes(node, wanted, modified=modified, originator=originator))
            return
        if raw:
            call.output.raw(raw_bytes(node, wanted, modified=modified, originator=originator, asker=asker))
            return
        found = find(node, wanted, modified=modified, originator=originator, asker=asker)
    call.output.document(
        [_document(s) for s in found], human=lambda: [line for s in found for line in _lines(s)]
    )


@click.command("export", cls=Command, short_help="Write a bundle of the stored bytes.")
@click.option("--query", metavar="Q", help="Only what fits.")
@click.option("--latest", is_flag=True, help="Only the newest version of each object.")
@click.option(
    "--labels", is_flag=True, help="Put each object's label into its markings: no longer the stored bytes."
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The bundle to write."
)
@_seen_by
@framed
def export(
    call: Call,
    query: str | None,
    latest: bool,
    labels: bool,
    out: Path,
    party: str | None,
    purpose: str | None,
) -> None:
    """Write a STIX bundle whose objects are the stored bytes: every version and rendition, unless --latest.

    What its originator forbids to leave this node is left out and counted by clause. Whom to name for the rest stands
    in FILE.attribution.txt or, with --labels, in the markings. With --for the bundle holds what one release of all
    that fits would carry to that party, in the very bytes.
    """
    from simpul.services.exporting import export_bundle

    with opened(call) as node:
        made = export_bundle(
            node, out, query=query, latest=latest, labels=labels, asker=_asker(party, purpose)
        )
    call.output.document(
        {"objects": made.objects, "out": out, "withheld": made.withheld, "attribution": made.notice},
        human=lambda: [
            f"objects  {made.objects}",
            f"out      {out}",
            *(f"withheld {row.count} by {row.clause}" for row in made.withheld),
            *([f"naming   {made.notice}"] if made.notice else []),
        ],
    )


@click.command("search", cls=Command, short_help="Find objects and portions by words and values.")
@click.argument("query", metavar="Q", nargs=-1, required=True)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many."
)
@click.option("--after", metavar="CURSOR", help="Go on from an earlier answer's `next`.")
@_seen_by
@framed
def search(
    call: Call,
    query: tuple[str, ...],
    limit: int,
    after: str | None,
    party: str | None,
    purpose: str | None,
) -> None:
    """Find objects. Q is words and `type: id: value: from: since:` terms; all must hold.

    For example: type:indicator value:203.0.113.0/24 from:arunika since:30d

    With --for, words and values count only where that party may see them.
    """
    from simpul.services.reading import search as look

    with opened(call) as node:
        found, following, total = look(
            node, " ".join(query), limit=limit, after=after, asker=_asker(party, purpose)
        )
    call.output.document(
        {"objects": [_document(s) for s in found], "total": total, "next": following},
        human=lambda: [
            *table(
                ["type", "id", "modified", "from", "name"],
                [[s.type, s.id, s.modified or "", s.originator_name, s.title] for s in found],
            ),
            f"{len(found)} of {total}",
        ],
    )


@click.command("receipts", cls=Command, short_help="List the signed receipts of partners.")
@framed
def receipts(call: Call) -> None:
    """List the signed receipts of partners on what this node sent, each verified anew. Exit 1 if one does not hold."""
    from simpul.services.reading import verify_receipts

    with opened(call) as node:
        rows = verify_receipts(node)
    verified = sum(1 for row in rows if row.verified)
    call.output.finish(
        {
            "total": len(rows),
            "verified": verified,
            "receipts": [
                {
                    "from": r.sender,
                    "message": r.message.hex(),
                    "outcome": r.outcome,
                    "counts": r.counts,
                    "at": instant(r.at),
                    "verified": r.verified,
                }
                for r in rows
            ],
        },
        human=lambda: [
            *table(
                ["from", "message", "outcome", "at", "verified"],
                [[r.sender_name, r.message.hex()[:16], r.outcome, instant(r.at), r.verified] for r in rows],
            ),
            f"{verified} of {len(rows)} verified",
        ],
        ok=verified == len(rows),
    )


@click.command("status", cls=Command, short_help="Say how this node is, and what waits.")
@framed
def status(call: Call) -> None:
    """Say who this node is, what it holds, what was sent, received, refused and withheld, and what waits."""
    from simpul.services.reading import node_status

    with opened(call) as node:
        document = node_status(node)
    call.output.document(document)


def _asker(party: str | None, purpose: str | None) -> Asker:
    from simpul.services.seeing import Asker

    if purpose is not None and party is None:
        raise click.UsageError("--purpose goes with --for")
    return Asker(party=party, purpose=purpose)


def _document(shown: Shown) -> dict[str, Any]:
    return {
        "id": shown.id,
        "type": shown.type,
        "modified": shown.modified,
        "from": shown.originator,
        "source": shown.source,
        "sha256": shown.sha256.hex(),
        "arrived": instant(shown.arrived),
        "revoked": shown.revoked,
        "label": list(shown.label),
        "handle_as": [one.document() for one in shown.handle_as],
        "title": shown.title,
        "converted": shown.converted,
    }


def _lines(shown: Shown) -> list[str]:
    return [
        f"{shown.id}  {shown.title}",
        f"  version    {shown.modified or 'none'}{' (revoked)' if shown.revoked else ''}",
        f"  from       {shown.originator_name} {shown.originator}",
        f"  arrived    {instant(shown.arrived)} from {shown.source_name}",
        f"  rendition  {shown.sha256.hex()}",
        *(f"  label      {line}" for line in shown.label),
        *(f"  handle as  {each.words}" for each in shown.handle_as),
        *_conversion(shown),
    ]


def _conversion(shown: Shown) -> list[str]:
    if shown.converted is None:
        return []
    made = shown.converted
    before, count = _FORMATS.get(made.format, made.format), len(made.losses)
    return [
        f"  converted from {before}, {count} {'loss' if count == 1 else 'losses'} ({made.made_by})",
        *(f"    lost     {each['path']}: {each['lost']}" for each in made.losses),
    ]


_FORMATS = {"stix-2.0": "STIX 2.0"}
