import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from orchestration.cli.completion import (
    complete_campaigns,
    complete_segments,
    complete_send_ids,
    complete_sends,
    complete_sources,
)
from orchestration.cli.main import cli

ONE = "news.20261103T0900Z"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    monkeypatch.setenv("MAILRAIL_HOME", str(tmp_path))
    for path in (
        "assets/campaigns/spring_sale/defs.yaml",
        "assets/campaigns/news/defs.yaml",
        "assets/sources/shop/defs.yaml",
        "dbt_project/models/marts/segments/seg_all.sql",
        "mailrail.toml",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


def values(complete, incomplete=""):
    return [item.value for item in complete(click.Context(cli), click.Argument(["x"]), incomplete)]


def test_names_come_from_the_folders(project):
    assert values(complete_campaigns) == ["news", "spring_sale"]
    assert values(complete_campaigns, "s") == ["spring_sale"]
    assert values(complete_sources) == ["shop"]
    assert values(complete_segments) == ["seg_all"]


def test_sends_come_from_the_ledger_which_is_not_made_for_it(project, make_send):
    assert values(complete_sends) == []
    assert not (project / "ledger").exists()
    make_send(5)
    assert values(complete_sends) == [ONE, "news"]
    assert values(complete_send_ids) == [ONE]


def test_what_fails_completes_nothing(project, monkeypatch):
    (project / "mailrail.toml").write_text("no = [toml")
    assert values(complete_campaigns) == []


def test_arguments_complete_through_the_command_line(project, make_send):
    make_send(5)
    shell = ShellComplete(cli, {}, "mailrail", "_MAILRAIL_COMPLETE")
    assert [item.value for item in shell.get_completions(["plan"], "sp")] == ["spring_sale"]
    assert ONE in [item.value for item in shell.get_completions(["pause"], "")]
    assert "--confirm" in [item.value for item in shell.get_completions(["cancel"], "--c")]


@pytest.mark.parametrize("shell", ["zsh", "fish", "bash"])
def test_the_script_of_a_shell(shell):
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert "_MAILRAIL_COMPLETE" in result.stdout
