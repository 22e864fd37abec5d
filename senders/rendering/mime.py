"""A message's body: two parts, packed by hand.

The standard library's classes take ten times as long as rendering. HTML travels as 7bit with character references;
a message that cannot is quoted-printable. Add a part here with its parse-back test; headers belong to ``headers``.
"""

import binascii

MAX_BODY_LINE = 990
SEVEN_BIT = b"7bit"
QUOTED_PRINTABLE = b"quoted-printable"

# A body with CRLF line ends, and its transfer encoding.
Part = tuple[bytes, bytes]


def text_part(text: str) -> Part:
    """Return a plain text as a part."""
    if text.isascii() and "\r" not in text and "\0" not in text:
        part = seven_bit(text.encode("ascii").replace(b"\n", b"\r\n"))
        if part is not None:
            return part
    return quoted_printable(text)


def seven_bit(body: bytes, *, may_say_from: bool = True) -> Part | None:
    """Return an ASCII body as a part, None where relays would not leave it alone.

    Its lines end in CRLF and it holds no other CR and no NUL. What is left to look for are long lines, and lines that
    begin with ``From ``, which a mailbox takes for the next message; not where the caller knows that there are none.
    """
    if may_say_from and (b"\nFrom " in body or body.startswith(b"From ")):
        return None
    return (body, SEVEN_BIT) if _has_short_lines(body) else None


def quoted_printable(text: str) -> Part:
    """Return a text as a part that every relay leaves alone."""
    return quote(text.encode()), QUOTED_PRINTABLE


def _has_short_lines(body: bytes) -> bool:
    """Whether no line is too long: jumps from one line end to the last one that is near enough."""
    position = 0
    while len(body) - position > MAX_BODY_LINE:
        end = body.rfind(b"\r\n", position, position + MAX_BODY_LINE + 2)
        if end < 0:
            return False
        position = end + 2
    return True


def quote(body: bytes) -> bytes:
    """Return quoted-printable; any line end is one, and becomes CRLF."""
    lines = binascii.b2a_qp(body.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), istext=True)
    if lines.startswith(b"From "):
        lines = b"=46" + lines[1:]
    return lines.replace(b"\nFrom ", b"\n=46rom ").replace(b"\n", b"\r\n")


def alternative(head: bytes, boundary: bytes, text: Part, html: Part) -> bytes:
    """Return the whole message: header lines, then both parts."""
    return b"".join(
        (
            head,
            b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="', boundary, b'"\r\n\r\n--', boundary,
            b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ", text[1], b"\r\n\r\n",
            text[0], b"\r\n--", boundary,
            b"\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: ", html[1], b"\r\n\r\n",
            html[0], b"\r\n--", boundary, b"--\r\n",
        )
    )  # fmt: skip
