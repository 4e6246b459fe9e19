"""The only loop: snapshot -> frame -> sinks, until the end of the capture, a signal, a key or a closed pipe.

Settings go in; whether an alert fired comes out. At the end, the capture stops, netmon leaves the screen, flushes every
output and writes the summary last. Then errors of the capture are raised.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, TextIO

from netmon import format as fmt
from netmon import log
from netmon.alarms import Alarms
from netmon.alerts import AlertPolicy
from netmon.console import Console, after, restoring, stopping
from netmon.frames import Frame, Frames
from netmon.guard import confined
from netmon.notes import Notes
from netmon.outlet import Patience
from netmon.pace import EXACT
from netmon.reload import reloaded
from netmon.rulebook import usual
from netmon.session_log import SessionLog
from netmon.sinks import outputs, services
from netmon.sinks.summary import summary
from netmon.source import monitor_of as _monitor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from netmon._core import Snapshot
    from netmon.alerts import Policy, Rule
    from netmon.config import Configured
    from netmon.display.app import Display
    from netmon.display.terminal import Terminal
    from netmon.guard import Guard
    from netmon.monitor import Monitor
    from netmon.options import Settings
    from netmon.player import Player
    from netmon.sinks import Opened, Out, Sink


class IncompleteError(Exception):
    """All outputs are written, but a part of the input could not be read. The log says what is missing."""


def run(
    settings: Settings,
    *,
    filter: str | None = None,  # noqa: A002  the setting has this name everywhere
    once: bool = False,
    demo: bool = False,
    must_be_whole: bool = False,
    reread: Callable[[], Configured] | None = None,
    rules: Sequence[Rule] | None = None,
    policy: Policy | None = None,
    monitor: Monitor | None = None,
    console: Console | None = None,
    guard: Guard | None = None,
) -> bool:
    """Runs until the end and returns whether an alert fired.

    `filter` is used if the settings have none. `once` ends after one window. `demo` without a screen ends at the first
    recovery. `monitor` and `console` replace a real capture and the streams of the process. An error that did not
    stop the rest is raised at the very end. With `must_be_whole`, input that could not be read raises IncompleteError.
    `reread` reads the configuration again, for SIGHUP; without it, SIGHUP ends the session. Without `rules`, there is
    the one of the settings. `policy` decides on alerts in place of all rules. `guard` gives up rights of the process
    once the capture is open: before the first packet and before any output.
    """
    console = console or Console.of_process()
    wants_screen = settings.format == "auto" and not settings.requests and not once and settings.write != "-"
    with ExitStack() as closing:
        keyboard = console.keyboard(stdin_is_read="-" in settings.read) if wants_screen else nullcontext()
        keys = closing.enter_context(keyboard)
        on_screen = keys is not None
        lists = services.lists_slowest(settings)
        monitor = monitor or _monitor(settings, filter, on_screen=on_screen, once=once, lists_slowest=lists)
        session = Session(settings, monitor, console, once=once, demo=demo, until_recovery=demo and not on_screen)
        session.reread = reread
        session.begin_alarms([usual(settings)] if rules is None else rules, policy)
        closing.push(session.tell)
        closing.callback(monitor.close)
        failure = confined(monitor, guard)
        session.log = closing.enter_context(session.log_of(on_screen=on_screen))
        closing.callback(monitor.close)  # before the log
        if failure is not None:
            raise failure
        session.log.started(monitor, guard.user if guard else None)
        session.begin(guard)
        closing.push(session.close_outlets)
        closing.enter_context(stopping(session.stop))  # until the loop handles signals
        session.open_outputs()
        if keys is not None:
            session.run_screen(keys)
        else:
            session.open_stdout()
            session.run(console.undrawable if wants_screen else "")
    if must_be_whole and session.is_incomplete:
        raise IncompleteError
    return session.frame is not None and session.frame.tally.fired > 0


class Session:
    """One run. `push` is the body of the loop; `run` is the loop without a screen, `run_screen` with one."""

    def __init__(
        self,
        settings: Settings,
        monitor: Monitor,
        console: Console,
        *,
        once: bool = False,
        demo: bool = False,
        until_recovery: bool = False,
    ) -> None:
        self.sinks: list[Sink] = []
        self.names: dict[Sink, str] = {}
        """The path of each sink that writes a file, and what a service is called."""
        self.failure: Exception | None = None
        """The first error that did not stop the rest."""
        self.frame: Frame | None = None
        self.is_incomplete = False
        self.reread: Callable[[], Configured] | None = None
        self.reload: Callable[[Configured], str] | None = None
        """Uses what SIGHUP had read again, on a thread of its own; returns what to tell, or raises ValueError."""
        self.log: SessionLog | None = None
        self._outlets: list[Out] = []
        self._opened: list[Opened] = []
        self._patience = Patience(settings.timeout)
        self._settings = settings
        self._monitor = monitor
        self._console = console
        self._length = float(settings.window) if once else float("inf")
        self._until_recovery = until_recovery
        self._notes: Notes | None = None
        self._note: Callable[[str], None] | None = None
        self._policy: Policy = AlertPolicy([usual(settings)])
        self._alarms: Alarms | None = None
        self._already = [name for name, is_so in (("demo", demo), ("read", settings.read)) if is_so]
        self._frames = Frames(settings.window, policy=self._policy, already=self._already)

    def begin_alarms(self, rules: Sequence[Rule], policy: Policy | None) -> None:
        """Sets what decides on alerts: a policy of the caller's, or rules with what they do and remember."""
        if policy is None:
            environment, report = self._console.environment, lambda line: self._report([line])
            alarms = Alarms(self._settings, rules, environment, report, is_open=False)
            self.reload = lambda configured: alarms.reload(self._frames, configured, self._monitor)
            self._alarms, policy = alarms, alarms.policy
        self._policy = policy
        self._monitor.always = services.subsets(self._settings)
        self._monitor.count_for(policy)
        apart = services.lists_slowest(self._settings)
        self._frames = Frames(self._settings.window, policy=policy, already=self._already, exchanges_apart=apart)

    def begin(self, guard: Guard | None) -> None:
        """Lets rules remember and act, and the capture look at packets."""
        if self._alarms is not None:
            self._alarms.open(guard.refuses_commands if guard is not None else "")
        if guard is not None:
            self._report([f"netmon: {line}\n" for line in guard.told(self._settings)], is_logged=False)
            self._monitor.begin()

    def push(self, snapshot: Snapshot) -> Frame:
        """Makes a frame of one snapshot and hands it to all outputs."""
        return self.deliver(self._frames.push(snapshot))

    def deliver(self, frame: Frame) -> Frame:
        """Hands a frame to all outputs."""
        self.frame = frame
        if self._alarms is not None:
            self._alarms.take(frame)
        if self.log is not None:
            self.log.frame(frame)
        for sink in self.sinks[:]:
            try:
                sink.update(frame)
            except Exception as error:  # one output failed; the capture and the other outputs go on
                name = self.names.get(sink, "standard output")
                is_last = self._notes is None and len(self.sinks) == 1
                if is_last or (isinstance(error, BrokenPipeError) and sink not in self.names):
                    raise
                self.sinks.remove(sink)
                self._fail(error, name)
        self._take_log()
        return frame

    def log_of(self, *, on_screen: bool) -> SessionLog:
        """The log of the session. A file that cannot be written is told once, and again when the error changes."""

        def report(trouble: str) -> None:
            self._report([f"netmon: error: {fmt.sanitize(trouble)}; the rest goes on\n"], is_logged=False)

        return SessionLog(self._settings, self._console, report, on_screen=on_screen)

    def open_outputs(self) -> None:
        """Opens the files of ``--output`` and the services, with a sink for each."""
        for each in services.opened(self._settings, self._patience, self._monitor.recording):
            self._opened.append(each)
            self._outlets.append(each.outlet)
            self.sinks.append(each.sink)
            self.names[each.sink] = each.name

    def open_stdout(self) -> None:
        """Adds the sink for standard output."""
        if not self._settings.prints:
            return
        outlet, sink = outputs.stdout(self._settings, self._console, self._patience)
        self._outlets.extend(filter(None, [outlet]))
        self.sinks.append(sink)

    def close_outlets(self, _kind: object, error: BaseException | None, _where: object) -> None:
        """Closes all outlets. Raises the error already on its way or else the first of an outlet; prints the others."""
        self._monitor.close()  # what writes packets waits for the end of the capture
        failure = services.close_all(self._outlets, error, self._say)
        if failure is not None:
            raise failure

    def _fail(self, error: Exception, what: str) -> None:
        """Reports an error that stops nothing else, and keeps the first one for `tell`."""
        if isinstance(error, OSError) and error.filename is None:
            error.filename = what
        self.failure = self.failure or error
        reason = (error.strerror if isinstance(error, OSError) else None) or repr(error)
        log.event("output.failed", "error", output=what, error=reason)
        self._report([f"netmon: error: {fmt.sanitize(what)}: {fmt.sanitize(reason)}; the rest goes on\n"])

    def tell(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Raises `failure` once everything is closed, unless an error of another type is on its way.

        An error of the same type is replaced: a file that failed before may fail again when it is closed.
        """
        if self.failure is not None and (error is None or type(error) is type(self.failure)):
            raise self.failure

    def run(self, news: str = "") -> None:
        told = filter(None, (news, *(each.told for each in self._opened)))
        self._report([f"netmon: {fmt.sanitize(line)}\n" for line in told], is_logged=False)
        with self._hangups(self.stop) as hangup, stopping(self.stop, hangup), self._ending():
            for snapshot in self._monitor.snapshots():
                if self._is_over(snapshot.start):
                    break
                self.push(snapshot)
                if self._is_over(snapshot.end):
                    break
            if self._settings.read and self._length == float("inf"):
                report = partial(self._report, is_logged=False)
                services.stay(self._opened, self.sinks, self._outlets, self._patience, report)

    def run_screen(self, keys: TextIO) -> None:
        """The loop with a screen; keys are read from the terminal `keys`."""
        from netmon.display.look import first_frame  # noqa: PLC0415  only the screen needs it
        from netmon.display.terminal import Terminal  # noqa: PLC0415  as above

        settings = self._settings
        whole_file = bool(settings.read) and settings.speed is None
        window = float("inf") if whole_file else float(settings.window)
        keeps = {"keeps_exchanges": True, "keeps_connections": not settings.connections}
        self._frames = Frames(window, (), policy=self._policy, already=self._already, **keeps)
        self._notes = Notes()
        display: Display | None = None
        is_stopped = self._patience.is_ending  # by a signal while the outputs were opened

        def stop() -> None:
            nonlocal is_stopped
            is_stopped = True
            self._patience.end()
            if display is not None:
                display.stop()

        ends = settings.timeout if settings.read else None  # a live capture ends by its own timeout
        with (
            self._hangups(stop) as hangup,
            stopping(stop, hangup),
            self._ending(),
            Terminal(self._console.stdout) as terminal,
            restoring(terminal.close),
            after(ends, stop),
        ):
            terminal.enter(first_frame(settings, self._console, terminal))
            player = self._player() if settings.read and not whole_file else None
            display = self._display(terminal, keys, player, stays=whole_file)
            self._note = display.note
            if is_stopped:
                display.stop()
            if player is not None:
                display.run(player.moments(), player.stop)
            else:
                display.run(self._frames_as_they_come(), self._monitor.close)

    def _hangups(self, stop: Callable[[], None]) -> AbstractContextManager[Callable[[], bool]]:
        """What a handler of SIGHUP asks whether netmon is to end."""
        if self.reload is None or self.reread is None:
            return nullcontext(lambda: True)
        from netmon.hangup import reloading  # noqa: PLC0415  few sessions have something to read again

        return reloading(self._reload, lambda: self._console.has_terminal, stop)

    def _reload(self) -> None:
        """Reads the configuration again and uses it, or tells why not; then everything stays as it was."""
        if self.reread is not None and self.reload is not None:
            reloaded(self.reread, self.reload, self._report)

    def stop(self) -> None:
        self._patience.end()
        self._monitor.close()

    def _say(self, text: str) -> None:
        self._console.say(text, self._patience if self._patience.is_ending else None)

    def _display(self, terminal: Terminal, keys: TextIO, player: Player | None, *, stays: bool) -> Display:
        from netmon.display.app import Display  # noqa: PLC0415  loads slowly, after the first frame is on the screen
        from netmon.display.keyboard import Keyboard  # noqa: PLC0415  as above
        from netmon.display.look import look_of  # noqa: PLC0415  as above

        return Display(
            **look_of(self._settings, self._console),
            stays=stays,
            input=Keyboard(keys),
            on_failure=lambda error: self._fail(error, "the screen"),
            controls=self._frames if player is None else None,
            player=player,
            terminal=terminal,
            announced=[each.told for each in self._opened if each.told],
        )

    def _player(self) -> Player:
        """Plays the file on the screen; outputs get each frame when it is first played."""
        from netmon.player import player_of  # noqa: PLC0415  as above

        return player_of(self._settings, self._frames, self.deliver, self._monitor)

    async def _frames_as_they_come(self) -> AsyncIterator[Frame]:
        import asyncio  # noqa: PLC0415  loads slowly, and only the screen needs it

        async for snapshot in self._monitor.asnapshots():
            yield await asyncio.to_thread(self.push, snapshot)  # so that keys do not wait for a merge

    def _is_over(self, at: float) -> bool:
        """Whether the run ends at time `at`: its length is over, or the demo has seen a recovery."""
        if self.frame is None:
            return False
        tally = self.frame.tally
        recovered = self._until_recovery and tally.recovered > 0
        return recovered or at - tally.start >= self._length - EXACT

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Whatever happened in the block, closes each output after it and then writes the summary."""
        quiet = self._settings.quiet
        try:
            yield
        except KeyboardInterrupt:  # a second Ctrl+C ends at once
            quiet = True
            self.sinks.clear()
            raise
        except BrokenPipeError:  # the reader has closed the pipe
            quiet = True
            raise
        finally:
            self._monitor.close()
            with ExitStack() as closing:
                closing.push(lambda _, error, __: self._write_summary(quiet or isinstance(error, BrokenPipeError)))
                if self._alarms is not None:
                    closing.callback(self._alarms.close)
                for sink in self.sinks:
                    closing.callback(sink.close)

    def _write_summary(self, quiet: bool) -> None:
        self._take_log()
        if not quiet:
            color = self._console.wants_color(self._settings.color, self._console.stderr)
            self._say(
                (self._notes.text if self._notes else "") + summary(self.frame, color=color, where=self._settings.where)
            )

    def _take_log(self) -> None:
        """Reports new messages of the capture and of outputs; a screen shows them, and they are printed at the end."""
        levels = ("error", "warning", "info", "debug")
        heard = levels[: 1 if self._settings.quiet else 2 + self._settings.verbose]
        told = [(level, fmt.sanitize(message)) for level, message in self._monitor.log()]
        self.is_incomplete = self.is_incomplete or any(level == "error" for level, _ in told)
        told += [("error", fmt.sanitize(news)) for outlet in self._outlets for news in outlet.news()]
        if self.log is not None:
            self.log.messages(told)
        self._report([f"netmon: {level}: {message}\n" for level, message in told if level in heard])

    def _report(self, lines: list[str], *, is_logged: bool = True) -> None:
        """Tells the user. What the log has told on standard error is not told there again."""
        if self._notes is not None:
            self._notes.add(lines)
            if lines and self._note is not None:
                more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
                self._note(lines[-1].strip().removeprefix("netmon: ") + more)
        elif lines and not (is_logged and self.log is not None and log.takes_stderr(self._settings, self._console)):
            self._say("".join(lines))
