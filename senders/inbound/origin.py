"""Which of our messages a returned mail speaks of, believed only where a signature of ours says so.

The envelope sender carries a keyed tag (VERP) and our links carry tokens; whoever quotes one has had the
message. A name, an address or a send id in a report proves nothing. Add a place where a signature may come
back; what is done for the message is `mailbox`'s.
"""

import re
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from senders.errors import TokenError
from senders.inbound.arf import Feedback
from senders.inbound.mime import Mail, parse_fields
from senders.tracking.tokens import Claims, Purpose, TokenReader

MAX_CANDIDATES = 50

Candidate = TypeVar("Candidate", bound=Hashable)

_RETURN_PATH = re.compile(r"(?i)(?<![\w.+-])(b\+[0-9a-z.]{3,80})@")
_LINK = re.compile(r"/([couv])/([A-Za-z0-9_-]{30,8192})")
_WORD = re.compile(r"[A-Za-z0-9_-]{30,8192}")
_PURPOSES = {"c": Purpose.CLICK, "o": Purpose.OPEN, "u": Purpose.UNSUBSCRIBE, "v": Purpose.VIEW}
# The addresses this mail itself was sent to; a To: inside an attached message is the person's own.
_SENT_TO = ("delivered-to", "x-original-to", "envelope-to", "to", "cc", "apparently-to")


def find_bounced(mail: Mail, reader: TokenReader) -> Claims | None:
    """Return the message whose signed return path this mail came to, or whose own header it returns.

    Links in a body do not count here: they travel with every forwarded copy.
    """
    sent_to = _by_return_path(mail.fields.all(*_SENT_TO), reader)
    if sent_to or not mail.original:
        return sent_to
    original = parse_fields(mail.original)
    return _by_return_path(original.all("return-path"), reader) or _by_links(original.all("list-unsubscribe"), reader)


def find_complained(mail: Mail, feedback: Feedback, reader: TokenReader) -> Claims | None:
    """Return the message a feedback report attaches: by its return path, or by a token in its links."""
    original = feedback.original
    return (
        _by_return_path([f"<{feedback.mail_from}>", *original.all("return-path", "x-envelope-from")], reader)
        or _by_links(original.all("list-unsubscribe"), reader)
        or find_bounced(mail, reader)
        # Links in a quoted-printable body are broken over lines.
        or _by_links([re.sub(r"=\r?\n", "", mail.original)], reader)
    )


def find_unsubscribed(mail: Mail, reader: TokenReader, *, subject_only: bool = False) -> Claims | None:
    """Return whom a mail to the List-Unsubscribe address takes off: a token of ours in its subject or text."""
    text = "" if subject_only else mail.text[:20_000]
    words = _WORD.findall(f"{mail.fields.get('subject')}\n{text}")
    return _first(words, lambda word: reader.read(word, Purpose.UNSUBSCRIBE))


def _by_return_path(values: list[str], reader: TokenReader) -> Claims | None:
    candidates = [local for value in values for local in _RETURN_PATH.findall(value[:10_000])]
    return _first(candidates, reader.read_return_path)


def _by_links(texts: list[str], reader: TokenReader) -> Claims | None:
    links = [link for text in texts for link in _LINK.findall(text)]
    return _first(links, lambda link: reader.read(link[1], _PURPOSES[link[0]]))


def _first(candidates: Iterable[Candidate], read: Callable[[Candidate], Claims]) -> Claims | None:
    """Return the first candidate that verifies."""
    for candidate in list(dict.fromkeys(candidates))[:MAX_CANDIDATES]:
        try:
            return read(candidate)
        except TokenError:
            continue
    return None
