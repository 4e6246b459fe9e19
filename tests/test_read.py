"""`netmon.read`: paths, bytes, file objects and URLs give the counts of a file on disk, in bounded memory."""

import gzip
import io
import os
import random
import subprocess
import sys
import threading
import time

import forge
import fsspec
import netmon
import pytest
import slices
from netmon import CaptureError, Monitor, Snapshot, SourceError, cli, lending, pumps, remote
from patience import PATIENCE

WHOLE, SLICES = slices.captures(400, 2.0)


def counts(snapshots):
    """Snapshots without the names of files, which differ."""
    found = [snapshot.to_dict() for snapshot in snapshots]
    for each in found:
        for interface in each["interfaces"]:
            interface["name"] = "a file"
    return found


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    path = tmp_path_factory.mktemp("read") / "whole.pcap"
    path.write_bytes(WHOLE)
    return counts(Monitor(read=path))


class Opened(io.BytesIO):
    """A file object that can seek; notes how much was read."""

    def __init__(self, data):
        super().__init__(data)
        self.given = 0

    def read(self, size=-1):
        data = super().read(size)
        self.given += len(data)
        return data

    read1 = read


class Once(io.RawIOBase):
    """A file object that cannot seek, as a socket gives it."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def read(self, size=-1):
        return self._data.read(min(size, 10_000))


def kinds(data, folder):
    packed = folder / "packed.pcap.gz"
    packed.write_bytes(gzip.compress(data))
    yield data
    yield bytearray(data)
    yield memoryview(data)
    yield packed
    yield str(packed)
    yield io.BytesIO(data)
    yield io.BytesIO(gzip.compress(data))
    yield gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(data)))
    yield Once(data)
    yield Once(gzip.compress(data))


def test_every_kind_of_source_gives_the_snapshots_of_a_file_on_disk(tmp_path, on_disk):
    assert len(on_disk) > 10
    for source in kinds(WHOLE, tmp_path):
        assert counts(netmon.read(source)) == on_disk, source


def test_slices_of_every_kind_and_in_any_order_give_the_snapshots_of_the_whole(tmp_path, on_disk):
    assert len(SLICES) > 5
    shuffled = random.Random(7)
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        mixed = []
        for at, data in enumerate(SLICES):
            (folder / str(at)).mkdir()
            mixed.append(shuffled.choice(list(kinds(data, folder / str(at)))))
        shuffled.shuffle(mixed)
        found = counts(netmon.read(mixed, workers=1 + number % 2))
        assert [(each["start"], each["requests"], each["hosts"]) for each in found] == [
            (each["start"], each["requests"], each["hosts"]) for each in on_disk
        ]
        assert sum(each["latency"]["count"] for each in found) == 1200


def test_pcapng_is_read_from_a_file_object(on_disk):
    part = slices.whole(*slices.talks(400))
    assert [each["requests"] for each in counts(netmon.read(io.BytesIO(forge.pcapng(part))))] == [
        each["requests"] for each in on_disk
    ]


def test_it_is_an_iterator_and_a_context_manager_and_can_be_closed():
    with netmon.read(WHOLE, interval=5) as recording:
        first = next(recording)
        assert first.end - first.start == 5
        assert next(recording).start == first.end
        assert iter(recording) is recording
    rest = list(recording)
    assert len(rest) <= 3, "what was counted when it was closed"
    recording.close()
    with pytest.raises(StopIteration):
        next(recording)


def test_the_keywords_are_those_of_a_monitor():
    found = Snapshot.merge(netmon.read(WHOLE, where="status:5xx", exchanges=True, section_depth=2, timeout=60))
    assert (found.requests, len(found.exchanges), found.errors) == (93, 93, 93)
    assert {section.path for section in found.sections} <= {f"/{a}/{b}" for a in "abc" for b in range(11)}
    with pytest.raises(TypeError, match="unexpected keyword"):
        netmon.read(WHOLE, no_such=1)
    with pytest.raises(netmon.WhereError):
        netmon.read(WHOLE, where="(a")
    with pytest.raises(netmon.FilterError):
        list(netmon.read(WHOLE, filter="no such"))


def test_recent_packets_of_a_file_object_are_not_taken_for_a_live_pipe(tmp_path):
    """A clock would close intervals while the file is still on its way."""
    now = time.time()
    talk = forge.Conversation(4000, now)
    for second in range(5):
        talk.ask(now + second, "GET", "a", "/", 200)
    data = forge.pcap(talk)

    class Late(Opened):
        def read(self, size=-1):
            if self.tell() > len(data) // 2 and not waited.wait(1.5):
                waited.set()
            return super().read(min(size, len(data) // 2 + 1))

        read1 = read

    waited = threading.Event()
    path = tmp_path / "a.pcap"
    path.write_bytes(data)
    assert counts(netmon.read(Late(data))) == counts(Monitor(read=path))
    assert waited.is_set()


def test_an_endless_file_object_is_read_no_further_ahead_than_a_few_blocks():
    """Its snapshots are taken as they come; what was read of it stays near what they hold."""

    class Endless(io.RawIOBase):
        given = 0
        head, packet = WHOLE[:24], WHOLE[24:]

        def seekable(self):
            return True

        def tell(self):
            return 0

        def seek(self, offset, whence=0):
            self.given, self.second = 0, 0

        def read(self, size=-1):
            self.second += 1
            talk = forge.Conversation(4000 + self.second % 50_000, 1000 + self.second)
            data = forge.pcap(talk.ask(1000.1 + self.second, "GET", "a", "/", 200, body=b"x" * 1400))
            data = data if self.second == 1 else data[24:]
            self.given += len(data)
            return data

    source = Endless()
    with netmon.read(source) as recording:
        for _ in range(50):
            snapshot = next(recording)
        held = source.given - snapshot.interfaces[0].bytes
    assert held < 32 << 20
    assert "netmon-read" in {thread.name for thread in threading.enumerate()} or source.given < 64 << 20


def test_of_many_file_objects_few_are_read_at_a_time():
    """Each is looked at first; the last is read on only when the merge comes to it."""
    big = [Opened(data * 1) for data in slices.captures(3000, 20.0)[1]]
    assert len(big) > 5
    recording = netmon.read(big)
    next(recording)
    looked_at = [source.given for source in big]
    assert all(given > 0 for given in looked_at)
    assert big[-1].given <= pumps.CHUNK + pumps.PIPE_SIZE
    total = Snapshot.merge(recording)
    assert total.requests > 8000
    assert all(source.given >= len(source.getvalue()) for source in big)


class Stuck(Opened):
    """Gives some bytes, and then waits for something that does not come until the test ends."""

    def __init__(self, data):
        super().__init__(data)
        self.waits = threading.Event()
        self.released = threading.Event()

    def read(self, size=-1):
        if self.tell():
            self.waits.set()
            self.released.wait(PATIENCE)
        return super().read(min(size, 5000))

    read1 = read


@pytest.mark.parametrize("others", [[], [SLICES[1]]])
def test_closing_waits_for_no_file_object(others):
    source = Stuck(SLICES[0])
    recording = netmon.read([source, *others])
    opened = threading.Thread(target=list, args=[recording])
    try:
        opened.start()
        assert source.waits.wait(PATIENCE)
        recording.close()
        opened.join(PATIENCE)
        assert not opened.is_alive()
    finally:
        source.released.set()


def test_a_timeout_ends_a_wait_for_a_file_object():
    source = Stuck(SLICES[0])
    try:
        began = time.monotonic()
        list(netmon.read(source, timeout=0.5))
        assert time.monotonic() - began < PATIENCE / 2
    finally:
        source.released.set()


class Failing(Opened):
    """Fails behind its first bytes, or when it is opened."""

    def __init__(self, data, at):
        super().__init__(data)
        self._at = at

    def read(self, size=-1):
        if self.tell() >= self._at:
            raise ZeroDivisionError("a bad disk")
        return super().read(min(size, self._at))

    read1 = read


@pytest.mark.parametrize(("at", "kind"), [(0, SourceError), (10, SourceError), (5000, CaptureError)])
@pytest.mark.parametrize("others", [[], [SLICES[1], SLICES[2]]])
def test_an_error_of_a_file_object_comes_out_as_the_cause(at, kind, others):
    with pytest.raises(kind, match=r"^<Failing>: a bad disk$") as caught:
        list(netmon.read([*others, Failing(SLICES[0], at)]))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_error_behind_what_a_look_needs_is_told_only_if_it_comes_again():
    """A pump reads ahead of a look, and finds an error when nobody wants more of it."""
    is_looked_at, failed = threading.Event(), threading.Event()

    class OnceFailing(Opened):
        def read(self, size=-1):
            if self.tell() >= pumps.PIPE_SIZE and not failed.is_set():
                is_looked_at.wait(PATIENCE)
                failed.set()
                raise ZeroDivisionError
            return super().read(min(size, pumps.PIPE_SIZE))

        read1 = read

    late = slices.whole(*slices.talks(3000))
    late.packets = [(at + 10_000, packet) for at, packet in late.packets]
    data = forge.pcap(late)
    recording = netmon.read([SLICES[0], OnceFailing(data)])
    recording.open()
    assert not failed.is_set()
    is_looked_at.set()
    found = Snapshot.merge(recording)
    assert failed.is_set()
    assert found.requests == Snapshot.merge(netmon.read([SLICES[0], data])).requests >= 9000


def test_a_program_that_ends_in_the_middle_ends_at_once():
    code = """if True:
        import io, netmon, threading
        class Stuck(io.BytesIO):
            def read(self, size=-1):
                if self.tell() > 800_000: threading.Event().wait()
                return super().read(400_000)
            read1 = read
        head = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
        recording = netmon.read(Stuck(head + bytes(1 << 20)))
        recording.open()
        print("opened")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("opened\n", "", 0)


