"""How a relay's certificate is checked. Add here what concerns TLS alone; when it begins stands in ``connecting``."""

import ssl
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=32)
def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return how certificates are checked: by the system's authorities, or by those of a file alone.

    Name, dates and chain are checked, and nothing below TLS 1.2 is spoken (RFC 8314, RFC 8997). One context serves all
    connections: reading the system's authorities takes tens of milliseconds.

    Raises:
        OSError: the file cannot be read, or holds no certificate (`ssl.SSLError`).
    """
    context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
