"""Nouns and rules: no files, no sockets, no clock, no randomness. Imports `errors` only."""
