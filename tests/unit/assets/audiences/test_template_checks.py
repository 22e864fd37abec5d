import shutil
from pathlib import Path

import pytest

from assets.audiences.template_checks import Checked, check_templates
from senders.errors import ConfigError

BRAND = "name: The Shop\npostal_address: Road 1, Bonn\nhome_url: https://shop.example\n"
FOOTER = """<mj-section><mj-column><mj-text font-size="16px">
{{ brand.postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text></mj-column></mj-section>
"""
TEMPLATE = """<mjml lang="en"><mj-head><mj-title>News</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text font-size="16px">Hello {{ contact.first_name|default('you') }}</mj-text></mj-column></mj-section>
<mj-include path="partials/footer.mjml" /></mj-body></mjml>
"""
PALE = '<mj-text font-size="16px" color="#dddddd">pale</mj-text></mj-column></mj-section>'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shared = tmp_path / "assets" / "templates"
    (shared / "partials").mkdir(parents=True)
    (shared / "brand.yaml").write_text(BRAND)
    (shared / "partials" / "footer.mjml").write_text(FOOTER)
    for name in ("one", "two"):
        folder = tmp_path / "assets" / "campaigns" / name
        folder.mkdir(parents=True)
        (folder / "template.mjml").write_text(TEMPLATE)
        (folder / "subject.txt.j2").write_text("News")
        (folder / "defs.yaml").write_text(
            "type: assets.components.Campaign\nattributes:\n  title: News\n  topic: news\n  sender: shop\n"
            "  audience:\n    include: [seg_all_contacts]\n"
        )
    return tmp_path


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def template(project: Path, name: str = "one") -> Path:
    return project / "assets" / "campaigns" / name / "template.mjml"


def found(checked: Checked) -> dict[str, list[tuple[str, int]]]:
    return {file.path: [(problem.id, problem.line) for problem in file.problems] for file in checked.files}


ONE = ["assets/campaigns/one/template.mjml", "assets/campaigns/one/subject.txt.j2"]
TWO = ["assets/campaigns/two/template.mjml", "assets/campaigns/two/subject.txt.j2"]
PARTIAL = "assets/templates/partials/footer.mjml"


def test_without_names_all_campaigns_are_checked(project):
    checked = check_templates(project)
    assert found(checked) == {path: [] for path in (*ONE, *TWO)}
    assert [(mail.name, mail.links, mail.samples >= 20) for mail in checked.campaigns] == [
        ("one", 1, True),
        ("two", 1, True),
    ]
    assert (checked.count("error"), checked.count("warning")) == (0, 0)


@pytest.mark.parametrize("name", ["one", "assets/campaigns/one", *ONE])
def test_a_campaign_is_named_in_several_ways(project, name, monkeypatch):
    monkeypatch.chdir(project)
    assert found(check_templates(project, [name])) == {path: [] for path in ONE}


def test_an_absolute_path_is_shown_from_the_project(project):
    assert list(found(check_templates(project, [str(template(project))]))) == ONE


def test_every_problem_has_its_file_and_line(project):
    spoil(template(project), "</mj-column></mj-section>", PALE)
    spoil(project / "assets/campaigns/one/subject.txt.j2", "News", "{{ contact.first_name|default('') }}, news")
    assert found(check_templates(project, ["one"])) == {ONE[0]: [("contrast-low", 2)], ONE[1]: [("text-gap", 1)]}


def test_a_field_that_no_audience_carries_is_an_error(project):
    spoil(template(project), "contact.first_name", "contact.shoe_size")
    checked = check_templates(project, ["one"])
    assert found(checked)[ONE[0]] == [("TEMPLATE-FIELD", 2)]
    assert checked.count("error") == 1


def test_a_broken_template_hides_no_other(project):
    spoil(template(project), "<mj-text", "<mj-txt")
    checked = check_templates(project)
    assert {id for id, _ in found(checked)[ONE[0]]} >= {"mjml-unknown-tag"}
    assert found(checked)[TWO[0]] == []
    assert [mail.name for mail in checked.campaigns] == ["two"]


def test_a_partial_is_checked_through_those_who_include_it(project):
    spoil(template(project), "</mj-column></mj-section>", PALE)  # a warning elsewhere is not the partial's
    spoil(project / PARTIAL, "font-size=", 'color="#cccccc" font-size=')
    assert found(check_templates(project, [str(project / PARTIAL)])) == {PARTIAL: [("contrast-low", 1)]}


def test_what_a_partial_breaks_elsewhere_is_told(project):
    spoil(project / PARTIAL, '<a href="{{ unsubscribe_url }}">Unsubscribe</a>', "")
    checked = check_templates(project, [str(project / PARTIAL)])
    assert found(checked)[ONE[0]] == [("unsubscribe-missing", 1)]
    assert found(checked)[TWO[0]] == [("unsubscribe-missing", 1)]


def test_a_partial_that_nobody_includes_is_still_read(project):
    lonely = project / "assets/templates/partials/lonely.mjml"
    lonely.write_text("<mj-text>\n<b>never closed</mj-text>")
    problems = next(iter(found(check_templates(project, [str(lonely)])).values()))
    assert ("partial-unused", 1) in problems
    assert ("mjml-unbalanced", 2) in problems


def test_the_shared_folder_stands_for_its_partials(project):
    assert list(found(check_templates(project, [str(project / "assets/templates")]))) == [PARTIAL]
    assert len(check_templates(project, [str(project / "assets/templates/brand.yaml")]).campaigns) == 2


def test_a_template_outside_uses_the_projects_brand(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    loose = elsewhere / "draft.mjml"
    loose.write_text(TEMPLATE.replace("first_name", "shoe_size"))
    assert found(check_templates(project, [str(loose)])) == {str(loose): [("TEMPLATE-FIELD", 2)]}
    shutil.copytree(template(project).parent, elsewhere / "three")
    assert list(found(check_templates(project, [str(elsewhere / "three")])).values()) == [[], []]


def test_the_same_problem_is_told_once(project):
    spoil(template(project), "</mj-column></mj-section>", PALE)
    assert found(check_templates(project, ["one", "one", str(template(project))]))[ONE[0]] == [("contrast-low", 2)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tow", "neither a file nor a campaign. Did you mean two"),
        ("assets/campaigns/one/defs.yaml", "is no template; name a template.mjml"),
        ("empty", "holds no template.mjml"),
    ],
)
def test_what_is_no_template_is_refused(project, name, words, monkeypatch):
    monkeypatch.chdir(project)
    (project / "empty").mkdir()
    with pytest.raises(ConfigError, match=words):
        check_templates(project, [name])


def test_json_is_as_the_contract_says(project):
    spoil(template(project), "</mj-column></mj-section>", PALE)
    document = check_templates(project, ["one"]).as_json()
    assert set(document) == {"files", "campaigns"}
    [problem] = document["files"][0]["problems"]
    assert list(problem) == ["line", "column", "id", "severity", "message", "remedy"]
    assert document["campaigns"][0]["campaign"] == "one"
