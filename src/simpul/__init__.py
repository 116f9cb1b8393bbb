"""Simpul: nations exchange intelligence, sealed end to end, on each nation's own terms."""

__version__ = "0.1.0"
