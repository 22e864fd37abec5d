import tomllib

import pytest
from ruamel.yaml import YAML

from orchestration.scaffold.projects import CODE_ROOT, Company, project_files, write_project
from orchestration.settings import load_settings
from senders.errors import ConfigError, GuardError

COMPANY = Company.of('Müller & "Söhne" $1', None)


def test_a_company_without_an_address_gets_a_domain_that_nobody_owns():
    assert COMPANY.from_address == "hello@news.muller-sohne-1.example"
    assert Company.of("漢字", None).from_address == "hello@news.company.example"
    assert Company.of("Acme", "Hello@News.Acme.Example").domain == "news.acme.example"


@pytest.mark.parametrize(("name", "address"), [("  ", None), ("Acme", "hello"), ("Acme", "a b@acme.example")])
def test_what_cannot_be_a_company_is_refused(name, address):
    with pytest.raises(ConfigError):
        Company.of(name, address)


def test_settings_are_filled_in_and_read(tmp_path, monkeypatch):
    folder = tmp_path / "Büro 1"
    write_project(folder, COMPANY)
    monkeypatch.chdir(folder)
    settings = load_settings()
    assert (settings.project, settings.home) == (folder, folder / ".mailrail")
    profile = settings.profiles["main"]
    assert (profile.from_name, profile.from_address) == (COMPANY.name, COMPANY.from_address)
    assert [relay.is_loopback for relay in settings.relay_configs().values()] == [True]


def test_examples_in_the_settings_are_right_once_they_are_taken_in(tmp_path, monkeypatch):
    lines = project_files(COMPANY)["mailrail.toml"].decode().splitlines()
    examples = [line.removeprefix("# ") for line in lines if line.startswith(("# [", "# recipient", "# seed"))]
    assert len(examples) == 6
    taken_in = "\n".join(line[2:] if line.startswith("# ") and ("=" in line or "[" in line) else line for line in lines)
    assert {"main", "sink"} == set(tomllib.loads(taken_in)["relays"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mailrail.toml").write_text(taken_in, encoding="utf-8")
    assert load_settings().relays["main"].tls == "starttls"


def test_nothing_of_the_sample_shop_is_left():
    files = project_files(COMPANY)
    for word in ("Northfell", "northfell", "NF-0042", "featured", "shop.example", "sample shop"):
        assert [name for name, content in files.items() if word in content.decode()] == []


def test_templates_carry_the_companys_words():
    brand = YAML(typ="safe").load(project_files(COMPANY)["assets/templates/brand.yaml"])
    ours = YAML(typ="safe").load((CODE_ROOT / "assets/templates/brand.yaml").read_text(encoding="utf-8"))
    assert brand.keys() == ours.keys()
    assert (brand["name"], brand["support_email"]) == (COMPANY.name, COMPANY.from_address)
    assert brand["accent"] == ours["accent"]


def test_no_file_is_ever_overwritten_and_nothing_is_written_beside_it(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(GuardError, match=r"holds README\.md already"):
        write_project(tmp_path, COMPANY)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_folder_with_other_files_takes_a_project(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    made = write_project(tmp_path, COMPANY)
    assert tmp_path / "mailrail.toml" in made
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(GuardError):
        write_project(tmp_path, COMPANY)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "p").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        write_project(tmp_path / "p", COMPANY)


def test_what_fails_half_way_leaves_nothing(tmp_path):
    (tmp_path / "dbt_project").write_text("in the way")
    with pytest.raises(OSError, match="dbt_project"):
        write_project(tmp_path, COMPANY)
    assert [path.name for path in tmp_path.iterdir()] == ["dbt_project"]
