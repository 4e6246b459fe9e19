"""The live page: the page of the report, made of what is known now, and sent anew to all who look at it.

`Web` is the sink. It takes frames and never waits for a viewer. While somebody looks, a thread of its own makes at most
one state a second, whatever the number of viewers; while nobody does, nothing is made.
"""

from __future__ import annotations

import time
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from netmon.page.data import document
from netmon.page.escape import packed
from netmon.page.record import Record
from netmon.serving.feed import Feed
from netmon.serving.messages import Body

if TYPE_CHECKING:
    from netmon.frames import Frame
    from netmon.page.data import Document

PACE = 1.0
"""Seconds between two states at least: a person reads no faster."""

REST = 4
"""How many times as long as a state took nothing is made after it: with very many hosts, a fifth of a core at most."""

VIEWERS = 100
"""Viewers at once at most. Each takes 25 kB a second, and with 10,000 hosts 300 kB: for more, there are proxies."""

BEAT, END = b"event: beat\ndata: 1\n\n", b"event: end\ndata: 1\n\n"

LAST = 0.2
"""Seconds that the last state may take when netmon ends."""


class State:
    """What a page shows at one moment, made once for all viewers."""

    def __init__(self, number: int, record: Record) -> None:
        from netmon.page.render import parts  # noqa: PLC0415  loads Jinja2, which only the first viewer needs

        self.number = number
        self.document: Document = document(record)
        self.parts = parts(self.document, is_live=True)
        self._page: Body | None = None
        self._lock = Lock()

    @property
    def page(self) -> Body:
        """The whole page, for all who load it."""
        from netmon.page.render import Live, page  # noqa: PLC0415  as above

        with self._lock:
            if self._page is None:
                self._page = Body(page(self.document, live=Live(self.number, self.parts)).encode())
            return self._page

    @property
    def event(self) -> bytes:
        """The event that brings it to a page that shows another state."""
        data = packed({"document": self.document, "parts": self.parts})
        return f"id: {self.number}\nevent: state\ndata: {data}\n\n".encode()


class Web:
    """The sink. `feed` is the stream of its states."""

    def __init__(self, where: str | None = None, *, pace: float = PACE) -> None:
        self.feed = Feed(most=VIEWERS, beat=BEAT, on_reader=self._wake)
        self.made = 0
        """The number of states that were made."""
        self._record = Record(where)
        self._frames = 0
        self._state: State | None = None
        self._at = -pace
        self._pace = pace
        self._news: list[str] = []
        self._trouble = ""
        self._lock, self._making = Lock(), Lock()
        self._woken, self._closing = Event(), Event()
        self._thread = Thread(target=self._run, name="netmon-web", daemon=True)
        self._thread.start()

    def update(self, frame: Frame) -> None:
        with self._lock:
            self._record.update(frame)
            self._frames += 1
        self._wake()

    def close(self) -> None:
        """Sends the last state, if it is made in time, and tells every viewer that this is the end."""
        self._closing.set()
        self._wake()
        self._thread.join(LAST)
        self.feed.end(END)

    def news(self) -> list[str]:
        """What went wrong, in words; each is told once."""
        news, self._news = self._news, []
        return news

    @property
    def state(self) -> State:
        """The newest state, or the one before if that was made less than `PACE` ago."""
        with self._making:
            with self._lock:
                number = self._frames
                is_new = self._state is None or self._state.number != number
                is_due = time.monotonic() - self._at >= self._pace or self._closing.is_set()
                record = self._record.copy() if is_new and (is_due or self._state is None) else None
            if record is not None:
                self._at = time.monotonic()
                self._state = State(number, record)
                self.made += 1
            assert self._state is not None  # noqa: S101  made above at the latest
            return self._state

    def _wake(self) -> None:
        self._woken.set()

    def _run(self) -> None:
        """Publishes states until the end, while somebody reads them."""
        is_last = False
        while not is_last:
            self._woken.wait()
            self._woken.clear()
            is_last = self._closing.is_set()
            if not self.feed.readers or self.feed.number == self._frames:
                continue
            began = time.monotonic()
            try:
                self._publish()
                self._trouble = ""
            except Exception as error:  # a page that cannot be made stops nothing else
                if repr(error) != self._trouble:
                    self._trouble = repr(error)
                    self._news = [f"the live page could not be made: {error!r}"]
            self._closing.wait(max(self._pace, REST * (time.monotonic() - began)))

    def _publish(self) -> None:
        state = self.state
        if state.number > self.feed.number:
            self.feed.publish(state.event, state.number)
        if state.number != self._frames:
            self._wake()