# URLs


@pytest.fixture
def memory():
    """The file system in memory of fsspec, with the slices as files."""
    system = fsspec.filesystem("memory")
    for number, data in enumerate(SLICES):
        system.pipe(f"/captures/day/{number:03}.pcap", data)
    system.pipe("/captures/whole.pcap.gz", gzip.compress(WHOLE))
    yield system
    system.rm("/captures", recursive=True)


def test_a_url_gives_the_snapshots_of_a_file_on_disk(memory, on_disk):
    assert counts(netmon.read("memory://captures/whole.pcap.gz")) == on_disk
    assert counts(Monitor(read="memory://captures/whole.pcap.gz")) == on_disk


def test_a_star_in_a_url_stands_for_all_files_that_match(memory, on_disk):
    found = counts(netmon.read("memory://captures/day/*.pcap"))
    assert [each["requests"] for each in found] == [each["requests"] for each in on_disk]
    with netmon.read("memory://captures/day/00*.pcap") as recording:
        assert recording.interfaces == [f"memory:///captures/day/{n:03}.pcap" for n in range(min(10, len(SLICES)))]


def test_urls_mix_with_other_sources(memory, on_disk):
    mixed = ["memory://captures/day/000.pcap", *SLICES[1:]]
    assert [each["requests"] for each in counts(netmon.read(mixed))] == [each["requests"] for each in on_disk]


