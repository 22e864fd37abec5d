"""Text put together from several files that still knows where each character came from.

Everything the compiler does before MJML is a splice into a `Source`, so that a problem found late can name file and
line. Add a helper here when a splice is needed twice; what is spliced belongs to its own module.
"""

import bisect
from collections.abc import Iterable
from dataclasses import dataclass, field

from senders.errors import Problem


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file; line and column count from 1."""

    path: str
    line: int
    column: int

    def problem(self, id: str, message: str, remedy: str = "", severity: str = "error") -> Problem:
        """Return a problem at this place."""
        return Problem(self.path, self.line, self.column, id, severity, message, remedy)


@dataclass(frozen=True, slots=True)
class Origin:
    """A file as it was read."""

    path: str
    text: str

    def place(self, offset: int) -> Place:
        """Return file, line and column of an offset."""
        line_start = self.text.rfind("\n", 0, offset) + 1
        return Place(self.path, self.text.count("\n", 0, offset) + 1, offset - line_start + 1)


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    origin: Origin
    offset: int
    moves: bool  # whether each character has a place of its own, or all share one (replaced text)

    def cut(self, start: int, end: int) -> "_Piece":
        offset = self.offset + start if self.moves else self.offset
        return _Piece(self.text[start:end], self.origin, offset, self.moves)


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace ``start:end`` by text, or by another source."""

    start: int
    end: int
    replacement: "str | Source"


@dataclass(frozen=True)
class Source:
    """Text with its origins; immutable."""

    pieces: tuple[_Piece, ...]
    text: str = field(init=False)
    _starts: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        starts, position = [], 0
        for piece in self.pieces:
            starts.append(position)
            position += len(piece.text)
        object.__setattr__(self, "text", "".join(piece.text for piece in self.pieces))
        object.__setattr__(self, "_starts", starts)

    @classmethod
    def read(cls, path: str, text: str) -> "Source":
        """Return the source of one file."""
        text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        return cls((_Piece(text, Origin(path, text), 0, True),))

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that its characters come from, in the order of first use."""
        return tuple(dict.fromkeys(piece.origin.path for piece in self.pieces))

    def place(self, offset: int) -> Place:
        """Return where the character at an offset was written."""
        index = max(0, bisect.bisect_right(self._starts, offset) - 1)
        piece = self.pieces[index]
        inner = offset - self._starts[index] if piece.moves else 0
        return piece.origin.place(piece.offset + inner)

    def place_of_line(self, line: int) -> Place:
        """Return the place of the first character that is not blank in a line of the whole text."""
        lines = self.text.split("\n")
        offset = sum(len(text) + 1 for text in lines[: line - 1])
        current = lines[line - 1] if line <= len(lines) else ""
        return self.place(min(offset + len(current) - len(current.lstrip()), max(0, len(self.text) - 1)))

    def replace(self, edits: Iterable[Edit]) -> "Source":
        """Return the source with edits applied; they must not overlap."""
        pieces: list[_Piece] = []
        position = 0
        for edit in sorted(edits, key=lambda one: one.start):
            pieces += self._cut(position, edit.start)
            pieces += self._replacement(edit)
            position = edit.end
        pieces += self._cut(position, len(self.text))
        return Source(tuple(pieces) or self.pieces[:1])

    def _replacement(self, edit: Edit) -> tuple[_Piece, ...]:
        if isinstance(edit.replacement, Source):
            return edit.replacement.pieces
        if not edit.replacement:
            return ()
        index = max(0, bisect.bisect_right(self._starts, edit.start) - 1)
        piece = self.pieces[index]
        inner = edit.start - self._starts[index] if piece.moves else 0
        return (_Piece(edit.replacement, piece.origin, piece.offset + inner, False),)

    def _cut(self, start: int, end: int) -> list[_Piece]:
        found = []
        for piece, begin in zip(self.pieces, self._starts, strict=True):
            low, high = max(start, begin), min(end, begin + len(piece.text))
            if low < high:
                found.append(piece.cut(low - begin, high - begin))
        return found
