"""How a process that handles mail keeps its memory: blocks as large as messages stay with it.

By default the C library gives such blocks back to the kernel as soon as they are free and asks for them anew a moment
later, which costs as much as making the message. Add nothing else here.
"""

import ctypes
import sys
from contextlib import suppress

# mallopt(3)
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_TRIM_BYTES, _MMAP_BYTES = 64 * 1024**2, 32 * 1024**2


def keep_freed_memory() -> None:
    """Keep freed blocks of up to 32 MB for the next message; without effect where the C library is not GNU's."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            library = ctypes.CDLL(None)
            library.mallopt(_TRIM_THRESHOLD, _TRIM_BYTES)
            library.mallopt(_MMAP_THRESHOLD, _MMAP_BYTES)
