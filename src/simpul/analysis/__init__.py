"""Pure calculation over domain values: no files, no sockets, no clock, no randomness."""
