"""What every server of Pipit has in common: settings, credentials, two ports, and a process that ends when told to.

    settings ── who may call, by which ports; refused where strangers could call or listen
    credentials ─ the files that they name: certificate, tokens, trusted keys
    listener ── both ports are open, or none is; drained, then closed
    process ─── from the settings to the signal that ends it

A server brings its own servicers, its health, and the order in which its parts start and stop.
"""
