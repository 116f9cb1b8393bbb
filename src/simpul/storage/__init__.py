"""Where a home keeps things: one encrypted SQLite file a realm, the keys beside it, the log's tiles."""
