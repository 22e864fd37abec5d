"""How mails look on the terminal before they are sent: previews, findings in templates, test mails.

One function a view: plain values in, rich renderables out. Add a view here when it is about mails; what is found or
sent comes from the packages below.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from senders.rendering.lint import CLIP_BYTES

_MARKS = {"error": ("✘", "act"), "warning": ("▲", "watch")}
_OUTCOMES = {"accepted": ("✔", "good"), "refused": ("✘", "act"), "in_doubt": ("▲", "watch"), "not_sent": ("▲", "watch")}
_ID_WIDTH = 16


def preview_table(shown: Sequence[Any], *, is_sample: bool) -> Table:
    """Return rendered messages as a table."""
    table = Table(box=box.HORIZONTALS, header_style="mute", border_style="mute", pad_edge=False, show_edge=False)
    table.add_column("sample contact" if is_sample else "contact", no_wrap=True)
    table.add_column("subject")  # the only one that gives way on a narrow terminal
    for name in ("links", "KB"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in shown:
        subject = Text(item.subject, no_wrap=True, overflow="ellipsis")
        table.add_row(Text(item.who or item.masked), subject, str(item.links), f"{item.bytes / 1024:.1f}")
    return table


def checked_lines(checked: Any) -> Iterator[Text]:
    """Yield one block a file, then a line for each mail, then the counts."""
    for file in checked.files:
        yield from _file_lines(file)
    if checked.campaigns:
        yield Text()
    for mail in checked.campaigns:
        if not mail.bytes:
            yield Text.assemble((mail.name, "bold"), "  could not be rendered for any sample contact")
            continue
        yield Text.assemble(
            (mail.name, "bold"),
            f"  {mail.bytes / 1024:.1f} KB  ",
            (f"HTML {mail.html_bytes / 1000:.1f} of {CLIP_BYTES / 1000:.0f} KB", "mute"),
            f"  {mail.links} links  ",
            (f"rendered for {mail.samples} sample contacts", "mute"),
        )
    yield _counts(checked)


def _file_lines(file: Any) -> Iterator[Text]:
    if not file.problems:
        yield Text.assemble(("✔ ", "good"), file.path)
        return
    worst = "error" if any(one.severity == "error" for one in file.problems) else "warning"
    yield Text.assemble((f"{_MARKS[worst][0]} ", _MARKS[worst][1]), (file.path, "bold"))
    for one in file.problems:
        mark, style = _MARKS[one.severity]
        place = f"{one.path}:{one.line}:{one.column}" if one.line else one.path
        yield Text.assemble(f"  {place}  ", (f"{mark} {one.id:<{_ID_WIDTH}}", style), f"  {one.message}")
        if one.remedy:
            yield Text(f"      {one.remedy}", style="mute")


def _counts(checked: Any) -> Text:
    errors, warnings = checked.count("error"), checked.count("warning")
    files = f"{len(checked.files)} {'file' if len(checked.files) == 1 else 'files'}"
    if not errors and not warnings:
        return Text.assemble(("no problems", "good"), f" in {files}")
    words = [
        (f"{count} {word}{'' if count == 1 else 's'}", style)
        for count, word, style in ((errors, "error", "act"), (warnings, "warning", "watch"))
        if count
    ]
    joined = Text(", ").join(Text(word, style=style) for word, style in words)
    return Text.assemble(joined, f" in {files}")


def answers_table(done: Any) -> Table:
    """Return what the relay said to each test mail."""
    table = Table(box=None, header_style="mute", pad_edge=False)
    for name in ("", "address", "reply"):
        table.add_column(name, overflow="fold")
    for mail in done.mails:
        mark, style = _OUTCOMES[mail.outcome]
        table.add_row(Text(mark, style=style), Text(mail.address), Text(mail.reply))
    return table
