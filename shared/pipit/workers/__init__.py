"""Processes beside a server that compute for it, so that one interpreter lock does not keep cores idle.

    server ── Crew ──┬── here: one request computes in the server's own process
                     └── Worker ══ two lanes ══> `python -m pipit.workers`: decode ─> run ─> interpret

The server alone has ports, metrics, consents and what it remembers; a worker has networks and nothing else. It is begun
once requests meet, and ended when none have met for a while.
"""
