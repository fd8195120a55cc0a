"""Text with gaps, and the heading of what a program has written."""

from __future__ import annotations

HEADING = "Written by `make domains` from services/*/domain.toml; don't change it here."


def fill(template: str, **values: object) -> str:
    """Puts values in: @name@ is a gap, for YAML and compose have their own uses for braces and dollars."""
    for name, value in values.items():
        template = template.replace(f"@{name}@", str(value))
    return template
