"""`python -m simpul` is the same as `simpul`."""

from simpul.cli.main import run

run()
