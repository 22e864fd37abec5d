import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration.cli.main import cli
from senders.errors import ConfigError, GuardError

ROOT = Path(__file__).resolve().parents[4]
FILES = ["defs.yaml", "subject.txt.j2", "template.mjml"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the shared templates, one segment and two sender profiles."""
    shutil.copytree(ROOT / "assets" / "templates", tmp_path / "assets" / "templates")
    segments = tmp_path / "dbt_project" / "models" / "marts" / "segments"
    segments.mkdir(parents=True)
    for name in ("seg_all_contacts", "seg_customers"):
        (segments / f"{name}.sql").write_text("select 1 as contact_id")
    write_senders(tmp_path, "shop")
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_senders(project: Path, *names: str) -> None:
    profile = (
        'from_name = "x"\nfrom_address = "x@x.example"\nbounce_domain = "x.example"\nmessage_id_domain = "x.example"\n'
    )
    text = "".join(f'[senders.{name}]\n{profile}relay = "sink"\n' for name in names)
    (project / "mailrail.toml").write_text(f'[relays.sink]\nhost = "127.0.0.1"\ntls = "none"\n{text}')


def run(*words: str, input: str | None = None):
    return CliRunner().invoke(cli, words, input=input)


def test_new_writes_a_campaign_that_is_right_and_says_what_comes_next(project):
    result = run("campaign", "new", "spring_news", "--title", "Spring news")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (project / "assets" / "campaigns" / "spring_news").iterdir()) == FILES
    lines = result.stdout.splitlines()
    assert lines[:3] == [f"assets/campaigns/spring_news/{name}" for name in FILES]
    assert "  mailrail preview spring_news --open" in lines
    assert "  mailrail template check spring_news" in lines
    checked = run("template", "check", "spring_news")
    assert checked.exit_code == 0
    assert "no problems in 2 files" in checked.stdout


def test_new_prints_one_json_document(project):
    result = run("campaign", "new", "spring_news", "--starter", "plain", "--segment", "seg_customers", "--json")
    document = json.loads(result.stdout)
    folder = project / "assets" / "campaigns" / "spring_news"
    assert document["paths"] == [str(folder / name) for name in FILES]
    assert (document["campaign"], document["starter"]) == ("spring_news", "plain")
    assert "include: [seg_customers]" in (folder / "defs.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("Spring News",), ConfigError, "such as spring_news"),
        (("spring", "--starter", "poster"), ConfigError, "newsletter, promotion, plain"),
        (("spring", "--segment", "seg_costumers"), ConfigError, "Did you mean seg_customers"),
        (("spring", "--sender", "shoop"), ConfigError, "Did you mean shop"),
        (("taken",), GuardError, "never written over"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(project, words, error, said):
    taken = project / "assets" / "campaigns" / "taken"
    taken.mkdir(parents=True)
    (taken / "template.mjml").write_text("mine")
    result = run("campaign", "new", *words)
    assert isinstance(result.exception, error)
    assert said in str(result.exception)
    assert list((project / "assets" / "campaigns").iterdir()) == [taken]
    assert (taken / "template.mjml").read_text() == "mine"


def test_several_senders_must_be_named(project):
    write_senders(project, "shop", "news")
    result = run("campaign", "new", "spring")
    assert "(news, shop); choose one with --sender" in str(result.exception)
    assert run("campaign", "new", "spring", "--sender", "news").exit_code == 0
    assert "sender: news" in (project / "assets" / "campaigns" / "spring" / "defs.yaml").read_text()


def test_without_a_sender_profile_the_remedy_is_named(project):
    write_senders(project)
    assert "add [senders.<name>]" in str(run("campaign", "new", "spring").exception)


def test_check_lists_every_problem_with_place_and_remedy(project):
    run("campaign", "new", "spring")
    path = project / "assets" / "campaigns" / "spring" / "template.mjml"
    text = path.read_text()
    assert "Hello {{ contact.first_name|default('there') }}," in text
    text = text.replace("{{ contact.first_name|default('there') }},", "{{ contact.first_name|default('') }},")
    path.write_text(text.replace("<mj-divider />", '<mj-image src="https://x.example/a.png" />'))
    line = 1 + text[: text.index("default('')")].count("\n")
    result = run("template", "check")
    assert result.exit_code == 1
    assert (
        f"assets/campaigns/spring/template.mjml:{1 + text[: text.index('<mj-divider')].count(chr(10))}:"
        in result.stdout
    )
    assert "image-alt" in result.stdout
    assert "Say what it shows" in result.stdout
    assert "1 error in 2 files" in result.stdout
    path.write_text(text)
    result = run("template", "check", str(path), "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert [file["path"] for file in document["files"]] == [
        "assets/campaigns/spring/template.mjml",
        "assets/campaigns/spring/subject.txt.j2",
    ]
    [problem] = document["files"][0]["problems"]
    assert (problem["id"], problem["severity"], problem["line"]) == ("text-gap", "warning", line)


def test_check_names_what_it_does_not_know(project):
    run("campaign", "new", "spring")
    result = run("template", "check", "sprnig")
    assert isinstance(result.exception, ConfigError)
    assert "Did you mean spring" in str(result.exception)
