import io
from types import SimpleNamespace

from rich.console import Console

from assets.audiences.template_checks import Checked, CheckedCampaign, CheckedFile
from orchestration.cli.console import THEME
from orchestration.cli.mail_views import checked_lines, preview_table
from senders.errors import Problem

WARNING = Problem("a/template.mjml", 3, 7, "contrast-low", "warning", "too pale [not markup]", "Darker.")
ERROR = Problem("a/template.mjml", 0, 0, "file", "error", "it is missing", "")


def shown(checked: Checked) -> list[str]:
    console = Console(width=200, record=True, file=io.StringIO(), theme=THEME)
    for line in checked_lines(checked):
        console.print(line)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_one_block_a_file_then_the_mails_then_the_counts():
    mail = CheckedCampaign("a", html_bytes=15_000, bytes=20_480, links=6, samples=24)
    files = (CheckedFile("a/template.mjml", (ERROR, WARNING)), CheckedFile("a/subject.txt.j2", ()))
    assert shown(Checked(files, (mail,))) == [
        "✘ a/template.mjml",
        "  a/template.mjml  ✘ file              it is missing",
        "  a/template.mjml:3:7  ▲ contrast-low      too pale [not markup]",
        "      Darker.",
        "✔ a/subject.txt.j2",
        "",
        "a  20.0 KB  HTML 15.0 of 100 KB  6 links  rendered for 24 sample contacts",
        "1 error, 1 warning in 2 files",
    ]


def test_nothing_wrong_is_said_too():
    assert shown(Checked((CheckedFile("a", ()),), ())) == ["✔ a", "no problems in 1 file"]


def test_a_mail_that_could_not_be_rendered_has_no_size():
    mail = CheckedCampaign("a", html_bytes=0, bytes=0, links=6, samples=24)
    assert "a  could not be rendered for any sample contact" in shown(Checked((), (mail,)))


def test_a_preview_is_a_row_a_message():
    console = Console(width=60, record=True, file=io.StringIO(), theme=THEME)
    item = SimpleNamespace(who="", masked="a•••@mail.example", subject="[Test] x " * 20, links=8, bytes=2048)
    console.print(preview_table([item], is_sample=False))
    head, _, row = console.export_text().splitlines()[:3]
    assert head.split() == ["contact", "subject", "links", "KB"]
    assert row.startswith("a•••@mail.example")
    assert row.split()[-2:] == ["8", "2.0"]
    assert "…" in row
