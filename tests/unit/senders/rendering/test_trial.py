import pytest

from senders.rendering.samples import SAMPLES
from senders.rendering.trial import try_template


def tried(folder):
    trial = try_template(folder.campaign, folder.shared)
    assert trial.problems == tuple(dict.fromkeys(trial.problems))
    return trial


def found(folder):
    """Return id, file's name and line of what is not about the small text of the fixture's own footer."""
    return [
        (problem.id, problem.path.rpartition("/")[2], problem.line)
        for problem in tried(folder).problems
        if problem.id != "text-small"
    ]


def test_a_good_template_is_tried_on_every_sample(folder):
    folder.words("Hello {{ contact.first_name|default('you') }}")
    trial = tried(folder)
    assert found(folder) == []
    assert (trial.samples, trial.links) == (len(SAMPLES), 1)
    assert 500 < trial.html_bytes < trial.bytes
    assert [path.rpartition("/")[2] for path in trial.paths] == ["template.mjml", "footer.mjml", "subject.txt.j2"]


def test_an_empty_name_leaves_a_hole(folder):
    folder.words("Hello {{ contact.first_name|default('') }}, how are you?")
    [gap] = [problem for problem in tried(folder).problems if problem.id == "text-gap"]
    assert (gap.line, gap.severity) == (4, "warning")
    assert gap.message == "with nothing but an address it reads “Hello ,”"


def test_a_hole_in_the_subject(folder):
    folder.words("x").subject("{{ contact.first_name|default('') }}, the sale is open")
    assert found(folder) == [("text-gap", "subject.txt.j2", 1)]


def test_a_field_without_default_leaves_people_out(folder):
    folder.words("Hello {{ contact.last_name }}")
    assert found(folder) == [("field-required", "template.mjml", 4)]


def test_what_fails_for_a_sample_is_an_error_at_its_line(folder):
    folder.words("x\n{{ contact.orders|default(0) + contact.city|default('x') }}")
    trial = tried(folder)
    [failure] = [problem for problem in trial.problems if problem.id == "sample-failed"]
    assert (failure.severity, failure.line) == ("error", 5)
    assert failure.message.startswith("with an ordinary contact: the template failed: TypeError")
    assert trial.bytes == 0


@pytest.mark.parametrize(("times", "severity"), [(75, "warning"), (110, "error")])
def test_a_mail_that_only_grows_large_when_rendered(folder, times, severity):
    # Few bytes in the template, many in the mail: a long product name, and a word for each of its letters.
    folder.words("{% for a in contact.last_product_name|default('xxxxx') %}" + "y" * times * 8 + "{% endfor %}")
    [size] = [problem for problem in tried(folder).problems if problem.id == "html-size"]
    assert size.severity == severity
    assert size.message.startswith("the rendered HTML has up to ")


def test_a_subject_that_grows_too_long(folder):
    folder.words("x").subject(
        "{{ contact.last_product_name|default('x') }} and {{ contact.last_product_name|default('') }}"
    )
    assert ("subject-long", "subject.txt.j2", 1) in found(folder)


def test_what_does_not_compile_is_still_read_for_legibility(folder):
    folder.body(
        '<mj-section><mj-column><mj-text color="#eeeeee">pale</mj-text><mj-foo></mj-foo></mj-column></mj-section>'
    )
    assert {("contrast-low", "template.mjml", 4), ("mjml-unknown-tag", "template.mjml", 4)} <= set(found(folder))
    assert tried(folder).samples == 0


def test_a_missing_file_is_a_problem_and_nothing_else_is_tried(folder):
    folder.words("x")
    (folder.campaign / "subject.txt.j2").unlink()
    trial = tried(folder)
    assert [problem.id for problem in trial.problems] == ["file"]
    assert trial.paths == ()


def test_names_from_outside_stay_text(folder):
    folder.words("{{ contact.first_name|default('x') }} {{ contact.last_product_name|default('y') }}")
    assert not [problem for problem in tried(folder).problems if problem.severity == "error"]
