"""A sign-up form as HTML, for our own page and for the pages of others: no script, no style, nothing from outside.

Every value and every word goes through ``html.escape``. Each input has a label of its own, and what is wrong with it is
said beside it and bound to it (WCAG 2.2: 1.3.1, 1.3.5, 3.3.1, 3.3.2). Add a kind of field here; what may be typed into
it belongs to `answers`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from senders.collector import answers
from senders.collector.answers import Posted
from senders.collector.captcha import SERVICES
from senders.collector.look import Look
from senders.forms import MAX_EMAIL, FieldConfig, FieldKind, FormConfig, said

# What browsers fill in by themselves (HTML 4.10.18.7.1), by the usual names of fields.
_AUTOCOMPLETE = {
    "first_name": "given-name",
    "last_name": "family-name",
    "name": "name",
    "company": "organization",
    "city": "address-level2",
    "postal_code": "postal-code",
    "country": "country-name",
    "birthday": "bday",
    "phone": "tel",
    "language": "language",
}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EMAIL_INPUT = 'type="email" inputmode="email" autocomplete="email" autocapitalize="none" spellcheck="false" required'


@dataclass(frozen=True, slots=True)
class FormView:
    """A form as one person sees it.

    ``action`` is where it is posted, '' for where it came from. ``posted`` and ``problems`` are what came back from an
    earlier try; ``stamp`` says when the page was made, '' where nobody can know.
    """

    form: FormConfig
    look: Look = field(repr=False)
    action: str = ""
    posted: Posted = field(default_factory=Posted)
    problems: Mapping[str, str] = field(default_factory=dict)
    stamp: str = ""

    def said(self, words: Mapping[str, str]) -> str:
        """Return words of the settings in the person's language, fit for HTML."""
        return escape(said(words, self.look.words.language))

    def word(self, name: str) -> str:
        """Return words of ours, fit for HTML."""
        return self.look.say(f"signup.{name}")

    def identify(self, name: str) -> str:
        """Return the id of an input; with the form's name in it, since a page may hold several forms."""
        return escape(f"mailrail-{self.form.name}-{name}")


def form_markup(view: FormView, *, with_captcha: bool = False) -> str:
    """Return the whole ``form`` element."""
    action = f' action="{escape(view.action)}"' if view.action else ""
    lines = [
        f'<form method="post"{action} accept-charset="utf-8" class="signup">',
        *email_lines(view),
        *_topic_lines(view),
    ]
    for asked in view.form.fields:
        lines += _field_lines(view, asked)
    lines += _trap_lines(view)
    lines += _hidden(answers.LANGUAGE, view.look.words.language)
    lines += [*_hidden(answers.WORDING, view.form.wording_version), *_hidden(answers.STAMP, view.stamp)]
    if with_captcha:
        lines += _captcha_lines(view)
    lines += [
        f'<p class="consent">{view.said(view.form.wording)}</p>',
        f'<p><button type="submit">{view.word("sign_up")}</button></p>',
        "</form>",
    ]
    return "\n".join(lines)


def problems_markup(view: FormView) -> str:
    """Return the list of what is wrong, each a link to its input; '' where nothing is."""
    if not view.problems:
        return ""
    labels = _labels(view)
    items = "".join(
        f'<li><a href="#{view.identify(name)}">{labels.get(name, "")}</a>: {view.word(problem)}</li>'
        for name, problem in view.problems.items()
    )
    return f'<div role="alert" class="note problems"><p>{view.word("look")}</p><ul>{items}</ul></div>'


def email_lines(view: FormView) -> list[str]:
    """Return the input of the address."""
    name = answers.EMAIL
    attributes = f'{_EMAIL_INPUT} maxlength="{MAX_EMAIL}" value="{escape(view.posted.first(name))}"'
    return _labelled(view, name, view.word("email"), f"<input {_named(view, name, name)} {attributes}>")


def _labels(view: FormView) -> dict[str, str]:
    fixed = {answers.EMAIL: "email", answers.TOPIC: "topics", answers.TRAP: "trap"}
    labels = {name: view.word(word) for name, word in fixed.items()}
    return labels | {asked.name: view.said(asked.label) for asked in view.form.fields}


