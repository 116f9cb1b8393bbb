"""One file a use. Services are short lists of calls inside one transaction; they know ports, never their makers."""
