"""The application on the terminal: takes frames and keys, and draws the view that results, at most ten times a second.

It has one prompt_toolkit window with one control, which draws the lines of `layout.screen` for the current view. It
does not wait for frames and knows nothing of captures. The terminal is restored however the application ends. An error
while drawing is reported and does not end the application.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TextIO, cast

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.filters import Condition
from prompt_toolkit.layout import Layout, Window
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Style

from netmon.display import export
from netmon.display.control import Screen, bindings
from netmon.display.keys import LEAP, Action, Command
from netmon.display.rows import carried, warm
from netmon.display.themes import ALL, MONOCHROME, THEMES, UNICODE, Glyphs
from netmon.display.view import View
from netmon.frames import Frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence

    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from netmon.display.terminal import Terminal
    from netmon.playback import Moment
    from netmon.player import Player

ESCAPE_WAIT = 0.05
"""Seconds after which a lone ``ESC`` is the key Esc and not the beginning of another key. A user notices the default of
half a second.
"""

REDRAW = 0.1
"""Minimum number of seconds between two drawings."""

NOTICE = 8.0
"""Seconds for which a message is shown."""


class Controls(Protocol):
    """What the screen can ask of the source of its frames (`frames.Frames`). Both methods take as long as a merge."""

    def resize(self, window: float) -> Frame | None: ...
    def clear(self) -> Frame | None: ...


class Display:
    """The screen. `stop` and `note` may be called from any thread and from signal handlers.

    With `stays`, the screen stays after the end of the capture until a key quits it. Without `controls`, the keys that
    need them do nothing. `colors` is the number of bits of a colour, `capture_filter` the capture filter that the user
    set, `where` the filter of the exchanges that are counted, `announced` what outputs tell at the start.

    `on_failure` is called with the error if drawing or a key fails.
    """

    def __init__(
        self,
        *,
        colors: int = ALL,
        glyphs: Glyphs = UNICODE,
        stays: bool = False,
        theme: str = "dark",
        controls: Controls | None = None,
        player: Player | None = None,
        input: Input | None = None,  # noqa: A002  prompt_toolkit's word
        output: Output | None = None,
        terminal: Terminal | None = None,
        capture_filter: str = "",
        where: str = "",
        announced: Sequence[str] = (),
        on_failure: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self.view = View(glyphs=glyphs, capture_filter=capture_filter, where=where, announced=announced)
        self.commands: dict[Command, Callable[[], None]] = {
            "quit": self.stop,
            "suspend": self.suspend,
            "pause": self.pause,
            "window": self._resize,
            "clear": lambda: self._ask(lambda it: it.clear()),
            "export": self._export,
            "mouse": self._switch_mouse,
            "step": _nothing,
            "rewind": _nothing,
            "back": _nothing,
            "forward": _nothing,
        }
        """The function of each command of `keys`. Commands that move through a file do nothing in a live capture."""
        if player is not None:
            self.commands |= {"step": player.step, "rewind": player.rewind, "clear": player.clear}
            self.commands |= {"back": lambda: player.seek(-LEAP), "forward": lambda: player.seek(+LEAP)}
        self._stays = stays
        self._controls = controls
        self.player = player
        self._is_stopped = False
        self._on_failure = on_failure
        self._failed = ""
        self._notice: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking = asyncio.Lock()
        self._terminal = terminal
        has_colors = colors > MONOCHROME and theme != "none"
        self._canvas = Screen(self)
        self._app = _Application(
            terminal,
            self.fail,
            layout=Layout(Window(self._canvas, always_hide_cursor=True)),
            key_bindings=bindings(self),
            style=Style.from_dict(THEMES[theme if has_colors else "none"]),
            color_depth=ColorDepth(f"DEPTH_{colors if has_colors else MONOCHROME}_BIT"),
            mouse_support=Condition(lambda: self.view.has_mouse),
            full_screen=True,
            min_redraw_interval=REDRAW,
            input=input,
            output=output or (_output(terminal) if terminal else None),
        )
        self._app.ttimeoutlen = self._app.timeoutlen = ESCAPE_WAIT

    def run(self, frames: AsyncIterator[Frame | Moment], close: Callable[[], None]) -> None:
        """Draws `frames` until `stop` is called, a key quits, or the frames end.

        `close` is called when the screen is left. Frames that still arrive after that are consumed, but not drawn. An
        error of `frames` is raised.
        """
        asyncio.run(self._run(frames, close))

    async def _run(self, frames: AsyncIterator[Frame | Moment], close: Callable[[], None]) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: self.fail(_error_of(context)))
        if self._terminal is not None:
            self._terminal.flush()  # the rest of the first frame, which was written before an event loop ran
        feed = asyncio.create_task(self._feed(frames))
        is_interrupted = False
        try:
            if not self._is_stopped:
                with suppress(EOFError), _signals(self.suspend):  # EOFError: the terminal is gone
                    await self._app.run_async(handle_sigint=False, set_exception_handler=False, pre_run=self._started)
        except KeyboardInterrupt:  # the second Ctrl+C: the remaining frames are not waited for
            is_interrupted = feed.cancel()
            raise
        finally:
            close()
            self._app.renderer.reset()
            if self._terminal is not None:
                self._terminal.close()
            await asyncio.gather(feed, *self._tasks, return_exceptions=is_interrupted)

    async def _feed(self, frames: AsyncIterator[Frame | Moment]) -> None:
        try:
            async for frame in frames:
                with self._failing():
                    await asyncio.to_thread(warm, _with(self.view, frame))  # ranking must not delay the keys
                with self._failing():
                    self.show(frame)
            self._end()
        except BaseException:
            self.stop()
            raise

    def show(self, shown: Frame | Moment) -> None:
        self.change(lambda view: _with(view, shown))

    def pause(self) -> None:
        """Pauses or resumes the file that is played, or in a live capture the screen."""
        if self.player is not None:
            self.player.toggle()
        else:
            self.change(lambda view: view.paused())

    def _end(self) -> None:
        if self._stays:
            self.change(lambda view: view.with_end())
        else:
            self.stop()

    def change(self, action: Action) -> None:
        self.view = action(self.view)
        self._app.invalidate()

    def press(self, action: Action) -> None:
        """Applies the action of a key or of the mouse to the view that the user sees on the screen."""
        self.view = self._canvas.shown
        self.change(action)

    def note(self, message: str) -> None:
        """Shows a message for a while."""
        if self._app.loop is not None and not self._is_stopped:
            self._app.loop.call_soon_threadsafe(self._note, message)

    def _note(self, message: str) -> None:
        if self._notice is not None:
            self._notice.cancel()
        self._notice = asyncio.get_running_loop().call_later(NOTICE, self.change, lambda view: view.with_notice(""))
        self.change(lambda view: view.with_notice(message))

    def _resize(self) -> None:
        if self.player is not None:
            self.player.resize(self.view.next_length)
        else:
            self._ask(lambda it: it.resize(self.view.next_length))

    def _ask(self, ask: Callable[[Controls], Frame | None]) -> None:
        """Asks the source of the frames for a change, and shows the frame that results. Requests run one after the
        other.
        """
        controls = self._controls
        if controls is not None:
            self._spawn(self._asked(lambda: ask(controls)))

    async def _asked(self, ask: Callable[[], Frame | None]) -> None:
        async with self._asking:
            frame = await asyncio.to_thread(ask)
            if frame is not None:
                self.change(lambda view: carried(view, frame).with_changed(frame))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            with self._failing():
                await work

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _export(self) -> None:
        self._spawn(self._exported(self.view))

    async def _exported(self, view: View) -> None:
        if view.focus is None:
            return
        try:
            name = await asyncio.to_thread(export.write, view, view.focus)
        except OSError as error:
            self._note(export.failed(error))
        else:
            self._note(f"written: {name}")

    def _switch_mouse(self) -> None:
        self.change(lambda view: view.with_mouse())
        if self._terminal is not None:
            self._terminal.has_mouse = True
        self._note(
            "mouse on: click a row to select it, again to open it; a heading to sort; a view"
            if self.view.has_mouse
            else "mouse off"
        )

    def after_drawing(self, call: Callable[[], None]) -> None:
        """Calls `call` after each drawing of the screen."""

        def drawn(_app: Application[None]) -> None:
            call()

        self._app.after_render += drawn

    def stop(self) -> None:
        self._is_stopped = True
        if self._app.loop is not None:
            self._app.loop.call_soon_threadsafe(self._leave)

    def suspend(self) -> None:
        """Restores the terminal and stops the process, so that the shell takes over. The screen returns when the
        process is continued.
        """

        def stop() -> None:
            if self._terminal is not None:
                self._terminal.drain()
                self._terminal.restore_line()
            before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.kill(0, signal.SIGTSTP)  # the whole process group, as the terminal driver does it
            signal.signal(signal.SIGTSTP, before)

        if self._app.is_running and self._app.context is not None:
            if self._terminal is not None:
                self._terminal.stop_mouse()
            self._app.context.copy().run(run_in_terminal, stop)

    def _started(self) -> None:
        if self.view.announced:
            self._note(f"{self.view.announced[0]}  (? shows it again)")
        if self._is_stopped:
            self._leave()

    def _leave(self) -> None:
        if self._app.is_running and self._app.future and not self._app.future.done():
            self._app.exit()

    def fail(self, error: Exception) -> None:
        """Reports an error of the screen, which stops nothing else. The same error in succession is reported once."""
        if repr(error) != self._failed:
            self._failed = repr(error)
            self._on_failure(error)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Reports an exception of its block and continues."""
        try:
            yield
        except Exception as error:  # no error of the screen may stop the capture or the outputs
            self.fail(error)


