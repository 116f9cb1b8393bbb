"""The blind relay: its own small program and database. It knows the outside of envelopes and nothing of a node.

mailboxes   the rules: classes, limits, refusals, who may ask what and when
database    mailboxes and envelopes on disk, and the relay's own record
http        the rules as HTTP
program     a process that serves it
"""
