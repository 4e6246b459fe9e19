"""The only loop: snapshot -> frame -> sinks, until the end of the capture, a signal, a key or a closed pipe.

Settings go in, whether an alert fired comes out. However it ends: the capture stops, the screen is left, every output
is flushed, then the summary is the last thing written. Errors of the capture pass to the caller, after all that.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

from netmon.alerts import Rule
from netmon.console import Console, stopping
from netmon.frames import Frame, Frames
from netmon.monitor import Monitor
from netmon.sinks.document import Document
from netmon.sinks.ndjson import Ndjson
from netmon.sinks.summary import summary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from netmon._core import Snapshot
    from netmon.display.app import Display
    from netmon.display.terminal import Terminal
    from netmon.options import Settings
    from netmon.player import Player
    from netmon.sinks import Sink

NOTES = 100
"""Messages of the capture kept while the screen is up; the newest tell most."""


def run(
    settings: Settings,
    *,
    filter: str | None = None,  # noqa: A002  the name of the setting everywhere
    once: bool = False,
    demo: bool = False,
    monitor: Monitor | None = None,
    console: Console | None = None,
) -> bool:
    """Runs until the end, and tells whether an alert fired.

    `filter` is used where the settings have none. `once` ends after one window. `demo` without a screen ends at the
    first recovery. `monitor` and `console` take the place of a real capture and the process's streams.
    """
    console = console or Console.of_process()
    on_screen = settings.format == "auto" and not settings.requests and not once and console.is_terminal
    monitor = monitor or _monitor(
        settings, filter, plays=not on_screen, exchanges=settings.requests or on_screen, once=once
    )
    with ExitStack() as files:
        session = Session(settings, monitor, console, once=once, until_recovery=demo and not on_screen)
        files.callback(monitor.close)
        monitor.open()
        session.sinks += _outputs(settings, files)
        if on_screen:
            session.run_screen()
        else:
            session.sinks.append(_stdout(settings, console))
            session.run()
    return session.frame is not None and session.frame.tally.fired > 0


class Session:
    """One run. `push` is the loop's body, `run` and `run_screen` are the loop without and with a screen."""

    def __init__(
        self,
        settings: Settings,
        monitor: Monitor,
        console: Console,
        *,
        once: bool = False,
        until_recovery: bool = False,
    ) -> None:
        self.sinks: list[Sink] = []
        self.frame: Frame | None = None
        self._settings = settings
        self._monitor = monitor
        self._console = console
        self._length = float(settings.window) if once else float("inf")
        self._until_recovery = until_recovery
        self._notes: deque[str] | None = None
        self._note: Callable[[str], None] | None = None
        self._rules = [Rule(settings.alert_threshold, settings.alert_span)]
        self._frames = Frames(settings.window, self._rules)

    def push(self, snapshot: Snapshot) -> Frame:
        """Takes one snapshot through the flow."""
        return self.deliver(self._frames.push(snapshot))

    def deliver(self, frame: Frame) -> Frame:
        """Hands a frame to all outputs."""
        self.frame = frame
        for sink in self.sinks:
            sink.update(frame)
        self._take_log()
        return frame

    def run(self) -> None:
        with stopping(self._monitor.close), self._ending():
            for snapshot in self._monitor.snapshots():
                if self._is_over(snapshot.start):
                    break
                self.push(snapshot)
                if self._is_over(snapshot.end):
                    break

    def run_screen(self) -> None:
        from netmon.display.terminal import Terminal  # noqa: PLC0415  only the screen needs it

        settings = self._settings
        whole_file = bool(settings.read) and settings.speed is None
        window = float("inf") if whole_file else float(settings.window)
        self._frames = Frames(window, self._rules, keeps_exchanges=True)
        self._notes = deque(maxlen=NOTES)
        display: Display | None = None
        is_stopped = False

        def stop() -> None:
            nonlocal is_stopped
            is_stopped = True
            if display is not None:
                display.stop()

        with stopping(stop), self._ending(), Terminal(self._console.stdout) as terminal:
            terminal.enter(self._first_frame(*terminal.size))
            player = self._player() if settings.read and not whole_file else None
            display = self._display(terminal, player, stays=whole_file)
            self._note = display.note
            if is_stopped:
                display.stop()
            if player is not None:
                display.run(player.moments(), player.stop)
            else:
                display.run(self._frames_as_they_come(), self._monitor.close)

    @property
    def _plain_glyphs(self) -> bool:
        return self._settings.ascii or not self._console.speaks_unicode

    def _first_frame(self, width: int, height: int) -> list[str]:
        """What there is before the first interval has ended, in no colours."""
        from netmon.display.layout import screen  # noqa: PLC0415  as above
        from netmon.display.view import View  # noqa: PLC0415  as above

        lines = screen(View(plain_glyphs=self._plain_glyphs), width, height)
        return ["".join(text for _, text in line) for line in lines]

    def _display(self, terminal: Terminal, player: Player | None, *, stays: bool) -> Display:
        from netmon.display.app import Display  # noqa: PLC0415  takes longer than all the rest, which is on the screen

        return Display(
            color=self._console.wants_color(self._settings.color),
            plain_glyphs=self._plain_glyphs,
            stays=stays,
            theme=self._settings.theme,
            controls=self._frames if player is None else None,
            player=player,
            terminal=terminal,
        )

    def _player(self) -> Player:
        """The file as it is played on the screen; outputs get each frame when it is first played."""
        from netmon.playback import Playback  # noqa: PLC0415  as above
        from netmon.player import Player  # noqa: PLC0415

        settings = self._settings
        playback = Playback(self._frames, interval=settings.interval, speed=settings.speed or 1.0, on_new=self.deliver)
        return Player(playback, self._monitor)

    async def _frames_as_they_come(self) -> AsyncIterator[Frame]:
        import asyncio  # noqa: PLC0415  takes longer to import than all the rest, and only the screen needs it

        async for snapshot in self._monitor.asnapshots():
            yield await asyncio.to_thread(self.push, snapshot)  # merging must not hold up the keys

    def _is_over(self, at: float) -> bool:
        """Whether what was asked for has been seen, once time is `at`."""
        if self.frame is None:
            return False
        tally = self.frame.tally
        recovered = self._until_recovery and tally.recovered > 0
        return recovered or at - tally.start >= self._length - 1e-6

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """What is done last, whatever happened: flush each output, then the summary, then silence."""
        quiet = self._settings.quiet
        try:
            yield
        except KeyboardInterrupt:  # the second one: at once
            quiet = True
            self.sinks.clear()
            raise
        except BrokenPipeError:  # the reader has had enough
            quiet = True
            raise
        finally:
            self._monitor.close()
            with ExitStack() as closing:
                closing.callback(self._last_words, quiet)
                for sink in self.sinks:
                    closing.callback(sink.close)

    def _last_words(self, quiet: bool) -> None:
        self._take_log()
        if not quiet:
            color = self._console.wants_color(self._settings.color, self._console.stderr)
            self._console.say("".join(self._notes or ()) + summary(self.frame, color=color))

    def _take_log(self) -> None:
        """Passes on what the capture has to say; with a screen up it is shown there, and said again at the end."""
        levels = ("error", "warning", "info", "debug")
        heard = levels[: 1 if self._settings.quiet else 2 + self._settings.verbose]
        lines = [f"netmon: {level}: {message}\n" for level, message in self._monitor.log() if level in heard]
        if self._notes is not None:
            self._notes.extend(lines)
            if lines and self._note is not None:
                more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
                self._note(lines[-1].strip().removeprefix("netmon: ") + more)
        elif lines:
            self._console.say("".join(lines))


