"""Shows one recipient's message as it would be sent, for people and for the command line.

Uses the renderer that sends, so a preview cannot differ from the mail. Add here other ways to look at a message;
choosing the row belongs to the caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from senders.errors import RenderError
from senders.message import Unrenderable
from senders.rendering.renderer import Renderer


@dataclass(frozen=True, slots=True)
class Preview:
    """One message: what is read, and the whole of it as RFC 5322 bytes (unsigned).

    ``page`` is the HTML for looking at: without the pixel, and with the links' own targets.
    """

    subject: str
    html: str
    text: str
    preheader: str
    page: str
    recipient: str
    return_path: str
    message_id: str
    raw: bytes


def preview(renderer: Renderer, row: Mapping[str, object]) -> Preview:
    """Return what a row's recipient gets.

    Raises:
        RenderError: the message cannot be made; the sentence says why.
    """
    message = renderer.build(row)
    if isinstance(message, Unrenderable):
        raise RenderError(f"row {message.seq}: {message.reason}")
    rendered = renderer.render(row)
    return Preview(
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        preheader=renderer.render_preheader(row),
        page=renderer.render_web({**row, "tracking": False}),
        recipient=message.recipient,
        return_path=message.return_path,
        message_id=message.message_id,
        raw=message.raw,
    )
