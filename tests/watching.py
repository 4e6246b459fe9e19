"""A live capture whose snapshots a test can wait for, and a comparison of its counts with an access log."""

import threading
import time
from collections import Counter

from netmon import Monitor, Snapshot
from patience import PATIENCE


class Watch:
    """Captures in a namespace. A thread gathers the snapshots and the time at which each came."""

    def __init__(self, namespace, interfaces=None, **settings):
        self.monitor = Monitor(interfaces, **{"interval": 0.2} | settings)
        self.snapshots, self.arrivals, self.ended = [], [], False
        self._news = threading.Condition()
        with namespace.inside():
            self.monitor.open()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for snapshot in self.monitor.snapshots():
            self._tell(snapshot)
        self._tell(None)

    def _tell(self, snapshot):
        with self._news:
            if snapshot is None:
                self.ended = True
            else:
                self.snapshots.append(snapshot)
                self.arrivals.append(time.time())
            self._news.notify_all()

    def until(self, condition, timeout=PATIENCE):
        """Waits until `condition(snapshots)` is true."""
        with self._news:
            assert self._news.wait_for(lambda: condition(self.snapshots), timeout), self.snapshots[-3:]

    def until_quiet(self):
        """Waits until two intervals in a row saw no packet."""
        self.until(lambda snapshots: not any(snapshot.capture.received for snapshot in snapshots[-2:]))

    def until_host(self, name):
        self.until(lambda snapshots: any(snapshot.host(name) for snapshot in snapshots))

    def total(self):
        """Ends the capture and returns the merge of all snapshots."""
        self.monitor.close()
        with self._news:
            assert self._news.wait_for(lambda: self.ended, PATIENCE), "the iterator ends after close()"
        return Snapshot.merge(self.snapshots)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.monitor.close()
        self._reader.join(5)


def requests(total):
    """(host, section) -> number of requests."""
    rows = ((host.name, section.path, section.requests) for host in total.hosts for section in host.sections)
    return {(host, path): count for host, path, count in rows if count}


def compare(total, truth):
    """Checks that every count is exactly that of the access log, and that nothing was lost."""
    statuses, methods, sections = Counter(), Counter(), Counter()
    for (host, method, section, status), count in truth.items():
        statuses[status] += count
        methods[method] += count
        sections[host.lower(), section] += count
    found = dict(total.statuses)
    interim = found.pop(100, 0)
    assert (total.capture.kernel_dropped, total.capture.gaps, total.capture.parse_errors) == (0, 0, 0)
    assert total.requests == sum(truth.values())
    assert total.responses == sum(truth.values()) + interim
    assert (found, total.methods) == (statuses, methods)
    assert requests(total) == sections
    assert (total.capture.orphan_responses, total.capture.unanswered) == (0, 0)