def test_the_options_of_a_file_system_are_passed_on(tmp_path, on_disk):
    path = tmp_path / "whole.pcap"
    path.write_bytes(WHOLE)
    found = netmon.read(
        f"simplecache::file://{path}", storage_options={"simplecache": {"cache_storage": str(tmp_path / "c")}}
    )
    assert counts(found) == on_disk
    assert len(os.listdir(tmp_path / "c")) >= 1


def test_each_file_at_a_url_is_closed_once_it_was_read(memory, monkeypatch):
    opened, closed = [], []

    class Noting(remote._Closing):
        def __init__(self, file):
            super().__init__(file)
            opened.append(file)

        def __del__(self):
            closed.append(self._file)
            super().__del__()

    monkeypatch.setattr(remote, "_Closing", Noting)
    assert Snapshot.merge(netmon.read("memory://captures/day/*.pcap")).requests == 1200
    for thread in threading.enumerate():
        if thread.name == "netmon-read":
            thread.join(PATIENCE)
    assert len(opened) == 2 * len(SLICES), "once for a look, and once to read it"
    assert len(closed) == len(opened)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("memory://captures/none.pcap", "memory://captures/none.pcap: "),
        ("memory://captures/none*.pcap", "no such file"),
        ("nosuch://a/b", "Protocol not known: nosuch"),
    ],
)
def test_a_url_without_a_file_is_a_source_error(memory, url, words):
    with pytest.raises(SourceError, match=words.replace("*", r"\*")):
        list(netmon.read(url))


def test_without_fsspec_the_error_names_the_extra_and_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(
        SourceError, match=r"^s3://a/b\.pcap: this needs the extra fsspec .*pip install 'netmon-http\[fsspec\]'$"
    ):
        netmon.read("s3://a/b.pcap")


def test_the_command_reads_urls(tmp_path, capsys):
    path = tmp_path / "whole.pcap"
    path.write_bytes(WHOLE)
    assert cli.main(["-r", f"file://{path}", "--json"]) == 0
    assert Snapshot.from_json(capsys.readouterr().out).requests == 1200
    assert cli.main(["-r", f"file://{path}.none", "--json"]) == 4
    assert f"netmon: file://{path}.none: " in capsys.readouterr().err


def test_a_path_is_a_path_though_it_has_the_signs_of_a_url(tmp_path):
    odd = tmp_path / "a:"
    odd.mkdir()
    path = odd / "b.pcap"
    path.write_bytes(WHOLE)
    assert not remote.is_url(f"{tmp_path}/a://b.pcap")
    assert Snapshot.merge(netmon.read(f"{tmp_path}/a://b.pcap")).requests == 1200


def test_the_lender_answers_only_while_it_is_open():
    lender = lending.Lender([])
    assert lender.descriptor >= 0
    lender.close()
    lender.close()
    assert lender.descriptor == -1
