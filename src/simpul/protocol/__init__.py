"""Our own wire bytes: pure functions from values to bytes and back (spec/).

    versions       suites and protocol versions as frozen records
    canonical      canonical JSON, and the base of every struct that is sent
    keys           signing pairs, prekeys, log keys, passphrase-sealed user keys
    documents      what a third party may have to check: signed bytes
    cards          a party's public record, signed by its root
    mailboxes      mailbox tags and what is signed towards a relay
    packages       key packages: the next epochs' prekeys and mailboxes
    labels         labels as canonical bytes
    agreements     agreements as canonical bytes
    manifest       the tree over a release's renditions, and proofs for a range of it
    payloads       the fixed schemas of procedure messages
    message        what one party tells another, and the table of kinds
    release        one part of a release: index, manifest, frames
    envelope       a message sealed for one recipient
    receipts       receipts, and which numbers of a stream were received

No clock, no files, no sockets. Randomness comes in as arguments, except inside the library's own sealing and
signing. Hashes are `bytes` here and lower-case hex in JSON.
"""
