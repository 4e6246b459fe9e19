"""What a monitor reads: paths, bytes and file objects, one or several; their names, errors and descriptors."""

import gc
import gzip
import io
import os
import threading
from pathlib import Path

import forge
import pytest
from netmon import CaptureError, Monitor, Snapshot, SourceError, given


def capture(second=1000, host="a.example"):
    return forge.pcap(forge.Conversation(4000 + second % 1000, second).ask(second + 0.1, "GET", host, "/", 200))


DATA = capture()


def total(read, **settings):
    return Snapshot.merge(Monitor(read=read, **settings))


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "a.pcap"
    made.write_bytes(DATA)
    return made


class Slow(io.RawIOBase):
    """A file object without a descriptor that gives a byte at a time."""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def read(self, size=-1):
        return self.data.read(1)


def kinds(path):
    """The same capture as every kind of source."""
    yield str(path)
    yield path
    yield next(os.scandir(os.fsencode(path.parent)))
    yield DATA
    yield bytearray(DATA)
    yield memoryview(DATA)
    yield io.BytesIO(DATA)
    yield Slow(DATA)
    yield io.BytesIO(gzip.compress(DATA))
    yield gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(DATA)))


def test_all_kinds_of_sources_give_the_same(path):
    for one in kinds(path):
        for read in (one, [one]):
            if not hasattr(one, "read") or read is one:
                counted = total(read)
                assert (counted.requests, counted.responses, counted.start) == (1, 1, 1000), one
    with path.open("rb") as file:
        assert total(file).requests == 1
        assert not file.closed, "a file of the caller stays open"


def test_a_file_object_is_read_from_its_position():
    file = io.BytesIO(b"a header of somebody's own" + DATA)
    file.read(26)
    assert total(file).requests == 1


def test_several_kinds_are_merged_by_time(path):
    counted = list(Monitor(read=[io.BytesIO(capture(1002, "c")), capture(1001, "b"), path]))
    assert [(each.start, each.hosts[0].name) for each in counted] == [(1000, "a.example"), (1001, "b"), (1002, "c")]


def test_a_source_without_a_path_is_called_by_its_name_or_its_type(path):
    class Named(io.BytesIO):
        name = "tap\udcff.pcap"

    for read, name in [(DATA, "<bytes>"), (io.BytesIO(DATA), "<BytesIO>"), (Named(DATA), "tap\\udcff.pcap")]:
        monitor = Monitor(read=read)
        with monitor:
            assert monitor.interfaces == [name]
            assert {row.name for each in monitor for row in each.interfaces} == {name}
    with path.open("rb") as file:
        assert total(file).interfaces[0].name == str(path)


@pytest.mark.parametrize("read", [b"", b"/etc/passwd", io.BytesIO(b"no capture"), io.BytesIO()])
def test_what_is_no_capture_is_a_source_error_that_names_it(read):
    with pytest.raises(SourceError, match=r"^<(bytes|BytesIO)>: "):
        total(read)


@pytest.mark.parametrize("read", [7, [7], [None], object(), {1: 2}])
def test_what_cannot_be_read_is_a_type_error(read):
    with pytest.raises(TypeError):
        Monitor(read=read)


def test_a_file_that_is_open_for_text_is_a_type_error(tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(DATA)
    with (
        path.open(encoding="latin-1") as file,
        pytest.raises(TypeError, match=r"open in text mode: open it with mode 'rb'"),
    ):
        Monitor(read=file)


class Failing(io.RawIOBase):
    def __init__(self, data):
        self.data = [data] if data else []

    def read(self, size=-1):
        if self.data:
            return self.data.pop()
        raise ZeroDivisionError("a bad disk")


@pytest.mark.parametrize("before", [DATA, b"", DATA[:10]])
def test_an_error_of_a_file_object_is_told_at_the_end(before):
    monitor = Monitor(read=Failing(before))
    with pytest.raises(CaptureError, match="<Failing>: a bad disk") as caught:
        list(monitor)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_nothing_is_read_before_it_is_opened_and_closing_ends_a_reader_that_waits():
    source, sink = os.pipe()
    with open(source, "rb") as file:
        monitor = Monitor(read=file)
        assert "netmon-read" not in {thread.name for thread in threading.enumerate()}
        os.write(sink, DATA)
        monitor.open()
        monitor.close()
        assert sum(each.requests for each in monitor) == 1
        os.close(sink)


def test_no_descriptor_is_left(path):
    def count():
        return len(os.listdir("/proc/self/fd"))

    total(DATA)
    gc.collect()  # what other tests left
    before = count()
    for _ in range(5):
        total([DATA, io.BytesIO(DATA)])
        Monitor(read=[DATA, io.BytesIO(DATA)]).close()
        with pytest.raises(SourceError):
            total([b"x", io.BytesIO(DATA)])
        with pytest.raises(TypeError):
            Monitor(read=[DATA, 7])
    for thread in threading.enumerate():
        if thread.name == "netmon-read":
            thread.join(10)
    assert count() == before


def test_bytes_are_played_too():
    clock = [each.start for each in Monitor(read=DATA, speed=float("inf"))]
    assert clock == [1000]


def test_files_have_the_paths_that_were_given():
    assert given.Files(None).paths == []
    assert given.Files([Path("a"), "b"]).paths == ["a", "b"]
