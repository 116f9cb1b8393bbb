"""Foreign bytes to domain values and back, one file a format. Imports `errors` and `domain` only."""
