import pytest

from senders.rendering.gaps import find_gaps
from senders.rendering.renderer import Rendered
from senders.rendering.source import Source


def gaps(subject=("S", "S"), text=("T", "T"), lang="en"):
    """Each pair is what was written and what was rendered."""
    sources = Source.read("subject", subject[0]), Source.read("template", f'<mjml lang="{lang}">{text[0]}')
    found = find_gaps(sources, Rendered(subject[1], "", text[1]), "an empty name")
    assert all(problem.id == "text-gap" and problem.severity == "warning" for problem in found)
    return [(problem.path, problem.column, problem.message) for problem in found]


@pytest.mark.parametrize(
    ("written", "rendered", "reads"),
    [
        ("Hello {{ contact.first_name|default('') }}, how", "Hello , how", "Hello ,"),
        ("<p>Hello\n {{ x }}\n</p>!", "Hello !", "Hello !"),
        ("Hello {% if x %}{{ x }}{% endif %}, how", "Hello , how", "Hello ,"),
        ("your size ({{ x }}) is here", "your size () is here", "()"),
        ("the “{{ x }}” is here", "the “” is here", "“”"),
    ],
)
def test_a_hole_is_found_where_the_jinja_stands(written, rendered, reads):
    [(path, column, message)] = gaps(text=(written, rendered))
    assert path == "template"
    assert message == f"with an empty name it reads “{reads}”"
    assert column - 1 == len('<mjml lang="en">') + written.index("{") or "\n" in written


def test_a_subject_that_begins_with_a_comma():
    [(path, column, _)] = gaps(subject=("{{ x|default('') }}, the sale is open", ", the sale is open"))
    assert (path, column) == ("subject", 1)


@pytest.mark.parametrize(
    ("written", "rendered"),
    [
        ("Hello {{ x }}, how", "Hello Ann, how"),
        ("Hello{% if x %} {{ x }}{% endif %}, how", "Hello, how"),
        ("written so , by hand {{ x }}", "written so , by hand Ann"),
        ("a call() of (nothing)", "a call() of (nothing)"),
        ("{{ x }} costs .50", "It costs .50"),
    ],
)
def test_what_reads_well_or_was_written_so_is_left_alone(written, rendered):
    assert gaps(text=(written, rendered)) == []


def test_french_sets_a_space_before_its_marks():
    assert gaps(text=("Bonjour {{ x }}!", "Bonjour !"), lang="fr") == []
    assert len(gaps(text=("Bonjour {{ x }}!", "Bonjour !"))) == 1
    assert len(gaps(text=("Bonjour {{ x }},", "Bonjour ,"), lang="fr-CA")) == 1
