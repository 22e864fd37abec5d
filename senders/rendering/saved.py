"""A compiled template in a send's folder: ``template.json``, and its files by the hash of their content.

What was approved is what is sent: files are checked against the template's hash when they are read. Add nothing here
that changes a template.
"""

import dataclasses
import hashlib
import os
from pathlib import Path

from senders.errors import ConfigError
from senders.rendering.files import MailFile
from senders.rendering.template import CompiledTemplate

TEMPLATE_FILE = "template.json"
FILES = "files"


def save_template(template: CompiledTemplate, folder: Path) -> None:
    """Write a template with its files; ``template.json`` comes last, so that it never names a file not there."""
    for one in template.files:
        (folder / FILES).mkdir(exist_ok=True)
        _write(folder / FILES / one.sha256, one.content)
    _write(folder / TEMPLATE_FILE, template.to_json().encode())


def load_template(path: Path) -> CompiledTemplate:
    """Read a ``template.json`` and the files beside it.

    Raises:
        ConfigError: another version wrote it, or something of it was changed or is missing.
    """
    template = CompiledTemplate.from_json(path.read_text(encoding="utf-8"))
    if not template.files:
        return template
    return dataclasses.replace(template, files=tuple(_with_content(one, path.parent / FILES) for one in template.files))


def _with_content(file: MailFile, folder: Path) -> MailFile:
    path = folder / file.sha256
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); restore the send's folder") from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ConfigError(f"{path}: was changed after preflight; restore the send's folder")
    return dataclasses.replace(file, content=content)


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
