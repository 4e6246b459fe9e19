"""A live page in the test's own process: frames that the test pushes, served on a real socket."""

from contextlib import contextmanager

from netmon.address import WebAddress
from netmon.frames import Frames
from netmon.options import Settings
from netmon.serving.servers import Servers
from netmon.sinks import viewers


class Live:
    """A page and its frames. `url` is the address that a user is told."""

    def __init__(self, address="127.0.0.1:0", rules=(), hosts=()):
        self.servers = Servers()
        self.opened = viewers.opened(Settings(web=WebAddress.parse(address), web_hosts=hosts), self.servers)
        self.web = self.opened.sink
        self.url = self.opened.told.removeprefix("live page: ")
        self.port = int(self.url.split("/")[2].rpartition(":")[2])
        self.token = self.url.partition("token=")[2]
        self.frames = Frames(10.0, rules, exchanges_apart=True)

    def push(self, *snapshots):
        for each in snapshots:
            self.web.update(self.frames.push(each))

    def cut(self):
        """Ends all connections without a word, as when netmon is killed or a network fails."""
        self.servers.close()

    def restore(self, token=None):
        """Serves at the same port again, with another token if one is given."""
        self.servers = Servers()
        server = self.servers.at(WebAddress.parse(self.port), "--web")
        there = viewers.Viewers(self.web, token or self.token, server.address, ())
        server.handle("/", there.page)
        server.handle("/events", there.events)

    def end(self):
        self.web.close()
        self.servers.close()


@contextmanager
def served(*snapshots, **how):
    live = Live(**how)
    try:
        live.push(*snapshots)
        yield live
    finally:
        live.end()
