"""Shows a transactional template in each of its languages, made from the examples of its definition.

Nothing is asked for and nothing is sent. Rendering belongs to ``senders.rendering``, the page to
``assets.deliveries.preview_page``.
"""

from pathlib import Path

from assets.audiences.definition import CampaignDefinition
from assets.deliveries.drafts import Draft
from assets.deliveries.previewing import Previewed, Shown, write_shown
from assets.outbox.batch import TOPIC
from assets.outbox.checking import example_row
from assets.outbox.definition import Letter, LetterFolder, load_letter
from assets.outbox.values import example_values
from assets.warehouse.resources import Mailrail
from senders.rendering.context import SendContext
from senders.rendering.preview import preview
from senders.rendering.renderer import Renderer
from senders.tracking.addresses import mask_address
from senders.tracking.tokens import NO_SEND, send_tokens

_NOTE = "They carry the examples of defs.yaml."


def preview_letter(mailrail: Mailrail, folder: LetterFolder, write: Path | None = None) -> Previewed:
    """Render a template once for each of its languages; ``write`` is a folder for HTML, text and whole messages.

    Raises:
        ConfigError: the template cannot be used; lists every problem.
        RenderError: a message cannot be made from the examples.
    """
    letter = load_letter(folder, mailrail.streams)
    context = SendContext(
        profile=mailrail.profile(letter.definition.sender),
        tokens=send_tokens(mailrail.keyring(), NO_SEND),
        send_id=f"{letter.name}.preview",
        campaign=letter.name,
        topic=TOPIC,
        base_url=mailrail.base_url,
        sent_at=mailrail.clock.now(),
    )
    shown = [_show(letter, language, context) for language in letter.mails]
    if write is not None:
        write_shown(shown, write)
    # The page shows a title and a topic; all else of a campaign a template does not have.
    definition = CampaignDefinition.model_construct(title=letter.definition.title, topic=TOPIC)
    draft = Draft(letter.name, folder.path, definition, letter.mails[letter.definition.language], context)
    return Previewed(draft, tuple(shown), _NOTE)


def _show(letter: Letter, language: str, context: SendContext) -> Shown:
    template = letter.mails[language]
    mail = preview(Renderer(template, context), example_row(example_values(letter.definition)))
    return Shown(
        masked=mask_address(mail.recipient),
        subject=mail.subject,
        links=len(template.links),
        bytes=len(mail.raw),
        text=mail.text,
        who=f"the examples ({language})",
        mail=mail,
    )
