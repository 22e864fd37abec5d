"""Packs a message that carries files: pictures beside its HTML, attachments after its text.

What is the same for all recipients, base64 above all, is made once per send. Messages without files are packed by
``mime`` alone. Which files there are belongs to ``files``.
"""

import binascii
import re
import urllib.parse
from collections.abc import Sequence

from senders.rendering.files import MailFile
from senders.rendering.mime import Part

_BASE64_BYTES = 57  # make a line of 76 characters (RFC 2045 6.8)
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._ -]")
_VALUE_MOST = 60


class Attached:
    """Packs the messages of one send."""

    def __init__(self, files: Sequence[MailFile]) -> None:
        self._files = files
        self._images = [_part(one) for one in files if one.role == "inline"]
        self._attachments = [_part(one) for one in files if one.role == "attachment"]

    def message(self, head: bytes, boundary: bytes, text: Part, html: Part) -> bytes:
        """Return the whole message: header lines, then all parts; inner boundaries begin like ``boundary``."""
        page = _textual(b"text/html", html)
        if self._images:
            page = _multipart(b'related; type="text/html"', boundary + b".r", [page, *self._images])  # RFC 2387
        whole = _multipart(b"alternative", boundary, [_textual(b"text/plain", text), page])
        if self._attachments:
            whole = _multipart(b"mixed", boundary + b".m", [whole, *self._attachments])
        return b"".join((head, b"MIME-Version: 1.0\r\n", whole, b"\r\n"))

    def shown(self, page: str) -> str:
        """Return a message's HTML with its pictures written into it, for a page that is no mail."""
        for one in self._files:
            page = page.replace(f'"cid:{one.content_id}"', f'"{one.data_url}"')
        return page


def _textual(content_type: bytes, part: Part) -> bytes:
    body, encoding = part
    return b"".join(
        (
            b"Content-Type: ", content_type, b"; charset=utf-8\r\nContent-Transfer-Encoding: ", encoding, b"\r\n\r\n",
            body,
        )
    )  # fmt: skip


def _multipart(kind: bytes, boundary: bytes, parts: Sequence[bytes]) -> bytes:
    """Return parts as one, without a line end after it."""
    pieces = [b"Content-Type: multipart/", kind, b'; boundary="', boundary, b'"\r\n']
    for part in parts:
        pieces += [b"\r\n--", boundary, b"\r\n", part]
    return b"".join([*pieces, b"\r\n--", boundary, b"--"])


def _part(file: MailFile) -> bytes:
    """Return a file as a part: its header lines, and its content in base64."""
    disposition = "inline" if file.role == "inline" else "attachment"
    lines = [
        f'Content-Type: {file.content_type};\r\n name="{_plain_name(file.name)}"',
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {disposition};\r\n {_file_name(file.name)}",
    ]
    if file.role == "inline":
        lines.append(f"Content-ID: <{file.content_id}>")
    content = file.content
    encoded = [
        binascii.b2a_base64(content[at : at + _BASE64_BYTES], newline=False)
        for at in range(0, len(content), _BASE64_BYTES)
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + b"\r\n".join(encoded)


def _plain_name(name: str) -> str:
    """Return a name for readers that know no other characters; they look at the type's ``name``."""
    return _NOT_PLAIN.sub("_", name)


def _file_name(name: str) -> str:
    """Return the parameter that carries a file's name, written as RFC 2231 has it where it must be."""
    if _plain_name(name) == name:
        return f'filename="{name}"'
    value = urllib.parse.quote(name, safe="")
    pieces: list[str] = []
    while value:
        cut = _VALUE_MOST
        # A percent sign and its digits stay together.
        cut -= next((back for back in (1, 2) if value[cut - back : cut - back + 1] == "%" and len(value) > cut), 0)
        pieces.append(value[:cut])
        value = value[cut:]
    if len(pieces) == 1:
        return f"filename*=utf-8''{pieces[0]}"
    pieces[0] = f"utf-8''{pieces[0]}"
    return ";\r\n ".join([f"filename*{number}*={piece}" for number, piece in enumerate(pieces)])
