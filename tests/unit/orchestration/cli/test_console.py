"""Every failure becomes one message and an exit code of CONTRACTS."""

import errno

import pytest

from orchestration.cli.console import explain_failure
from senders.errors import ConfigError, GuardError, LedgerBusy, RenderError


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("relays.main: wrong"), 2, "relays.main: wrong"),
        (GuardError("no approval"), 3, "no approval"),
        (RenderError("row 3"), 1, "row 3"),
        (LedgerBusy("locked"), 1, "try again"),
        (OSError(errno.ENOSPC, "No space left", "warehouse.duckdb"), 1, "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "keys"), 1, "check the owner"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failure_is_explained(error, code, said):
    message, found = explain_failure(error)
    assert said in message
    assert found == code


def test_the_cause_is_found_under_a_library_wrapper():
    wrapped = RuntimeError("step failed")
    wrapped.__cause__ = GuardError("no approval")
    assert explain_failure(wrapped) == ("no approval", 3)


def test_a_circle_of_causes_is_walked_once():
    guard, wrapper = GuardError("no approval"), RuntimeError("step failed")
    wrapper.__cause__, guard.__context__ = guard, wrapper
    assert explain_failure(guard) == ("no approval", 3)
    assert explain_failure(wrapper) == ("no approval", 3)


def test_a_fault_of_ours_keeps_its_trace():
    assert explain_failure(ZeroDivisionError())[0] is None
