"""Key logs as a library and the command take them. What is in them is tested in the core."""

from __future__ import annotations

import gzip
import os

import pytest
from netmon import Monitor, SourceError
from netmon.checks import NO_PACKETS
from netmon.options import Settings
from netmon.reach import reach


def opened(**settings):
    """The messages of a capture without packets."""
    with Monitor(read=NO_PACKETS, **settings) as monitor:
        list(monitor)
        return monitor.log()


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.log"
    path.write_text("# no secret\n")
    path.chmod(0o600)
    return path


def test_a_key_log_is_a_path_or_several(keys):
    for keylog in (keys, str(keys), [keys, str(keys)], (), None):
        assert opened(keylog=keylog) == []


def test_a_key_log_that_is_missing_or_none_is_an_error_before_files_are_read(keys):
    for path, reason in ((keys.with_name("none"), "there is no such key log"), (keys.parent, "is a folder")):
        with pytest.raises(SourceError, match=reason):
            opened(keylog=path)


def test_a_key_log_that_others_may_open_is_warned_of_with_what_to_type(keys):
    keys.chmod(0o640)
    [(level, message)] = opened(keylog=keys)
    assert (level, message.endswith(f"type: chmod 600 {keys}")) == ("warning", True), message


def test_a_file_that_is_no_key_log_is_told(keys):
    keys.write_bytes(gzip.compress(b"CLIENT_RANDOM " + b"0" * 64 + b" " + b"1" * 96 + b"\n") + b"\n\n\x00\n")
    [(level, message)] = opened(keylog=keys)
    assert (level, message) == ("warning", f"key log {keys}: has no secret that can be read; is it in the NSS format?")


def test_a_key_log_with_what_another_one_has_is_none_without_secrets(keys):
    keys.write_text(f"CLIENT_RANDOM {'0' * 64} {'1' * 96}\nno secret\n")
    again = keys.with_name("again.log")
    again.write_text(keys.read_text())
    again.chmod(0o600)
    assert opened(keylog=[keys, again]) == []


def test_secrets_of_more_connections_than_are_kept_are_told(keys):
    keys.write_text("".join(f"CLIENT_RANDOM {number:064x} {'1' * 96}\n" for number in range(100_002)))
    [(level, message)] = opened(keylog=keys)
    told = "key logs: the secrets of 2 connections were dropped, the oldest ones; 100000 are kept"
    assert (level, message) == ("warning", told)


def test_a_named_pipe_without_a_writer_delays_nothing(keys):
    pipe = keys.with_name("pipe")
    os.mkfifo(pipe, 0o600)
    assert opened(keylog=pipe) == []


def test_the_folder_of_a_key_log_can_be_reached_so_that_a_new_one_is_found(keys):
    assert str(keys.parent) in reach(Settings(keylog=(str(keys),)), {}).reads
