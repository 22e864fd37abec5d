"""The steps before MJML is read: comments out, includes in, brand values in.

Includes are resolved as text, since the MJML compiler lays out included sections wrongly. Add a step here when it
happens once per template and needs no tree; recipients' values are never touched here.
"""

import html
import re
from collections.abc import Mapping
from pathlib import Path

from senders.errors import ConfigError, Problem
from senders.rendering.mjml import COMMENT
from senders.rendering.source import Edit, Source

INCLUDE = re.compile(r"<mj-include\b([^>]*?)/?>(?:\s*</mj-include\s*>)?", re.DOTALL)
BRAND = re.compile(r"\{\{-?\s*brand\.(\w+)\s*-?\}\}")
ANY_BRAND = re.compile(r"(?:\{\{|\{%)[^{}]*?\bbrand\b[^{}]*?(?:\}\}|%\})")
JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
MAX_DEPTH = 8
_PATH = re.compile(r"""\bpath\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def read_source(path: Path) -> Source:
    """Read one file.

    Raises:
        ConfigError: it is missing or not UTF-8.
    """
    try:
        return Source.read(str(path), path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: the file is missing; a campaign needs template.mjml and subject.txt.j2") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error


def strip_comments(source: Source) -> Source:
    """Return a source without comments, the authors' own business."""
    found = [*COMMENT.finditer(source.text), *JINJA_COMMENT.finditer(source.text)]
    edits: list[Edit] = []
    for match in sorted(found, key=lambda one: one.start()):
        if not edits or match.start() >= edits[-1].end:
            edits.append(Edit(match.start(), match.end(), ""))
    return source.replace(edits)


def resolve_includes(source: Source, shared: Path, problems: list[Problem], trail: tuple[Path, ...] = ()) -> Source:
    """Return a source with every ``<mj-include path="…"/>`` replaced by that file of the shared folder."""
    source = strip_comments(source)
    edits = []
    for match in INCLUDE.finditer(source.text):
        place = source.place(match.start())
        found = _PATH.search(match[1])
        name = (found[1] or found[2] or "") if found else ""
        path = (shared / name).resolve()
        if not name or not path.is_relative_to(shared.resolve()) or not path.is_file():
            message = f"the include {name!r} is not a file of {shared}"
            problems.append(place.problem("include-missing", message, "Name a file below that folder."))
            edits.append(Edit(match.start(), match.end(), ""))
        elif path in trail or len(trail) >= MAX_DEPTH:
            problems.append(place.problem("include-cycle", f"{name} includes itself", "Break the circle."))
            edits.append(Edit(match.start(), match.end(), ""))
        else:
            included = resolve_includes(read_source(shared / name), shared, problems, (*trail, path))
            edits.append(Edit(match.start(), match.end(), included))
    return source.replace(edits)


def insert_brand(source: Source, brand: Mapping[str, str], problems: list[Problem], *, escape: bool) -> Source:
    """Return a source with every ``{{ brand.x }}`` replaced by its value."""
    edits = []
    for match in BRAND.finditer(source.text):
        value = brand.get(match[1])
        if value is None:
            known = ", ".join(sorted(brand))
            place = source.place(match.start())
            problems.append(place.problem("brand-unknown", f"brand.{match[1]} is not set", f"brand.yaml has {known}."))
        edits.append(Edit(match.start(), match.end(), _inert(html.escape(value or "") if escape else value or "")))
    done = source.replace(edits)
    for match in ANY_BRAND.finditer(done.text):
        remedy = "Write {{ brand.name }} alone: brand values are filled in before anything else."
        problems.append(done.place(match.start()).problem("brand-expression", f"{match[0]} calculates", remedy))
    return done


def _inert(value: str) -> str:
    """Return a brand value that Jinja does not read as a statement."""
    return re.sub(r"\{(?=[{%#])", "{ ", value)
