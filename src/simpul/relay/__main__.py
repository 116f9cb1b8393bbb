"""`python -m simpul.relay --listen 127.0.0.1:0 --data DIR`: run a relay."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from simpul.errors import SimpulError
from simpul.relay.program import read_limits, serve


def run(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and serve until SIGTERM. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="simpul.relay", description="Run a blind relay.")
    parser.add_argument(
        "--listen", default="127.0.0.1:0", help="HOST:PORT; port 0 keeps the port it had before"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the relay's database")
    parser.add_argument("--url", help="the URL that readers and writers use, where a proxy stands in front")
    parser.add_argument(
        "--accounts", type=Path, help="file with the account keys that may register, one in hex a line"
    )
    parser.add_argument("--limits", type=Path, help="TOML file with what the relay allows (spec/relay.md)")
    parser.add_argument("--certificate", type=Path, help="TLS certificate chain (PEM)")
    parser.add_argument("--key", type=Path, help="TLS private key (PEM)")
    chosen = parser.parse_args(arguments)
    try:
        serve(
            chosen.listen,
            chosen.data,
            public_url=chosen.url,
            limits=read_limits(chosen.limits) if chosen.limits else None,
            accounts=chosen.accounts,
            certificate=chosen.certificate,
            key=chosen.key,
        )
    except SimpulError as error:
        sys.stdout.write(json.dumps(error.document()) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run())
