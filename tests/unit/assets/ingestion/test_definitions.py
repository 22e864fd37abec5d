from pathlib import Path

import pytest

from assets.ingestion.definitions import DefinitionError, check_definition, check_definitions, load_definition

ROOT = Path(__file__).resolve().parents[4]
GOOD = """\
type: assets.components.Source
attributes:
  kind: contacts
  location: in/contacts.csv
  columns:
    email: E-Mail
    source_key: No
  consent:
    column: News
    granted: ["yes"]
"""


@pytest.fixture
def write(tmp_path):
    def put(text, name="crm"):
        path = tmp_path / "assets" / "sources" / name / "defs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return put


def test_source_is_named_by_its_folder(write):
    definition = load_definition(write(GOOD))
    assert (definition.name, definition.kind, definition.format, definition.key_fields) == (
        "crm",
        "contacts",
        "csv",
        ("source_key",),
    )
    assert definition.used_columns == ["E-Mail", "No", "News"]


@pytest.mark.parametrize(
    ("old", "new", "line", "problem_id", "says"),
    [
        ("kind: contacts", "kind: [contacts", 4, "source/yaml", "not YAML"),
        ("kind: contacts", "kind: people", 3, "source/value", "'people'"),
        ("  location", "  lokation: x\n  location", 4, "source/unknown-key", "'lokation' is not known"),
        ("  location: in/contacts.csv\n", "", 2, "source/missing-key", "'location' is missing"),
        ("    column: News", "    colum: News", 9, "source/unknown-key", "'consent.colum'"),
        ("    email: E-Mail", "    email: [1]", 6, "source/value", "columns.email"),
        ("    email: E-Mail", "    mail: E-Mail", 2, "source/value", "'mail' is no field of contacts"),
        ("    email: E-Mail\n", "", 2, "source/value", "'email' is not mapped"),
        ('["yes"]', '["yes"]\n    denied: ["Yes "]', 8, "source/value", "both granted and denied"),
        ("  consent:", "  encoding: utf-9\n  consent:", 8, "source/value", "no encoding"),
        ("  consent:", "  owners: [me]\n  consent:", 8, "source/value", "team:<name>"),
        ("  consent:", "  max_rejected_share: 2\n  consent:", 8, "source/value", "less than or equal to 1"),
        ("  consent:", "  key: email\n  consent:", 2, "source/value", "one key"),
        ("type: assets.components.Source", "type: Source", 1, "source/type", "type is 'Source'"),
        ("attributes:", "atributes:", 2, "source/unknown-key", "'atributes'"),
        (GOOD, "- a\n- b\n", 1, "source/shape", "no mapping"),
        (GOOD, "", 1, "source/shape", "no mapping"),
    ],
)
def test_mistake_is_reported_at_its_line(write, old, new, line, problem_id, says):
    problems = check_definition(write(GOOD.replace(old, new)))
    assert (problems[0].path, problems[0].line, problems[0].id) == ("assets/sources/crm/defs.yaml", line, problem_id)
    assert says in problems[0].message
    assert problems[0].severity == "error"


def test_all_mistakes_of_a_file_are_reported_together(write):
    problems = check_definition(
        write(GOOD.replace("kind: contacts", "kind: people\n  colour: red").replace("E-Mail", "[1]"))
    )
    assert [(problem.line, problem.id) for problem in problems] == [
        (3, "source/value"), (7, "source/value"), (4, "source/unknown-key"),
    ]  # fmt: skip


def test_every_broken_file_is_reported_and_none_hides_another(write, tmp_path):
    write(GOOD, "a_good")
    write(GOOD.replace("kind: contacts", "kind: ["), "b_broken")
    write(GOOD.replace("News", "News\n    x: 1"), "c_broken")
    write(GOOD, "Not-A-Name")
    problems = check_definitions(tmp_path / "assets" / "sources")
    assert sorted(problem.path.split("/")[2] for problem in problems) == ["Not-A-Name", "b_broken", "c_broken"]


def test_unknown_column_is_reported_with_the_header_and_its_line(write, tmp_path):
    path = write(GOOD)
    assert check_definition(path, home=tmp_path) == []  # no file yet
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "contacts.csv").write_text("Number,E-Mail,Newsletter\n")
    problems = check_definition(path, home=tmp_path)
    assert [(problem.line, problem.id) for problem in problems] == [
        (7, "source/unknown-column"),
        (9, "source/unknown-column"),
    ]
    assert "'No'" in problems[0].message
    assert problems[0].remedy == "Its columns are: Number, E-Mail, Newsletter."


def test_file_that_cannot_be_read_is_reported_at_the_location(write, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "contacts.csv").write_text("")
    problem = check_definition(write(GOOD), home=tmp_path)[0]
    assert (problem.line, problem.id) == (4, "source/source-file")
    assert "is empty" in problem.message


def test_consent_words_that_yaml_takes_for_truth_values_are_words(write):
    definition = load_definition(write(GOOD.replace('["yes"]', "[true]\n    denied: [no, 0]")))
    assert definition.consent.granted == ("true",)
    assert definition.consent.denied == ("no", "0")


def test_loading_a_missing_file_says_so(tmp_path):
    with pytest.raises(DefinitionError, match="does not exist"):
        load_definition(tmp_path / "crm" / "defs.yaml")


def test_sources_of_this_project_have_no_problems():
    assert check_definitions(ROOT / "assets" / "sources") == []
