"""What can go wrong at the mail edge, in families that callers treat differently.

::

    ConfigError                    settings or files a person must mend (not a SenderError: never swallowed)
    SenderError
    ├── RenderError                one recipient's message could not be made
    ├── TemplateError              a template is wrong for everybody; carries all its problems
    ├── TokenError                 a link from outside that we did not sign, or not for this
    ├── GuardError                 refused by a guard: no approval, changed audience, fence, stale lease
    ├── LedgerBusy                 the ledger did not answer in time; try again
    │   └── LedgerFull             there is no room on its disk
    ├── MailboxDown                the mailbox of bounces did not answer, or let nobody in; try again
    ├── WebError                   calling somebody over HTTP failed
    │   └── WebRefusedError        an address that must not be called
    └── TransportError             talking to the relay failed
        ├── TransientError         nothing was accepted; trying again is safe
        ├── PermanentError         the relay said no for good
        └── DoubtError             the end mark was written and no reply came

A refused recipient is a row in the ledger, not an exception.
"""

from dataclasses import dataclass


class ConfigError(Exception):
    """A setting or file that a person must mend; says the thing, the value and the remedy."""


class SenderError(Exception):
    """Root of everything that can fail at the mail edge."""


class RenderError(SenderError):
    """One recipient's message could not be rendered."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a user's file: where, what, and what to do.

    ``severity`` is ``error`` or ``warning``; ``line`` and ``column`` count from 1, 0 where unknown.
    """

    path: str
    line: int
    column: int
    id: str
    severity: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """Return one line as compilers write it."""
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message} [{self.id}]" + (f" {self.remedy}" if self.remedy else "")


class TemplateError(SenderError):
    """A template that cannot be used; ``problems`` lists all that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class TokenError(SenderError):
    """A token that we did not sign, that was altered, or that is for another purpose."""


class GuardError(SenderError):
    """A guard refused: the sentence says which one and what would satisfy it."""


class LedgerBusy(SenderError):  # noqa: N818 - a state of the store, not a fault
    """The ledger is locked by somebody else and did not answer in time."""


class LedgerFull(LedgerBusy):
    """The disk of the ledger has no room for a write."""


class MailboxDown(SenderError):  # noqa: N818 - a state of the server
    """The mailbox of bounces and complaints did not answer, or did not let us in; names the server and its words."""


class WebError(SenderError):
    """Calling somebody over HTTP failed; says the host, never the whole address, which may hold a secret."""


class WebRefusedError(WebError):
    """An address that must not be called; trying again changes nothing before a setting does."""


class TransportError(SenderError):
    """Talking to the relay failed; ``code`` is its reply code or 0."""

    def __init__(self, message: str, *, code: int = 0, enhanced: str = "") -> None:
        self.code = code
        self.enhanced = enhanced
        super().__init__(message)


class TransientError(TransportError):
    """Nothing was accepted; trying again is safe."""


class PermanentError(TransportError):
    """The relay refused for good."""


class DoubtError(TransportError):
    """The end mark was written and no reply came: perhaps accepted, never sent again by itself."""
