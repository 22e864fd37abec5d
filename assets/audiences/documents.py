"""YAML files that people write, with the place of every key, so that a mistake is reported at its line.

Add here how a file is read and how a place is found. What the keys mean belongs to the models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from senders.errors import Problem

MAX_BYTES = 200_000


class _Constructor(RoundTripConstructor):
    """Leaves times as the text that was written; the models read them."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda self, node: str(node.value))


@dataclass(frozen=True)
class Document:
    """A YAML file that could be read."""

    path: Path
    content: Any

    def place(self, keys: Sequence[str | int]) -> tuple[int, int]:
        """Return line and column of the deepest part that the keys name; both count from 1."""
        node, place = self.content, (1, 1)
        for key in keys:
            if isinstance(node, CommentedMap) and key in node:
                place, node = node.lc.key(key), node[key]
            elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
                place, node = node.lc.item(key), node[key]
            else:
                break
            place = (place[0] + 1, place[1] + 1)
        return place

    def value_place(self, keys: Sequence[str | int]) -> tuple[int, int]:
        """Return line and column where a key's value begins."""
        node = self.content
        for key in keys[:-1]:
            node = node[key]
        line, column = node.lc.value(keys[-1])
        return line + 1, column + 1

    def problem(self, keys: Sequence[str | int], id: str, message: str, remedy: str) -> Problem:
        """Return a problem at the place of a key."""
        return Problem(str(self.path), *self.place(keys), id, "error", message, remedy)

    def plain(self, key: str) -> Any:
        """Return the value of a top key in plain Python types."""
        return _plain(self.content.get(key))


def read_document(path: Path) -> Document | Problem:
    """Read a YAML file whose top is a mapping, or say why that is not possible."""
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > MAX_BYTES:
            return Problem(str(path), 0, 0, "YAML", "error", f"it has {len(text)} characters.", "Make it smaller.")
        yaml = YAML(typ="rt")
        yaml.Constructor = _Constructor
        content = yaml.load(text)
    except OSError as error:
        return Problem(str(path), 0, 0, "FILE", "error", f"it cannot be read ({error.strerror}).", "Create the file.")
    except UnicodeDecodeError as error:
        return Problem(str(path), 0, 0, "FILE", "error", f"byte {error.start} is not UTF-8.", "Save it as UTF-8.")
    except MarkedYAMLError as error:
        return _syntax(path, error)
    except (YAMLError, ValueError) as error:
        return Problem(str(path), 0, 0, "YAML", "error", f"it is not YAML: {error}.", "Mend the file.")
    if not isinstance(content, CommentedMap):
        return Problem(str(path), 1, 1, "YAML", "error", "it holds no keys.", "Begin with “type:” and “attributes:”.")
    return Document(path, content)


def _syntax(path: Path, error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    message = (error.problem or error.context or "it cannot be parsed").splitlines()[0]
    return Problem(
        str(path), line, column, "YAML", "error", f"it is not YAML: {message}.", "Mend this line or the one before."
    )


def _plain(value: Any) -> Any:
    if isinstance(value, CommentedMap):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, CommentedSeq):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    return value
