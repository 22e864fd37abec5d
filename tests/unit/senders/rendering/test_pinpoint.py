import pytest

from senders.rendering.pinpoint import place_of_failure, place_of_field
from senders.rendering.source import Source

SUBJECT = Source.read("subject", "News")
ROW = {"orders": 3, "city": "Bonn"}


def template(text: str) -> Source:
    return Source.read("template", text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{{ contact.city|default('x') }}\n{{ contact.city }}", 2),
        ("{% if contact.city %}\n{{ contact['city'] }}{% endif %}", 2),
        ("\n{% if contact.city %}x{% endif %}", 2),
        ("{{ contact.cityname }}\n{{ contact.city }}", 2),
        ("nothing", 1),
    ],
)
def test_a_field_is_shown_where_it_has_no_default(text, line):
    place = place_of_field((SUBJECT, template(text)), "city")
    assert (place.path, place.line) == ("template", line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{{ contact.city }}\n{{ contact.orders + contact.city }}", 2),
        ("\n\n{% if contact.city > 3 %}x{% endif %}", 3),
        ("{% for a in contact.city %}\n{{ a }}{% endfor %}\n{{ contact.orders / 0 }}", 3),
        ("\n{{ contact.unknown }}", 1),
        ("fine", 1),
    ],
)
def test_a_failure_is_shown_at_the_piece_that_fails_by_itself(text, line):
    place = place_of_failure((SUBJECT, template(text)), ROW, ("city", "orders"))
    assert (place.path, place.line) == ("template", line)


def test_a_row_that_cannot_be_shown_has_no_line():
    assert place_of_failure((SUBJECT, template("{{ contact.city }}")), {"city": []}, ("city",)).line == 1
