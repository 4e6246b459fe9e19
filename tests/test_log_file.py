"""The log file: whole lines, rotation by size and by age that loses none, and files that nobody else may touch."""

import os
import stat

import pytest
from disks import small_disk
from netmon.log_file import RETRY, LogFile, RotationError

NOON = 1_795_348_800.0


def log(path, *, max_size=1 << 20, max_age=None, files=3):
    return LogFile(str(path), max_size=max_size, max_age=max_age, files=files)


def lines(folder):
    """The lines of all files, oldest first, and the names of the files."""
    paths = sorted(folder.glob("netmon.log*"), key=lambda path: -int(path.suffix.removeprefix(".").replace("log", "0")))
    return b"".join(path.read_bytes() for path in paths).splitlines(), [path.name for path in paths]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "netmon.log"


def test_a_file_is_private_and_lines_are_appended(path):
    path.write_bytes(b"before\n")
    path.chmod(0o600)
    file = log(path)
    file.write(b"one\n", NOON)
    file.write(b"two\n", NOON)
    file.close()
    assert path.read_bytes() == b"before\none\ntwo\n"
    path.unlink()
    log(path).write(b"one\n", NOON)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("files", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 40, 100])
def test_rotation_by_size_splits_no_line_and_keeps_the_newest_files(path, files, size):
    file = log(path, max_size=size, files=files)
    written = [b"line %d" % number for number in range(50)]
    for line in written:
        file.write(line + b"\n", NOON)
    kept, names = lines(path.parent)
    assert kept == written[-len(kept) :]
    assert names == [*(f"netmon.log.{number}" for number in range(files - 1, 0, -1)), "netmon.log"]
    assert all(each.stat().st_size <= max(size, 8) for each in path.parent.iterdir())


def test_with_enough_files_no_line_is_lost(path):
    file = log(path, max_size=30, files=100)
    written = [b"line %d" % number for number in range(200)]
    for line in written:
        file.write(line + b"\n", NOON)
    assert lines(path.parent)[0] == written


def test_rotation_by_age_goes_by_the_first_line_also_of_a_file_from_before(path):
    path.write_bytes(b"2026-11-22T12:00:00.000Z info started\n")
    file = log(path, max_age=3600)
    file.write(b"same\n", NOON + 3599)
    file.write(b"new\n", NOON + 3600)
    file.write(b"same again\n", NOON + 7199)
    file.write(b"newer\n", NOON + 7200)
    kept, names = lines(path.parent)
    assert kept == [b"2026-11-22T12:00:00.000Z info started", b"same", b"new", b"same again", b"newer"]
    assert len(names) == 3
    assert path.read_bytes() == b"newer\n"


def test_a_file_that_is_moved_or_removed_is_begun_anew(path):
    file = log(path)
    file.write(b"one\n", NOON)
    path.rename(path.with_suffix(".1"))
    file.write(b"two\n", NOON)
    assert (path.with_suffix(".1").read_bytes(), path.read_bytes()) == (b"one\n", b"two\n")
    path.unlink()
    file.write(b"three\n", NOON)
    assert path.read_bytes() == b"three\n"


def test_two_processes_that_share_a_file_lose_no_line(path):
    first, second = log(path, max_size=30, files=100), log(path, max_size=30, files=100)
    written = [b"line %d" % number for number in range(100)]
    for number, line in enumerate(written):
        (first if number % 3 else second).write(line + b"\n", NOON)
    assert lines(path.parent)[0] == written


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "open folder"])
def test_what_is_no_file_of_ours_is_refused(path, kind):
    if kind == "link":
        path.symlink_to(path.parent / "elsewhere")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.parent.chmod(0o777)
    with pytest.raises(OSError) as error:  # noqa: PT011  each kind has its own message
        log(path).write(b"one\n", NOON)
    assert error.value.filename == str(path)


def test_where_no_new_file_can_be_begun_the_old_one_goes_on_and_nothing_is_lost(path):
    path.with_suffix(".log.1").mkdir()
    (path.with_suffix(".log.1") / "file").touch()
    file = log(path, max_size=10, files=2)
    file.write(b"line 1\n", NOON)
    with pytest.raises(RotationError):
        file.write(b"line 2\n", NOON)
    file.write(b"line 3\n", NOON + RETRY - 1)
    assert path.read_bytes() == b"line 1\nline 2\nline 3\n"
    (path.with_suffix(".log.1") / "file").unlink()
    path.with_suffix(".log.1").rmdir()
    file.write(b"line 4\n", NOON + RETRY)
    assert path.read_bytes() == b"line 4\n"


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path):
    with small_disk(tmp_path / "disk", "16k") as disk:
        path = disk / "netmon.log"
        file = log(path)
        line = b"x" * 1_000 + b"\n"

        def fill():
            for _ in range(100):
                file.write(line, NOON)

        with pytest.raises(OSError, match="No space left") as error:
            fill()
        assert error.value.filename == str(path)
        content = path.read_bytes()
        assert content
        assert content == line * (len(content) // len(line))
        file.close()
