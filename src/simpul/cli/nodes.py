"""Programs that stay: `serve` and `relay`."""

from __future__ import annotations

from pathlib import Path

import click

from simpul.cli.frame import Call, Command, framed
from simpul.cli.opening import opened


@click.command("serve", cls=Command, short_help="Run this node.")
@click.option(
    "--listen", metavar="HOST:PORT", help="Where the API listens; `config explain` shows the default."
)
@framed
def serve(call: Call, listen: str | None) -> None:
    """Run this node: sync, jobs, and the HTTP API. The first line on standard output says where; SIGTERM ends it."""
    from simpul.api.program import run
    from simpul.app import load_settings

    settings = load_settings(call.home)
    with opened(call) as node:
        run(node, listen or settings.http_listen, ready=call.output.line)


@click.command("relay", cls=Command, short_help="Run a blind relay.")
@click.option(
    "--listen", default="127.0.0.1:0", show_default=True, metavar="HOST:PORT", help="Where it listens."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("relay-data"),
    show_default=True,
    metavar="DIR",
    help="Its own folder.",
)
@click.option("--url", metavar="URL", help="Its public address, if not the one it listens on.")
@click.option(
    "--limits",
    type=click.Path(path_type=Path),
    metavar="F.toml",
    help="What it allows: sizes, quotas and days (spec/relay.md).",
)
@click.option(
    "--accounts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Account keys that may register mailboxes, one in hex a line; without it anyone may.",
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TLS certificate chain (PEM); with it the relay speaks TLS itself.",
)
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="FILE", help="Private key of the certificate (PEM)."
)
@click.option("--records", is_flag=True, help="Print what it has recorded (tags and lengths), and end.")
@framed
def relay(
    call: Call,
    listen: str,
    data: Path,
    url: str | None,
    limits: Path | None,
    accounts: Path | None,
    certificate: Path | None,
    key: Path | None,
    records: bool,
) -> None:
    """Run a relay: it keeps sealed envelopes until they are fetched, and can read none of them."""
    if records:
        from simpul.relay.database import records as recorded

        rows = recorded(data)
        call.output.document([{"tag": r.tag.hex(), "bytes": r.bytes} for r in rows])
        return
    from simpul.relay.program import read_limits
    from simpul.relay.program import serve as run_relay

    run_relay(
        listen,
        data,
        public_url=url,
        limits=read_limits(limits) if limits else None,
        accounts=accounts,
        certificate=certificate,
        key=key,
    )
