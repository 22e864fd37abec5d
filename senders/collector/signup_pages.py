"""The pages of a sign-up: the form, the way to the mailbox, the confirmation and its end.

Add a page here; when it is shown belongs to `signup`, the frame and the words of all pages to `look` and `wording`.
What a stranger typed stands only in the inputs of a form that comes back.
"""

from collections.abc import Mapping
from html import escape

from senders.collector.form_markup import FormView, email_lines, form_markup, problems_markup
from senders.collector.look import ENVELOPE, TICK, Look
from senders.forms import FormConfig, said


def form_page(view: FormView, note: str = "") -> str:
    """Return the form; ``note`` is the name of what is said above it."""
    title = said(view.form.title, view.look.words.language)
    above = f'<p role="alert" class="note">{view.word(note)}</p>' if note else problems_markup(view)
    body = f"<h1>{escape(title)}</h1>\n{above}\n{form_markup(view, with_captcha=True)}"
    return view.look.page(title, body)


def mailbox_page(look: Look) -> str:
    """Return what everybody reads who sent a form, whatever is known of the address (T6)."""
    return _page(look, ENVELOPE, "mailbox", _told(look, "mailbox_text"), _said(look, "mailbox_none"))


def confirm_page(look: Look, title: str) -> str:
    """Return the page that asks; its button is the only thing that signs anybody up (L9)."""
    button = f'<form method="post"><button type="submit">{look.say("signup.confirm_button")}</button></form>'
    text = f"<p>{look.say('signup.confirm_text', form=title)}</p>"
    return _page(look, ENVELOPE, "confirm", text, button, f'<div class="part">{_said(look, "confirm_not_you")}</div>')


def confirmed_page(look: Look, title: str, thanks: str) -> str:
    """Return the page of a sign-up that counts: with the form's own words of thanks, else ours."""
    text = escape(thanks) if thanks else look.say("signup.confirmed_text", form=title)
    return _page(look, TICK, "confirmed", f'<p role="status">{text}</p>')


def over_page(look: Look, forms: Mapping[str, FormConfig]) -> str:
    """Return the page for a link whose time is over, and for one that never was: nobody can tell them apart."""
    links = "".join(
        f'<li><a href="{escape(look.root)}/s/{escape(name)}">{escape(said(form.title, look.words.language))}</a></li>'
        for name, form in forms.items()
    )
    again = [_said(look, "over_text"), f"<ul>{links}</ul>"] if links else []
    return _page(look, ENVELOPE, "over", _said(look, "over_none"), *again)


def away_page(look: Look) -> str:
    """Return the page for a moment in which nobody can say whether a person sent the form."""
    return _page(look, ENVELOPE, "away", f'<p role="alert">{look.say("signup.away_text")}</p>')


def link_page(view: FormView) -> str:
    """Return the page on which people ask for the link to their settings."""
    form = "\n".join(
        (
            '<form method="post" accept-charset="utf-8">',
            *email_lines(view),
            f'<input type="hidden" name="lang" value="{escape(view.look.words.language)}">',
            f'<button type="submit">{view.word("link_button")}</button>',
            "</form>",
        )
    )
    return _page(view.look, ENVELOPE, "link", _said(view.look, "link_text"), problems_markup(view), form)


def link_sent_page(look: Look) -> str:
    """Return what everybody reads who asked for the link, whether the address is known or not."""
    return _page(look, ENVELOPE, "mailbox", _told(look, "link_sent_text"), _said(look, "mailbox_none"))


def _page(look: Look, mark: str, title: str, *parts: str) -> str:
    body = "\n".join((mark, f"<h1>{look.say(f'signup.{title}')}</h1>", *filter(None, parts)))
    return look.page(look.words.say(f"signup.{title}"), body)


def _said(look: Look, name: str) -> str:
    return f"<p>{look.say(f'signup.{name}')}</p>"


def _told(look: Look, name: str) -> str:
    return f'<p role="status">{look.say(f"signup.{name}")}</p>'
