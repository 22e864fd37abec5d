"""The manners of every command: names, near names, one line per error, quiet, exit codes."""

import subprocess
import sys
from importlib import import_module

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from orchestration.cli import console
from orchestration.cli import main as entry
from orchestration.cli.main import COMMANDS, PURPOSES, cli


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestration.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_without_a_command_the_list_is_shown_by_purpose():
    result = CliRunner().invoke(cli, [])
    assert result.exit_code == 0
    places = [
        result.stdout.index(f"\n{purpose}:") for purpose in ("Getting started", "Campaigns", "Results", "Services")
    ]
    assert places == sorted(places)
    assert all(f"  {name} " in result.stdout for name in COMMANDS)


def test_every_command_has_a_purpose_and_loads():
    named = {name for names in PURPOSES.values() for name in names}
    assert set(COMMANDS) <= named
    for module, _, attribute in (target.partition(":") for target, _ in COMMANDS.values()):
        assert isinstance(getattr(import_module(module), attribute), click.Command)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stauts",), "mailrail: No such command 'stauts'. Did you mean 'status'? See: mailrail --help"),
        (
            ("status", "--jsn"),
            "mailrail: status: No such option '--jsn'. Did you mean '--json'? See: mailrail status -",
        ),
        (("plan",), "mailrail: plan: Missing argument 'CAMPAIGN'. See: mailrail plan --help"),
        (("source", "laod"), "mailrail: source: No such command 'laod'. Did you mean 'load'? See: mailrail source"),
        (("send", "x", "--confirm", "all"), "mailrail: send: Invalid value for '--confirm': 'all' is not a valid"),
    ],
)
def test_wrong_words_are_answered_on_one_line_with_the_near_ones(words, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mailrail", *words])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert shown.startswith(said)
    assert shown.count("\n") == 1


def test_quiet_silences_notes_and_not_results(monkeypatch, tmp_path):
    monkeypatch.setattr(console.err, "quiet", False)
    monkeypatch.setenv("MAILRAIL_HOME", str(tmp_path))
    result = CliRunner().invoke(cli, ["status", "--quiet"])
    assert (result.exit_code, "no send yet" in result.stdout) == (0, True)
    assert console.err.quiet
    console.err.quiet = False
    assert CliRunner().invoke(cli, ["-q", "status"]).exit_code == 0
    assert console.err.quiet


def test_every_command_and_those_below_understand_quiet():
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        below = [command, *getattr(command, "commands", {}).values()]
        assert all(sum("--quiet" in param.opts for param in one.params) == 1 for one in below), name


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (KeyboardInterrupt(), "mailrail: interrupted; nothing is half done"),
        (
            KeyboardInterrupt("interrupted; to go on: mailrail resume X"),
            "mailrail: interrupted; to go on: mailrail res",
        ),
    ],
)
def test_ctrl_c_says_how_to_go_on(cause, said, monkeypatch, capsys):
    def interrupted(**_: object) -> None:
        raise click.exceptions.Abort from cause

    monkeypatch.setattr(entry, "cli", interrupted)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err.startswith(said)


def test_the_version_and_plain_lines_without_a_terminal(tmp_path):
    done = run("--version")
    assert (done.returncode, done.stdout.startswith("mailrail, version ")) == (0, True)
    assert "\x1b" not in done.stdout


def test_names_complete_without_importing_a_command(monkeypatch):
    before = set(sys.modules)
    found = BashComplete(cli, {}, "mailrail", "_MAILRAIL_COMPLETE").get_completions([], "pa")
    assert [item.value for item in found] == ["pause"]
    assert not {name for name in set(sys.modules) - before if name.startswith("orchestration.cli.")}
