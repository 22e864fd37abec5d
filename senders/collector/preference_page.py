"""The preference page: what a person gets, how often, a pause, tracking, their language, and the way out.

It shows no address and no name, so that a forwarded link tells nobody who it was for. Add a part here together with
its question in `preference_form`.
"""

from html import escape

from senders.collector.look import Look
from senders.collector.preference_form import KEEP, NO, SEEN_FIELD, TOPIC_FIELD, YES, Questions
from senders.ledger.choices import FREQUENCIES


def preference_page(look: Look, questions: Questions, notice: str = "") -> str:
    """Return the page; ``notice`` is the name of the words that say what a save did, '' for a first look."""
    say = look.say
    title = look.words.say("preferences.title", brand=look.brand)
    return look.page(
        title,
        f"""<h1>{escape(title)}</h1>
<p>{say("preferences.lead")}</p>
{_notices(look, questions, notice)}
<form method="post">
{_topics(look, questions)}
{_frequency(look, questions)}
{_pause(look, questions)}
{_tracking(look, questions)}
{_language(look, questions)}
<input type="hidden" name="{SEEN_FIELD}" value="{questions.mark}">
<div class="part"><button name="action" value="save">{say("preferences.save")}</button></div>
</form>
<section class="part">
<h2>{say("preferences.leave")}</h2>
<p>{say("preferences.leave_help")}</p>
<form method="post">
<button class="quiet" name="action" value="everything">{say("preferences.leave_button")}</button>
</form>
</section>""",
        is_wide=True,
    )


def wording_of(look: Look, topic: str) -> str:
    """Return what a person reads beside the yes to a topic: the words of their consent."""
    parts = (look.topic(topic), look.description(topic))
    return ". ".join(part.rstrip(".") for part in parts if part) + f": {look.words.say('preferences.yes')}"


def _notices(look: Look, questions: Questions, notice: str) -> str:
    lines = [f'<p class="note" role="status">{look.say(f"preferences.{notice}")}</p>'] if notice else []
    if questions.is_stopped:
        lines.append(f'<p class="note">{look.say("preferences.stopped")}</p>')
    elif questions.has_left:
        lines.append(f'<p class="note">{look.say("preferences.left")}</p>')
    return "\n".join(lines)


def _topics(look: Look, questions: Questions) -> str:
    if not questions.topics:
        return ""
    rows = "\n".join(_topic(look, topic, state) for topic, state in questions.topics.items())
    return (
        f'<section class="part">\n<h2>{look.say("preferences.topics")}</h2>\n'
        f"<p>{look.say('preferences.topics_help')}</p>\n{rows}\n</section>"
    )


def _topic(look: Look, topic: str, state: str) -> str:
    description = escape(look.description(topic))
    about = f"<small>{description}</small>" if description else ""
    pills = [(YES, look.say("preferences.yes")), (NO, look.say("preferences.no"))]
    if not state:
        pills.append((KEEP, look.say("preferences.keep")))
    return (
        f'<fieldset class="topic"><legend>{escape(look.topic(topic))}{about}</legend>\n'
        f"{_pills(TOPIC_FIELD + topic, pills, state)}</fieldset>"
    )


def _frequency(look: Look, questions: Questions) -> str:
    options = "\n".join(
        '<label class="option"><input type="radio" name="frequency"'
        f' value="{name}"{_checked(name, questions.frequency)}>'
        f"<span>{look.say(f'preferences.{name}')}<small>{look.say(f'preferences.{name}_help')}</small></span></label>"
        for name in FREQUENCIES
    )
    return _part(look, "frequency", options)


def _pause(look: Look, questions: Questions) -> str:
    pills = [("none", look.say("preferences.no_pause"))]
    chosen = "none"
    if questions.pause is not None:
        chosen = "keep"
        pills.append((chosen, look.say("preferences.until", date=look.words.date(questions.pause))))
    pills += [(str(days), look.say("preferences.days", days=days)) for days in look.pages.pause_days]
    return _part(look, "pause", _pills("pause", pills, chosen))


def _tracking(look: Look, questions: Questions) -> str:
    pills = [(YES, look.say("preferences.yes")), (NO, look.say("preferences.no"))]
    if not questions.tracking:
        pills.append((KEEP, look.say("preferences.keep")))
    return _part(look, "tracking", _pills("tracking", pills, questions.tracking))


def _language(look: Look, questions: Questions) -> str:
    none = "" if questions.language else f'<option value="" selected>{look.say("preferences.language_none")}</option>'
    options = "".join(
        f'<option value="{words.language}" lang="{words.language}"'
        f"{' selected' if words.language == questions.language else ''}>{escape(words.name)}</option>"
        for words in look.languages
    )
    return (
        f'<section class="part">\n<h2><label for="language">{look.say("preferences.language")}</label></h2>\n'
        f'<p id="language-help">{look.say("preferences.language_help")}</p>\n'
        f'<select id="language" name="language" aria-describedby="language-help">{none}{options}</select>\n</section>'
    )


def _part(look: Look, name: str, controls: str) -> str:
    return (
        f'<fieldset class="part" aria-describedby="{name}-help"><legend>{look.say(f"preferences.{name}")}</legend>\n'
        f'<p id="{name}-help">{look.say(f"preferences.{name}_help")}</p>\n{controls}\n</fieldset>'
    )


def _pills(field: str, pills: list[tuple[str, str]], chosen: str) -> str:
    """Return choices side by side; the words are ready for the page."""
    name = escape(field)
    inner = "".join(
        f'<label class="{"pill" if value else "pill mild"}"><input type="radio" name="{name}" value="{value}"'
        f"{_checked(value, chosen)}>"
        f"<span>{words}</span></label>"
        for value, words in pills
    )
    return f'<div class="pills">{inner}</div>'


def _checked(value: str, chosen: str) -> str:
    return " checked" if value == chosen else ""
