"""One file a revision. What a file did once is never changed afterwards."""
