"""A received message as a mail program sees it: its headers, its links, its pixel.

Reads only what came over the wire and knows nothing of how it was made. Add here what a recipient can find in a
message; what he does with it belongs to ``habits``. Hand-written, as thousands are read in a second.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlsplit

_HEADER_LINE = re.compile(rb"\r\n(?=[^ \t])")
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_HREF = re.compile(rb"""<a\b[^>]*?\bhref\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_IMAGE = re.compile(rb"""<img\b[^>]*?\bsrc\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_OURS = re.compile(r"^/([couv])/[A-Za-z0-9_.~-]+$")
_ANGLED = re.compile(r"<([^<>]+)>")
MAX_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Received:
    """What can be found in a message. All are paths on the tracking host; '' where there is none.

    ``clicks`` are the tracked links in order of appearance, ``others`` the unsubscribe and view links of the
    body, ``one_click`` the address of List-Unsubscribe where List-Unsubscribe-Post allows one click (RFC 8058).
    """

    clicks: tuple[str, ...]
    others: tuple[str, ...]
    pixel: str
    one_click: str
    head: bytes

    @property
    def unsubscribe_page(self) -> str:
        """Return the unsubscribe link that a person can click."""
        return next((path for path in self.others if path.startswith("/u/")), "")


def read_message(raw: bytes) -> Received:
    """Find in a message what a mail program would show or offer."""
    head, headers, body = _split(raw)
    html = _find_html(headers, body, 0)
    links = list(dict.fromkeys(_paths(_HREF, html)))
    pixels = [path for path in _paths(_IMAGE, html) if path.startswith("/o/")]
    return Received(
        clicks=tuple(path for path in links if path.startswith("/c/")),
        others=tuple(path for path in links if not path.startswith("/c/")),
        pixel=pixels[0] if pixels else "",
        one_click=_one_click(headers),
        head=head,
    )


def _split(raw: bytes) -> tuple[bytes, dict[str, str], bytes]:
    """Return the header block, the headers by lower-case name, and the body."""
    head, _, body = raw.partition(b"\r\n\r\n")
    headers: dict[str, str] = {}
    for line in _HEADER_LINE.split(head):
        name, _, value = line.partition(b":")
        text = value.decode("utf-8", "replace").replace("\r\n", "").strip()
        headers.setdefault(name.decode("ascii", "replace").strip().lower(), text)
    return head, headers, body


def _find_html(headers: dict[str, str], body: bytes, depth: int) -> bytes:
    """Return the decoded HTML part; empty where there is none."""
    kind = headers.get("content-type", "text/plain")
    boundary = _BOUNDARY.search(kind)
    if kind.lower().startswith("multipart/") and boundary and depth < MAX_DEPTH:
        parts = (b"\r\n" + body).split(b"\r\n--" + boundary.group(1).encode())
        found = (_find_html(*_split(part[2:])[1:], depth + 1) for part in parts[1:] if not part.startswith(b"--"))
        return next((html for html in found if html), b"")
    if not kind.lower().startswith("text/html"):
        return b""
    return _decoded(headers.get("content-transfer-encoding", "7bit").lower(), body)


def _decoded(encoding: str, body: bytes) -> bytes:
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    return base64.b64decode(body) if encoding == "base64" else body


def _paths(pattern: re.Pattern[bytes], html: bytes) -> list[str]:
    """Return the paths on the tracking host in these attributes."""
    values = (unescape(found.decode("utf-8", "replace")).strip() for found in pattern.findall(html))
    return [path for value in values if (path := _path(value))]


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path if parts.scheme in {"http", "https"} and _OURS.match(parts.path) else ""


def _one_click(headers: dict[str, str]) -> str:
    if headers.get("list-unsubscribe-post", "").replace(" ", "").lower() != "list-unsubscribe=one-click":
        return ""
    addresses = _ANGLED.findall(headers.get("list-unsubscribe", ""))
    return next((path for address in addresses if (path := _path(address))), "")
