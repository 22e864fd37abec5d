"""Messages with pictures and attachments, parsed back by the standard library."""

import email
import email.policy
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest

from senders.errors import TemplateError
from senders.message import Message
from senders.rendering.attached import _file_name
from senders.rendering.files import MAX_BYTES
from senders.rendering.preview import preview
from senders.rendering.renderer import Renderer
from senders.rendering.saved import load_template, save_template
from senders.rendering.specimen import render_specimen

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf50000003810180"
    "b0e9c3120000000049454e44ae426082"
)
PICTURE = '<mj-section><mj-column><mj-image src="{}" alt="A boot" width="200px" /></mj-column></mj-section>'
MakeRenderer = Callable[..., Renderer]


@pytest.fixture
def full(folder: Any) -> Any:
    """A campaign with one picture that is shown twice, and two attachments."""
    (folder.campaign / "images").mkdir()
    (folder.campaign / "images" / "boot.png").write_bytes(PNG)
    (folder.campaign / "attachments").mkdir()
    (folder.campaign / "attachments" / "terms.pdf").write_bytes(b"%PDF-1.7\r\n.\r\nFrom here" + bytes(range(256)))
    (folder.campaign / "attachments" / "Preisliste für Zürich.csv").write_bytes("a;b\nZürich;1\n".encode())
    return folder.body(PICTURE.format("images/boot.png") + PICTURE.format("cid:boot.png"))


def parsed(renderer: Renderer, row: dict[str, Any]) -> tuple[Message, EmailMessage]:
    message = renderer.build(row)
    assert isinstance(message, Message)
    found = email.message_from_bytes(message.raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert not [part.defects for part in found.walk() if part.defects]
    return message, found


def test_parts_stand_where_mail_programs_look(full: Any, make_renderer: MakeRenderer, row: dict[str, Any]) -> None:
    message, mail = parsed(make_renderer(full.compile()), row)
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "text/csv",
        "application/pdf",
    ]
    related = mail.get_body(("related",))
    assert related is not None
    image = related.get_payload(1)
    assert image.get_content() == PNG
    assert image["Content-Disposition"].startswith("inline")
    page = mail.get_body(("html",)).get_content()
    assert page.count(f'src="cid:{image["Content-ID"].strip("<>")}"') == 2
    assert max(map(len, message.raw.split(b"\r\n"))) <= 998


def test_attachments_arrive_as_they_are(full: Any, make_renderer: MakeRenderer, row: dict[str, Any]) -> None:
    _, mail = parsed(make_renderer(full.compile()), row)
    found = {part.get_filename(): part.get_payload(decode=True) for part in mail.iter_attachments()}
    assert found == {path.name: path.read_bytes() for path in (full.campaign / "attachments").iterdir()}


def test_only_attachments(folder: Any, make_renderer: MakeRenderer, row: dict[str, Any]) -> None:
    (folder.campaign / "attachments").mkdir()
    (folder.campaign / "attachments" / "a.ics").write_bytes(b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
    _, mail = parsed(make_renderer(folder.words("Hi").compile()), row)
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar"]


def test_the_same_row_makes_the_same_bytes(full: Any, make_renderer: MakeRenderer, row: dict[str, Any]) -> None:
    template = full.compile()
    assert make_renderer(template).build(row) == make_renderer(template).build(row)


def test_a_changed_file_is_another_content(full: Any) -> None:
    hashes = {full.compile().content_hash}
    (full.campaign / "attachments" / "terms.pdf").write_bytes(b"%PDF-1.7 other")
    hashes.add(full.compile().content_hash)
    (full.campaign / "images" / "boot.png").write_bytes(PNG + b"\0")
    hashes.add(full.compile().content_hash)
    (full.campaign / "attachments" / "terms.pdf").rename(full.campaign / "attachments" / "rules.pdf")
    hashes.add(full.compile().content_hash)
    assert len(hashes) == 4


def test_files_lie_beside_the_saved_template(full: Any, tmp_path: Any) -> None:
    template = full.compile()
    save_template(template, tmp_path)
    assert (tmp_path / "template.json").stat().st_size < 20_000
    again = load_template(tmp_path / "template.json")
    assert again == template
    assert [one.content for one in again.files] == [one.content for one in template.files]


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_file_is_not_sent(full: Any, tmp_path: Any, damage: str) -> None:
    template = full.compile()
    save_template(template, tmp_path)
    file = tmp_path / "files" / template.files[0].sha256
    file.write_bytes(b"x") if damage == "changed" else file.unlink()
    with pytest.raises(Exception, match="restore the send's folder"):
        load_template(tmp_path / "template.json")


def test_pages_show_the_pictures_themselves(full: Any, make_renderer: MakeRenderer, row: dict[str, Any]) -> None:
    template = full.compile()
    shown = preview(make_renderer(template), row)
    assert shown.page.count('src="data:image/png;base64,') == 2
    assert "cid:" in shown.html
    assert "cid:" not in shown.page
    assert render_specimen(template).html.count('src="data:image/png;base64,') == 2


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("images/shoe.png", "image-missing"),
        ("cid:shoe.png", "image-missing"),
        ("images/../../secret.png", "image-file"),
        ("images/{{ contact.first_name }}.png", "image-missing"),
        ("cid:boot.svg", "image-file"),
    ],
)
def test_a_picture_that_is_not_there_is_a_problem(full: Any, source: str, problem: str) -> None:
    with pytest.raises(TemplateError) as caught:
        full.body(PICTURE.format(source)).compile()
    [found] = [one for one in caught.value.problems if one.id.startswith("image-")]
    assert (found.id, found.line) == (problem, 4)
    assert found.remedy


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("run.exe", b"MZ", "attachment"),
        ("none", b"x", "attachment"),
        ('a"b.pdf', b"x", "attachment"),
        ("a\r\nBcc: eve@evil.example.pdf", b"x", "attachment"),
        ("x" * 190 + ".pdf", b"x", "attachment"),
        ("empty.pdf", b"", "file-empty"),
        ("large.pdf", b"x" * (MAX_BYTES + 1), "files-size"),
    ],
)
def test_what_cannot_be_attached(folder: Any, name: str, content: bytes, problem: str) -> None:
    (folder.campaign / "attachments").mkdir()
    (folder.campaign / "attachments" / name).write_bytes(content)
    with pytest.raises(TemplateError) as caught:
        folder.words("Hi").compile()
    assert [one.id for one in caught.value.problems] == [problem]


@pytest.mark.parametrize("name", ["a.pdf", "ä.pdf", "价目表" * 18 + ".pdf", "100 % (new) it's.pdf", "a;b=c.pdf"])
def test_file_names_are_read_as_written(name: str) -> None:
    line = f"Content-Disposition: attachment;\r\n {_file_name(name)}\r\n\r\n"
    assert all(len(one) <= 998 for one in line.split("\r\n"))
    assert line.isascii()
    assert email.message_from_string(line, policy=email.policy.default).get_filename() == name
