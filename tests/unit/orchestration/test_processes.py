"""Starting and stopping processes of ours."""

import socket

import pytest

from orchestration.processes import require_free_port, running
from orchestration.settings import load_settings
from senders.errors import ConfigError


def test_a_port_in_use_is_named_with_the_setting():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"sink: port {port} .* set another: SOME_SETTING"):
            require_free_port("127.0.0.1", port, what="sink", setting="SOME_SETTING")


def test_a_process_that_ends_at_once_says_why(tmp_path):
    settings = load_settings(home=tmp_path)
    with (
        pytest.raises(ConfigError, match=r"nonsense ended at once: .*No such command"),
        running(settings, "nonsense", ready=("127.0.0.1", 9)),
    ):
        pass


def test_a_question_may_stand_for_a_port(tmp_path):
    settings, asked = load_settings(home=tmp_path), []
    with running(settings, "sender", ready=lambda: len(asked) > 2 or asked.append(1) or False):
        assert len(asked) == 3
    with (
        pytest.raises(ConfigError, match=r"nonsense ended at once"),
        running(settings, "nonsense", ready=lambda: False),
    ):
        pass
