"""A Jinja template whose constant texts are encoded once, so that per message only the values are.

Jinja compiles a template into a generator of pieces: texts of the author, the same for everybody, and values. Add
nothing here about what a message is made of.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import CodeType
from typing import Any

from jinja2 import Template

from senders.rendering.environment import TemplateEnvironment


class Pieces:
    """One template, rendered as text or straight into the bytes of a 7bit body with CRLF line ends."""

    def __init__(self, source: str, environment: TemplateEnvironment) -> None:
        self._template: Template = environment.from_string(source)
        texts = set(_constants(self._template.root_render_func.__code__))
        self._encoded = {text: _encode(text) for text in texts}
        # No value holds a line end or a control character (`plain_value`), so the constants alone decide.
        self.is_plain = not any("\r" in text or "\0" in text for text in texts)
        self._has_f = any("\nF" in text or text.startswith("F") for text in texts)
        self._ends_lines = any(text.endswith("\n") for text in texts)

    def texts(self, values: Mapping[str, Any]) -> list[str]:
        """Return the pieces of one rendering; joined they are the text.

        Raises:
            jinja2.TemplateError: a value is missing, or the template may not do what it does.
        """
        # The values are ours alone and the environment has no globals: nothing needs to be copied.
        context = self._template.new_context(dict(values), shared=True)
        return list(self._template.root_render_func(context))

    def may_say_from(self, texts: Iterable[str]) -> bool:
        """Whether a line may begin with ``From ``: looking at the pieces costs a tenth of looking through the body."""
        return self._has_f or (self._ends_lines and any(text.startswith("F") for text in texts))

    def encode(self, texts: Iterable[str]) -> bytes:
        """Return pieces as ASCII with character references and CRLF."""
        known = self._encoded.get
        return b"".join([known(text) or _encode(text) for text in texts])


def _encode(text: str) -> bytes:
    encoded = text.encode("ascii") if text.isascii() else text.encode("ascii", "xmlcharrefreplace")
    return encoded.replace(b"\n", b"\r\n") if b"\n" in encoded else encoded


def _constants(code: CodeType) -> Iterator[str]:
    """Yield every text in compiled code, also of its inner functions (loops)."""
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _constants(constant)
        elif isinstance(constant, tuple):
            yield from (item for item in constant if isinstance(item, str))
