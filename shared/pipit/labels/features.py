"""Small vectors of examples, by which near-duplicates are known."""

from __future__ import annotations

LENGTH = 128
"""Numbers of a vector, float32, of unit length."""
SAME = 0.98
"""Cosine similarity from which two examples are near-duplicates."""
ALIKE = 0.9
"""Cosine similarity from which the second of two examples waits."""
