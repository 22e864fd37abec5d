"""The public pages as plain functions: what a person sees who unsubscribes, or follows a link that is no more.

Every word goes through `Look.say`, and what is not ours through ``html.escape``. Add a page here; when it is shown
belongs to `routes`. The preference page stands in `preference_page`.
"""

from datetime import date
from html import escape

from senders.collector.look import ENVELOPE, PAUSE, TICK, Look

PAUSE_FIELD, EVERYTHING_FIELD = "pause", "everything"


def unsubscribe_page(look: Look, topic: str) -> str:
    """Return the page that asks; its first button is all that is needed, and a pause is only an offer."""
    everything = (
        '<form method="post">\n<input type="hidden" name="road" value="page">\n'
        f'<button class="plain" name="{EVERYTHING_FIELD}" value="yes">{look.say("unsubscribe.everything")}</button>\n'
        "</form>"
    )
    return look.page(
        look.words.say("unsubscribe.title"),
        f"""{ENVELOPE}
<h1>{_about(look, "unsubscribe.question", topic)}</h1>
<p>{_about(look, "unsubscribe.promise", topic)}</p>
<form method="post">
<input type="hidden" name="road" value="page">
<button type="submit">{look.say("unsubscribe.button")}</button>
</form>
{everything if topic else ""}
<section class="part">
<h2>{look.say("unsubscribe.pause")}</h2>
<p>{look.say("unsubscribe.pause_help")}</p>
<form method="post" class="row">
{_pauses(look)}
</form>
</section>
<section class="part">
<p><a href="{_door(look)}">{look.say("unsubscribe.preferences")}</a></p>
<p>{look.say("unsubscribe.nothing")}</p>
</section>""",
    )


def unsubscribed_page(look: Look, topic: str) -> str:
    """Return the page that confirms."""
    return look.page(
        look.words.say("unsubscribed.title"),
        f"""{TICK}
<h1>{look.say("unsubscribed.title")}</h1>
<p role="status">{_about(look, "unsubscribed.done", topic)}</p>
<p>{look.say("unsubscribed.on_its_way")}</p>
<section class="part">
<p><a href="{_door(look)}">{look.say("unsubscribed.preferences")}</a></p>
</section>""",
    )


def paused_page(look: Look, until: date) -> str:
    """Return the page that confirms a pause."""
    return look.page(
        look.words.say("paused.title"),
        f"""{PAUSE}
<h1>{look.say("paused.title")}</h1>
<p role="status">{look.say("paused.done", date=look.words.date(until))}</p>
<section class="part">
<p><a href="{_door(look)}">{look.say("paused.preferences")}</a></p>
</section>""",
    )


def expired_page(look: Look) -> str:
    """Return the page for a preference link that is too old: the way to a new one by mail, and nothing else."""
    return look.page(
        look.words.say("expired.title"),
        f"""{ENVELOPE}
<h1>{look.say("expired.title")}</h1>
<p>{look.say("expired.text")}</p>
<form method="post" action="{_door(look)}">
<label class="field"><span>{look.say("expired.email")}</span>
<input type="email" name="email" autocomplete="email" required maxlength="254"></label>
<button type="submit">{look.say("expired.button")}</button>
</form>
<section class="part">
<p>{look.say("expired.unsubscribe")}</p>
</section>""",
    )


def message_page(look: Look, section: str, *, is_alert: bool = False) -> str:
    """Return a page of a headline and a text; ``section`` names them: ``not_found``, ``gone``, ``busy``."""
    role = ' role="alert"' if is_alert else ""
    return look.page(
        look.words.say(f"{section}.title"),
        f"{ENVELOPE}\n<h1>{look.say(f'{section}.title')}</h1>\n<p{role}>{look.say(f'{section}.text')}</p>",
    )


def _about(look: Look, key: str, topic: str) -> str:
    """Return words about a topic, or about all mail where there is none."""
    return look.say(key, topic=look.topic(topic)) if topic else look.say(f"{key}_all")


def _pauses(look: Look) -> str:
    return "\n".join(
        f'<button class="quiet" name="{PAUSE_FIELD}" value="{days}">'
        f"{look.say('unsubscribe.pause_days', days=days)}</button>"
        for days in look.pages.pause_days
    )


def _door(look: Look) -> str:
    """Return where a person asks for a link to the preference page: an unsubscribe token may not read choices (T6)."""
    return escape(f"{look.root}/p/")