def _monitor(settings: Settings, default_filter: str | None, *, plays: bool, exchanges: bool, once: bool) -> Monitor:
    """The capture; on the screen a player sees to the speed of a file, and live there is none.

    Live, one window ends by the clock, in the middle of an interval; of a file by packet time.
    """
    limits = (settings.timeout, settings.window if once and not settings.read else None)
    timeout = min((limit for limit in limits if limit is not None), default=None)
    return Monitor(
        settings.interfaces,
        read=settings.read,
        speed=settings.speed if plays and settings.read else None,
        interval=settings.interval,
        timeout=timeout,
        filter=settings.filter or default_filter,
        exclude_interfaces=settings.exclude_interfaces,
        section_depth=settings.section_depth,
        snaplen=settings.snaplen,
        buffer_size=settings.buffer_size,
        promiscuous=settings.promiscuous,
        exchanges=exchanges,
        decode_tunnels=settings.decode_tunnels,
        count_copies=settings.count_copies,
        response_timeout=settings.response_timeout,
        workers=settings.workers,
    )


def _outputs(settings: Settings, files: ExitStack) -> Iterator[Sink]:
    """The sinks of ``--output``, by the extension of the file."""
    for name in settings.output:
        stream = files.enter_context(open(name, _mode(settings, name)))  # noqa: SIM115  closed with the others
        yield Ndjson(stream) if name.endswith(".ndjson") else Document(stream)


def _mode(settings: Settings, name: str) -> Literal["ab", "wb", "xb"]:
    """How an output is opened. What is there is never replaced unasked; a pipe has nothing to replace."""
    if settings.append:
        return "ab"
    return "wb" if settings.force or (os.path.exists(name) and not os.path.isfile(name)) else "xb"


def _stdout(settings: Settings, console: Console) -> Sink:
    """The sink for standard output."""
    if settings.requests:
        from netmon.sinks.requests import Requests  # noqa: PLC0415  loads json, which no other output needs

        return Requests(console.stdout, as_json=settings.format in ("ndjson", "json"))
    if settings.format == "ndjson":
        return Ndjson(console.stdout.buffer)
    if settings.format == "json":
        return Document(console.stdout.buffer)
    from netmon.sinks.plain import Plain  # noqa: PLC0415  what it writes with is needed by none of the others

    color = console.wants_color(settings.color)
    return Plain(console.stdout, window=settings.window, top=settings.top, color=color)
