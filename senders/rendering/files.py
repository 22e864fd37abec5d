"""Files that travel inside a mail: pictures that its HTML shows, and attachments.

They lie in the campaign's folder, ``images`` and ``attachments``. Compiling reads and checks them, and puts the name
of its content in the place of a picture's path. Add a type here when mail programs show it everywhere; how files are
packed into a message belongs to ``attached``.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from senders.errors import Problem
from senders.rendering.mjml import Attribute, Document, Element
from senders.rendering.source import Edit, Source

Role = Literal["inline", "attachment"]

IMAGES, ATTACHMENTS = "images", "attachments"
MAX_BYTES = 5_000_000  # of all files of a mail together, before base64
MAX_NAME_BYTES = 180
IMAGE_TYPES = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
ATTACHMENT_TYPES = IMAGE_TYPES | {
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".ics": "text/calendar",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".pdf": "application/pdf",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".txt": "text/plain",
    ".vcf": "text/vcard",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_PICTURES = frozenset({"img", "mj-image"})
_CID = "cid:"
_PREFIXES = (_CID, f"./{IMAGES}/", f"{IMAGES}/")


@dataclass(frozen=True, slots=True)
class MailFile:
    """One file of a mail; ``sha256`` is of its content, in hexadecimal."""

    name: str
    role: Role
    content_type: str
    sha256: str
    content: bytes = field(default=b"", repr=False, compare=False)

    @property
    def content_id(self) -> str:
        """The name by which HTML refers to it (RFC 2392); the same content has the same one."""
        return f"{self.sha256[:32]}@mailrail"

    @property
    def data_url(self) -> str:
        """The whole file as an address, for pages that are no mail."""
        return f"data:{self.content_type};base64,{base64.b64encode(self.content).decode('ascii')}"


def insert_images(document: Document, folder: Path) -> tuple[Source, list[MailFile], list[Problem]]:
    """Return the source with pictures of the folder ``images`` named by content, these pictures, and what is wrong.

    A picture is meant by ``cid:name.png`` or by ``images/name.png``.
    """
    files: dict[str, MailFile] = {}
    edits: list[Edit] = []
    problems: list[Problem] = []
    for attribute, name in _references(document):
        found = _read_image(document, attribute, folder / IMAGES, name)
        if isinstance(found, Problem):
            problems.append(found)
            continue
        files.setdefault(found.sha256, found)
        edits.append(Edit(attribute.start, attribute.end, _CID + found.content_id))
    return document.source.replace(edits), list(files.values()), problems


def read_attachments(folder: Path) -> tuple[list[MailFile], list[Problem]]:
    """Return the files of the folder ``attachments``, by name, and what is wrong with them."""
    files: list[MailFile] = []
    problems: list[Problem] = []
    place = folder / ATTACHMENTS
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.name.startswith("."):
            continue
        wrong = _wrong_name(path.name, ATTACHMENT_TYPES) or ("" if path.is_file() else "it is no file")
        if wrong:
            remedy = f"Attach files of these kinds: {_kinds(ATTACHMENT_TYPES)}."
            problems.append(_problem(path, "attachment", f"{path.name!r} cannot be attached: {wrong}", remedy))
            continue
        files.append(_file(path, "attachment", ATTACHMENT_TYPES))
    return files, problems


def check_sizes(folder: Path, files: Iterable[MailFile]) -> list[Problem]:
    """Return a problem where the files of a mail are empty, or larger than many mailboxes take."""
    found = [
        _problem(folder, "file-empty", f"{one.name} is empty", "Put the whole file there.")
        for one in files
        if not one.content
    ]
    total = sum(len(one.content) for one in files)
    if total > MAX_BYTES:
        message = f"pictures and attachments have {total:,} bytes together; a mail carries at most {MAX_BYTES:,}"
        found.append(_problem(folder, "files-size", message, "Make them smaller, or put them on the web and link."))
    return found


def _references(document: Document) -> Iterator[tuple[Attribute, str]]:
    """Yield each source of a picture that means a file of ours, and the file's name."""
    for element in document.root.walk():
        for attribute in element.attributes if _shows(element) else ():
            value = attribute.value.strip()
            prefix = next((prefix for prefix in _PREFIXES if value.startswith(prefix)), None)
            if attribute.name == "src" and prefix is not None:
                yield attribute, value.removeprefix(prefix)


def means_file(element: Element) -> bool:
    """Whether an element shows a file of ours, there or not; what is wrong with it is said by ``insert_images``."""
    return _shows(element) and (element.get("src") or "").strip().startswith(_PREFIXES)


def _shows(element: Element) -> bool:
    return element.tag in _PICTURES


def _read_image(document: Document, attribute: Attribute, folder: Path, name: str) -> MailFile | Problem:
    place = document.source.place(attribute.start)
    wrong = _wrong_name(name, IMAGE_TYPES)
    if wrong:
        remedy = f"Name a file of the folder {IMAGES} of one of these kinds: {_kinds(IMAGE_TYPES)}."
        return place.problem("image-file", f"src {attribute.value!r} names no picture: {wrong}", remedy)
    path = folder / name
    if not path.is_file():
        remedy = f"Put it there, or give a whole https address. In that folder: {_listed(folder)}."
        return place.problem("image-missing", f"there is no picture {IMAGES}/{name}", remedy)
    return _file(path, "inline", IMAGE_TYPES)


def _wrong_name(name: str, types: dict[str, str]) -> str:
    """Return why a name cannot be one of a file in a mail, '' where it can."""
    if not name.isprintable() or "/" in name or "\\" in name or '"' in name or name.startswith("."):
        return "its name holds a slash, a quote, or a character that cannot be seen"
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        return f"its name is longer than {MAX_NAME_BYTES} bytes"
    suffix = Path(name).suffix.lower()
    return "" if suffix in types else f"{suffix or 'no ending'} is not of a known kind"


def _file(path: Path, role: Role, types: dict[str, str]) -> MailFile:
    content = path.read_bytes()
    return MailFile(path.name, role, types[path.suffix.lower()], hashlib.sha256(content).hexdigest(), content)


def _kinds(types: dict[str, str]) -> str:
    return ", ".join(sorted(types))


def _listed(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return ", ".join(names[:10]) or "nothing"


def _problem(path: Path, id: str, message: str, remedy: str) -> Problem:
    return Problem(str(path), 0, 0, id, "error", message, remedy)
