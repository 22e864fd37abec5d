"""The sandbox: plain values in, nothing to call, nothing to reach."""

import os
import time
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateError as JinjaError

from senders.errors import RenderError
from senders.rendering.environment import TemplateEnvironment, contact_values, plain_value
from tests.fixtures.corpora import CORPORA, needs_corpora

SECRET = "s3cr3t-4711"
ERRORS = (JinjaError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)


def render(text: str, **values: Any) -> str:
    return TemplateEnvironment(autoescape=True).from_string(text).render(values)


def test_values_are_escaped_in_html_only() -> None:
    name = "<b>\"&'"
    assert render("{{ n }}", n=name) == "&lt;b&gt;&#34;&amp;&#39;"
    assert TemplateEnvironment(autoescape=False).from_string("{{ n }}").render(n=name) == name


def test_missing_values_are_false_but_cannot_be_printed() -> None:
    assert render("{% if c.x %}a{% else %}b{% endif %}", c={}) == "b"
    assert render("{{ c.x|default('there') }}", c={}) == "there"
    with pytest.raises(JinjaError):
        render("{{ c.x }}", c={})
    with pytest.raises(JinjaError):
        render("{{ c.x|upper }}", c={})


def test_a_field_may_have_the_name_of_a_dictionary_s_method() -> None:
    assert render("{{ c.items }}", c={"items": 3}) == "3"
    assert render("{{ c.items|default('none') }}", c={}) == "none"


def test_zero_is_not_missing() -> None:
    assert render("{{ n|default(5) }}", n=0) == "0"
    assert render("{{ n|default(5, true) }}", n=0) == "5"


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 'x'.ljust(1000000000) }}",
        "{{ 'x'|center(1000000000) }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{{ lipsum(n=100000) }}",
        "{{ cycler('a') }}",
        "{{ 'x'|attr('__class__') }}",
        "{{ c.__class__.__mro__ }}",
        "{{ ''.__class__.__subclasses__() }}",
        "{{ self._TemplateReference__context }}",
        "{{ 'a'|xmlattr }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ c.update({'a': 1}) }}",
        "{% include 'secret' %}",
        "{% import 'secret' as s %}",
        "{% extends 'secret' %}",
        "{{ slot(1, 'x') }}",
    ],
)
def test_what_authors_cannot_do(text: str) -> None:
    started = time.monotonic()
    with pytest.raises(ERRORS):
        render(text, c={"a": 1}, slot=lambda *_: SECRET)
    assert time.monotonic() - started < 2


def test_arithmetic_with_numbers_works() -> None:
    assert render("{{ 3 * 4 }} {{ 7 // 2 }} {{ 7 % 4 }}") == "12 3 3"


@needs_corpora
def test_no_payload_of_the_corpus_finds_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "MAILRAIL_PLANTED", SECRET)
    folder = CORPORA / "payloads-all-the-things" / "Server Side Template Injection"
    payloads = (folder / "Intruder" / "ssti.fuzz").read_text(encoding="utf-8").splitlines()
    payloads += [line for line in (folder / "Python.md").read_text(encoding="utf-8").splitlines() if "{" in line]
    assert len(payloads) > 60
    for payload in payloads:
        try:
            output = render(payload, contact={"first_name": "Ann"})
        except ERRORS:
            continue
        assert SECRET not in output
        for sign in ("root:x:", "uid=", "<class", "<built-in", "<function", "Popen", "<Config"):
            assert sign not in output or sign in payload or sign.replace("<", "&lt;") in payload


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("Ann", "Ann"),
        ("  Ann ", "Ann"),
        ("", None),
        (" \t", None),
        ("a\r\nb", "a b"),
        ("a\u2028b\x00\x85c", "a b c"),
        ("a\ud800b", "a b"),
        (None, None),
        (float("nan"), None),
        (0, 0),
        (False, False),
        (Decimal("1.5"), Decimal("1.5")),
        (date(2026, 1, 2), date(2026, 1, 2)),
    ],
)
def test_plain_values(value: object, plain: object) -> None:
    assert plain_value(value) == plain


@given(st.text())
def test_no_value_holds_a_line_end(text: str) -> None:
    value = plain_value(text)
    if value is not None:
        assert len(str(value).splitlines()) == 1
        str(value).encode()


def test_other_kinds_of_values_are_refused_by_name() -> None:
    with pytest.raises(RenderError, match="field tags: a value of type dict"):
        contact_values({"tags": {"a": "b"}}, ("tags",))
    for nested in ([["a"]], [{"a": ["b"]}]):
        with pytest.raises(RenderError, match="field tags: a value of type list"):
            contact_values({"tags": nested}, ("tags",))


def test_a_list_of_rows_is_as_plain_as_any_value() -> None:
    lines = [{"name": "Boots\r\nBcc: all", "note": None, "price": 1.5}, {"name": "\x00"}]
    assert contact_values({"lines": lines}, ("lines",)) == {"lines": [{"name": "Boots Bcc: all", "price": 1.5}, {}]}


def test_only_the_fields_that_are_read_are_there() -> None:
    assert contact_values({"a": "1", "b": None, "c": "3"}, ("a", "b")) == {"a": "1"}
