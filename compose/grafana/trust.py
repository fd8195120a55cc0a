"""Whether what runs and who calls can be trusted."""

from __future__ import annotations

from panels import graph, query


def trust() -> list[object]:
    """A row: signatures, certificates, tokens, and the log of what was done."""
    return [
        graph(
            "Versions that nobody trusted signed",
            "By server and task, as after their key was revoked. They answer until the next start.",
            "none",
            [query("max by (instance, task) (pipit_model_untrusted)", "{{instance}} {{task}}")],
            width=6,
        ),
        graph(
            "Certificates hold for",
            "Dashed: an alert begins two weeks before the end. 0 without TLS.",
            "s",
            [
                query(
                    "(pipit_certificate_expires_timestamp_seconds > 0) - time()"
                    " or pipit_certificate_expires_timestamp_seconds",
                    "{{instance}}",
                )
            ],
            width=6,
            limit=14 * 86400,
        ),
        graph(
            "Broken certificates and tokens",
            "New files that can't be used, so that those of before go on.",
            "none",
            [query("pipit_credentials_stale", "{{instance}} {{file}}")],
            width=6,
        ),
        graph(
            "Actions without an end in the audit log",
            "Since the start of each copy. The store failed between an action and its record.",
            "none",
            [query("pipit_registry_audit_lost_total", "{{instance}}")],
            width=6,
        ),
    ]
