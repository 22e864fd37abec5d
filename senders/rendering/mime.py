"""A message's body: two parts, packed by hand.

The standard library's classes take ten times as long as rendering. HTML travels as 7bit with character references;
a message that cannot is quoted-printable. Add a part here with its parse-back test; headers belong to ``headers``.
"""

import binascii

MAX_BODY_LINE = 990
SEVEN_BIT = b"7bit"
QUOTED_PRINTABLE = b"quoted-printable"


def text_part(text: str) -> tuple[bytes, bytes]:
    """Return a plain text with its transfer encoding."""
    if text.isascii():
        body = text.encode("ascii")
        if _travels(body):
            return body, SEVEN_BIT
    return quote(text.encode()), QUOTED_PRINTABLE


def html_part(html: str, *, static_is_7bit: bool = True) -> tuple[bytes, bytes]:
    """Return HTML with its transfer encoding; ``static_is_7bit`` says that only values may be outside ASCII."""
    if static_is_7bit:
        body = html.encode("ascii") if html.isascii() else html.encode("ascii", "xmlcharrefreplace")
        if _travels(body):
            return body, SEVEN_BIT
        return quote(body), QUOTED_PRINTABLE
    return quote(html.encode()), QUOTED_PRINTABLE


def _travels(body: bytes) -> bool:
    """Whether relays leave this body alone: short lines, none of them a mailbox separator, no CR, no NUL."""
    if b"\r" in body or b"\0" in body or b"\nFrom " in body or body.startswith(b"From "):
        return False
    return _has_short_lines(body)


def _has_short_lines(body: bytes) -> bool:
    """Whether no line is too long: jumps from one line end to the last one that is near enough."""
    position = 0
    while len(body) - position > MAX_BODY_LINE:
        end = body.rfind(b"\n", position, position + MAX_BODY_LINE + 1)
        if end < 0:
            return False
        position = end + 1
    return True


def quote(body: bytes) -> bytes:
    """Return quoted-printable with LF; a bare CR is data and is encoded."""
    lines = binascii.b2a_qp(body.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), istext=True)
    if lines.startswith(b"From "):
        lines = b"=46" + lines[1:]
    return lines.replace(b"\nFrom ", b"\n=46rom ")


def alternative(head: bytes, boundary: bytes, text: tuple[bytes, bytes], html: tuple[bytes, bytes]) -> bytes:
    """Return the whole message: header lines, then both parts, all line ends CRLF."""
    return b"".join(
        (
            head,
            b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="', boundary, b'"\r\n\r\n--', boundary,
            b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ", text[1], b"\r\n\r\n",
            text[0].replace(b"\n", b"\r\n"), b"\r\n--", boundary,
            b"\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: ", html[1], b"\r\n\r\n",
            html[0].replace(b"\n", b"\r\n"), b"\r\n--", boundary, b"--\r\n",
        )
    )  # fmt: skip
