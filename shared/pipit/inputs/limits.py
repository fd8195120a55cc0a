"""How large one input may be: the same for whoever sends it, for the server that takes it, and in what both say."""

LARGEST_FILE = 16 << 20
"""Bytes of a file that is sent whole, a recording or a picture. Longer recordings go as a stream."""
ROOM = 64 << 10
"""Bytes of a request besides its input."""


def limit_of(size: int) -> str:
    """As messages write a limit: in MiB where it is a whole number of them."""
    return f"{size >> 20} MiB" if size and size % (1 << 20) == 0 else str(size)
