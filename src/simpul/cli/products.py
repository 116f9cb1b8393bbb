"""Products on their way out: `product new`, `preview`, `approve`, `release`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simpul.cli.frame import Actor, Call, Group, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import table
from simpul.cli.variadic import Variadic
from simpul.domain.products import Precedence

if TYPE_CHECKING:
    from simpul.services.previewing import RecipientPreview
    from simpul.services.reaching import Reach


@click.group("product", cls=Group, short_help="Make, preview, approve and release products.")
def product() -> None:
    """Make, preview, approve and release products. The drafter never approves the own product."""


@product.command("new", cls=Variadic, short_help="Draft a product from objects and narrative.")
@click.option("--title", required=True, help="What it is about, in one line.")
@click.option(
    "--purpose", required=True, help="What it may be used for; an agreement must name this purpose."
)
@click.option(
    "--precedence",
    type=click.Choice([p.value for p in Precedence], case_sensitive=False),
    required=True,
    help="How fast it must reach the desk.",
)
@click.option("--grade", required=True, metavar="B2", help="Reliability A–F of the source, credibility 1–6.")
@click.option("--handling", default="", help="A line of handling instructions for the desk.")
@click.option(
    "--object", "objects", multiple=True, metavar="ID", help="Carry the newest version of this object."
)
@click.option("--query", metavar="Q", help="Carry the newest version of all that fits.")
@click.option("--all", "everything", is_flag=True, help="Carry the newest version of everything.")
@click.option(
    "--portions", type=click.Path(path_type=Path), metavar="F.toml", help="Narrative (docs/reference)."
)
@click.option(
    "--label",
    type=click.Path(path_type=Path),
    metavar="F.toml",
    help="Label of the cover sheet; TLP:AMBER if none.",
)
@click.option("--revise", metavar="PRODUCT", help="Make the next version of this product.")
@acting(required=True)
@framed
def new(
    call: Call,
    actor: Actor,
    title: str,
    purpose: str,
    precedence: str,
    grade: str,
    handling: str,
    objects: tuple[str, ...],
    query: str | None,
    everything: bool,
    portions: Path | None,
    label: Path | None,
    revise: str | None,
) -> None:
    """Draft a product: a cover sheet, portions of narrative, and the objects it carries."""
    from simpul.services.drafting import Draft, draft

    if sum((bool(objects), query is not None, everything)) > 1:
        raise click.UsageError("choose one of --object, --query and --all")
    if not (objects or query is not None or everything or portions):
        raise click.UsageError("say what it carries: --object, --query, --all or --portions")
    with opened(call) as node:
        made = draft(
            node,
            signer(node, actor),
            Draft(
                title=title,
                purpose=purpose,
                precedence=Precedence(precedence.lower()),
                grade=grade,
                handling=handling,
                objects=objects,
                query="" if everything else query,
                portions=portions,
                label=label,
                revises=revise,
            ),
        )
    call.output.document(
        {"product": made.id, "version": made.version},
        human=lambda: [
            f"{made.id} version {made.version}: {made.objects} objects, {len(made.portions)} portions"
        ],
    )


_to = click.option("--to", "recipients", multiple=True, required=True, metavar="P", help="Recipients.")


@product.command("preview", cls=Variadic, short_help="Show exactly what each recipient would get, and why.")
@click.argument("wanted", metavar="ID")
@_to
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Write the exact bytes below DIR."
)
@framed
def preview(call: Call, wanted: str, recipients: tuple[str, ...], out: Path | None) -> None:
    """Show exactly what each recipient would get, object by object, and the clause that decided.

    With --out, DIR/<party>/<sha256> holds the exact bytes of each object and portion that would go.
    """
    from simpul.api.documents import preview as document
    from simpul.services.previewing import preview as look

    with opened(call) as node:
        previews = look(node, wanted, recipients, out)
    call.output.document({"recipients": [document(p) for p in previews]}, human=lambda: _lines(previews))


@product.command("approve", cls=Variadic, short_help="Approve a product for recipients, as a second person.")
@click.argument("wanted", metavar="ID")
@_to
@click.option(
    "--previewed",
    multiple=True,
    metavar="HASH",
    help="The `policy` of the preview that was looked at: what changed since is not approved.",
)
@acting(required=True)
@framed
def approve(
    call: Call, actor: Actor, wanted: str, recipients: tuple[str, ...], previewed: tuple[str, ...]
) -> None:
    """Approve a product for each recipient. This fixes what goes; a later change needs a new approval."""
    from simpul.api.documents import release as document
    from simpul.services.releasing import approve as sign

    with opened(call) as node:
        releases = sign(
            node,
            signer(node, actor),
            wanted,
            recipients,
            progress=call.output.counting("objects fixed"),
            previewed=previewed,
        )
    call.output.document({"approved": [document(r) for r in releases]})


@product.command("release", cls=Variadic, short_help="Release an approved product.")
@click.argument("wanted", metavar="ID")
@_to
@acting(required=True)
@framed
def release(call: Call, actor: Actor, wanted: str, recipients: tuple[str, ...]) -> None:
    """Release what was approved. It leaves at the next `sync`, or at once where `serve` runs."""
    from simpul.api.documents import release as document
    from simpul.services.releasing import release as let_go

    with opened(call) as node:
        releases = let_go(node, signer(node, actor), wanted, recipients)
    call.output.document({"released": [document(r) for r in releases]})


@product.command("list", short_help="List this node's products.")
@framed
def list_(call: Call) -> None:
    """List the newest version of each product of this node."""
    from simpul.api.documents import product as document
    from simpul.services.reading import list_products

    with opened(call) as node:
        found = list_products(node)
    call.output.document(
        [document(p) for p in found],
        human=lambda: table(
            ["product", "version", "precedence", "objects", "title"],
            [[p.id, p.version, p.precedence.value, p.objects, p.title] for p in found],
        ),
    )


@product.command("show", short_help="Show one of this node's products with its narrative.")
@click.argument("wanted", metavar="ID")
@click.option("--version", type=click.IntRange(1), metavar="N", help="This version; the newest if not said.")
@framed
def show(call: Call, wanted: str, version: int | None) -> None:
    """Show the cover sheet, every portion with its label, and what became of it at each recipient."""
    from simpul.services.reading import product_document

    with opened(call) as node:
        document = product_document(node, wanted, version)
    call.output.document(
        document,
        human=lambda: [
            f"{document['precedence'].upper()}  {document['title']}  (version {document['version']})",
            f"purpose    {document['purpose']}; grade {document['grade']}; {document['objects']} objects",
            f"label      {document['label']}",
            *(
                line
                for p in document["portions"]
                for line in ("", f"({p['portion']}) [{p['label']}]", p["text"])
            ),
            "",
            *table(
                ["recipient", "approved", "released", "whole", "admitted", "opened", "acted"],
                [
                    [
                        r["name"],
                        r["approved"],
                        r["released"],
                        r["whole"],
                        r["admitted"],
                        r["opened"],
                        r["acted"],
                    ]
                    for r in document["recipients"]
                ],
            ),
        ],
    )


def _lines(previews: list[RecipientPreview]) -> list[str]:
    lines: list[str] = []
    for preview in previews:
        counts = ", ".join(f"{n} {word}" for word, n in preview.counts.items() if n)
        lines += [f"{preview.name} ({preview.party}): {counts or 'nothing'}"]
        rows = [[r.outcome, r.clause, r.count, r.why, r.change] for r in preview.reasons]
        lines += [*table(["outcome", "clause", "objects", "why", "what would have to change"], rows), ""]
        rows = [[p.number, p.outcome.word, p.clause, p.why, p.change] for p in preview.portions]
        lines += [*table(["portion", "outcome", "clause", "why", "what would have to change"], rows), ""]
        cuts = [[o.id, ", ".join(o.cut)] for o in preview.objects if o.cut]
        lines += [*table(["object", "what would be cut from it"], cuts), ""] if cuts else []
        lines += [_reach(r) for r in preview.reach]
    return lines


def _reach(reach: Reach) -> str:
    """One line: what the recipient could do next with what it gets."""
    whom = "nobody"
    if reach.anyone:
        whom = "any party"
    elif reach.freely or reach.asking:
        whom = f"{len(reach.freely) + len(reach.asking)} parties"
    asking = ", once the originator consents" if reach.onward.startswith("consent") else ""
    return f"{reach.objects} objects (onward: {reach.onward}) could go on from there to {whom}{asking}"