def _topic_lines(view: FormView) -> list[str]:
    if not view.form.asks_topics:
        return []
    # None is chosen beforehand: a box that was ticked for somebody is no consent (CJEU C-673/17).
    chosen = view.posted.all(answers.TOPIC)
    lines = [
        f'<fieldset id="{view.identify(answers.TOPIC)}"{_described(view, answers.TOPIC)} tabindex="-1">',
        f"<legend>{view.word('topics')}</legend>",
    ]
    for topic in view.form.topics:
        checked = " checked" if topic in chosen else ""
        box = f'<input type="checkbox" name="{answers.TOPIC}" value="{escape(topic)}"{checked}>'
        lines.append(f'<label class="option">{box} <span>{escape(view.look.topic(topic))}</span></label>')
    return [*lines, *_problem_lines(view, answers.TOPIC), "</fieldset>"]


def _field_lines(view: FormView, asked: FieldConfig) -> list[str]:
    label = view.said(asked.label)
    if not asked.is_required:
        label += f' <span class="soft">({view.word("optional")})</span>'
    return _labelled(view, asked.name, label, _input(view, asked))


def _input(view: FormView, asked: FieldConfig) -> str:
    name = answers.FIELD + asked.name
    value = view.posted.first(name)
    if asked.kind is FieldKind.DATE and not _DATE.fullmatch(value):
        value = ""  # such an input shows nothing else, and browsers complain
    required = " required" if asked.is_required else ""
    begin = _named(view, name, asked.name)
    if asked.kind in {FieldKind.CHOICE, FieldKind.YES_NO}:
        choices = [("yes", view.word("yes")), ("no", view.word("no"))]
        if asked.kind is FieldKind.CHOICE:
            choices = [(choice, view.said(title)) for choice, title in asked.choices.items()]
        return f"<select {begin}{required}>{_options(view, choices, value)}</select>"
    kind = {FieldKind.DATE: 'type="date"', FieldKind.NUMBER: 'type="text" inputmode="decimal"'}.get(
        asked.kind, f'type="text" maxlength="{asked.most}"'
    )
    complete = f' autocomplete="{_AUTOCOMPLETE[asked.name]}"' if asked.name in _AUTOCOMPLETE else ""
    return f'<input {begin} {kind}{complete}{required} value="{escape(value)}">'


def _options(view: FormView, choices: Sequence[tuple[str, str]], value: str) -> str:
    options = [f'<option value="">{view.word("choose")}</option>']
    for choice, title in choices:
        selected = " selected" if choice == value else ""
        options.append(f'<option value="{escape(choice)}"{selected}>{title}</option>')
    return "".join(options)


def _labelled(view: FormView, name: str, label: str, control: str) -> list[str]:
    return [
        '<p class="field">',
        f'<label for="{view.identify(name)}">{label}</label>',
        control,
        *_problem_lines(view, name),
        "</p>",
    ]


def _problem_lines(view: FormView, name: str) -> list[str]:
    if name not in view.problems:
        return []
    return [f'<span class="problem" id="{view.identify(name)}-problem">{view.word(view.problems[name])}</span>']


def _named(view: FormView, name: str, key: str) -> str:
    return f'id="{view.identify(key)}" name="{escape(name)}"{_described(view, key)}'


def _described(view: FormView, key: str) -> str:
    if key not in view.problems:
        return ""
    return f' aria-invalid="true" aria-describedby="{view.identify(key)}-problem"'


def _trap_lines(view: FormView) -> list[str]:
    """Return a field that people do not see and programs fill in; hidden by HTML itself, so without styles too."""
    name = answers.TRAP
    is_hidden = " hidden" if name not in view.problems else ""
    lines = _labelled(
        view,
        name,
        view.word("trap"),
        f'<input {_named(view, name, name)} type="text" autocomplete="off" tabindex="-1">',
    )
    return [f"<div{is_hidden}>", *lines, "</div>"]


def _hidden(name: str, value: str) -> list[str]:
    return [f'<input type="hidden" name="{name}" value="{escape(value)}">'] if value else []


def _captcha_lines(view: FormView) -> list[str]:
    captcha = view.form.captcha
    service = SERVICES.get(captcha.hook) if captcha else None
    if captcha is None or service is None or not captcha.site_key:
        return []
    return [
        f'<script src="{escape(service.script_url)}" async defer></script>',
        f'<div class="{service.css_class}" data-sitekey="{escape(captcha.site_key)}"></div>',
        f'<noscript><p role="alert">{view.word("captcha_noscript")}</p></noscript>',
    ]