def _nothing() -> None:
    """The function of a command that does not apply."""


def _error_of(context: dict[str, Any]) -> Exception:
    """The error in a context that the event loop passes to its exception handler."""
    error = context.get("exception")
    return error if isinstance(error, Exception) else RuntimeError(context["message"])


def _with(view: View, shown: Frame | Moment) -> View:
    if isinstance(shown, Frame):
        return carried(view, shown).with_frame(shown)
    return carried(view, shown.frame).with_moment(shown)


class _Application(Application[None]):
    """Skips drawing while the terminal has not accepted all output, and draws the current view once it has. An error
    while drawing is reported and not raised.
    """

    def __init__(self, terminal: Terminal | None, fail: Callable[[Exception], None], **how: Any) -> None:
        super().__init__(**how)
        self._terminal = terminal
        self._fail = fail
        if terminal is not None:
            terminal.on_ready = self.invalidate

    def _redraw(self, render_as_done: bool = False) -> None:
        if render_as_done or self._terminal is None or not self._terminal.is_behind:
            try:
                super()._redraw(render_as_done)
            except Exception as error:  # no error may stop the capture, as in `Display._failing`
                self._fail(error)


def _output(terminal: Terminal) -> Output:
    return Vt100_Output.from_pty(cast("TextIO", terminal), term=os.environ.get("TERM"))


@contextmanager
def _signals(suspend: Callable[[], None]) -> Iterator[None]:
    """Handles SIGTSTP as the key Ctrl+Z is handled: another process of the job may send it."""
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop.add_signal_handler(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTSTP)
