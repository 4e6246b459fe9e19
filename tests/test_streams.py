"""Streams of real peers on loopback: gRPC, WebSocket and server-sent events are counted as their clients count them.

The peers are Python's grpcio and websockets, hypercorn with a client of h2 and wsproto, and a server of events of a few
lines. Where the right to capture, a package or a program is missing, the tests are skipped and say what is missing.
"""

import asyncio
import shutil
import subprocess
import threading
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from netmon import Monitor, Snapshot
from patience import PATIENCE, eventually
from scraping import free_port
from test_live import may_capture

TCPDUMP = shutil.which("tcpdump", path="/usr/sbin:/usr/bin:/sbin:/bin")


def why_not():
    if TCPDUMP is None:
        return "needs tcpdump"
    return "" if may_capture() else "needs CAP_NET_RAW"


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "available")


@contextmanager
def recording(path, port):
    into = ("-i", "lo", "-s", "0", "-B", "32768", "-U", "-w", str(path), f"tcp port {port}")
    tcpdump = subprocess.Popen([TCPDUMP, *into], stderr=subprocess.DEVNULL)
    try:
        eventually(path.exists)
        yield
    finally:
        tcpdump.terminate()
        tcpdump.wait(PATIENCE)


def of_file(path):
    return Snapshot.merge(Monitor(read=path, exchanges=True).snapshots())


def seen(port, path, ask, is_all):
    """What is counted live and from the file while `ask()` runs, until `is_all(snapshot)`."""
    with recording(path, port), Monitor("lo", filter=f"tcp port {port}", interval=0.2, exchanges=True) as monitor:
        asking = threading.Thread(target=ask)
        live = Snapshot()
        for at, snapshot in enumerate(monitor.snapshots()):
            if at == 0:
                asking.start()
            live = Snapshot.merge([live, snapshot])
            if is_all(live):
                break
        asking.join(PATIENCE)
        eventually(lambda: is_all(of_file(path)))
    return [live, of_file(path)]


def grpc_server(grpc, port):
    class Orders(grpc.GenericRpcHandler):
        def service(self, details):
            def same(data):
                return data

            def place(request, context):
                if request != b"ok":
                    context.abort(grpc.StatusCode[request.decode()], "no")
                return b"x" * 100

            def watch(request, _):
                return (b"m" * (1000 * each) for each in range(int(request)))

            def chat(requests, _):
                return (request * 2 for request in requests)

            return {
                "/shop.Orders/Place": grpc.unary_unary_rpc_method_handler(place, same, same),
                "/shop.Orders/Watch": grpc.unary_stream_rpc_method_handler(watch, same, same),
                "/shop.Orders/Chat": grpc.stream_stream_rpc_method_handler(chat, same, same),
            }.get(details.method)

    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Orders(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server


def test_calls_messages_and_statuses_are_those_of_the_client_of_grpc(tmp_path):
    grpc = pytest.importorskip("grpc")
    port, statuses, messages = free_port(), Counter(), Counter()
    server = grpc_server(grpc, port)

    def call(answer):
        try:
            messages["down"] += sum(1 for _ in answer())
            statuses["OK"] += 1
        except grpc.RpcError as error:
            statuses[error.code().name] += 1

    def ask():
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            place = channel.unary_unary("/shop.Orders/Place")
            for request, count in ((b"ok", 20), (b"UNAVAILABLE", 3), (b"NOT_FOUND", 2)):
                for _ in range(count):
                    call(lambda request=request: [place(request)])
            call(lambda: channel.unary_stream("/shop.Orders/Watch")(b"7"))
            call(lambda: channel.stream_stream("/shop.Orders/Chat")(iter([b"a", b"b" * 50_000, b"c"])))
            # No such method: a response of trailers only.
            call(lambda: [channel.unary_unary("/shop.None/Such")(b"")])
            messages["up"] = 25 + 1 + 3 + 1

    try:
        counted = seen(port, tmp_path / "grpc.pcap", ask, lambda total: sum(total.grpc_statuses.values()) >= 28)
    finally:
        server.stop(None)
    for total in counted:
        assert total.grpc_statuses == statuses == {"OK": 22, "UNAVAILABLE": 3, "NOT_FOUND": 2, "UNIMPLEMENTED": 1}
        assert (total.protocols, total.statuses, total.errors) == ({"grpc": 28}, {200: 28}, 6)
        assert (total.request_messages, total.response_messages) == (messages["up"], messages["down"]) == (30, 30)
        calls = Counter(exchange.path for exchange in total.exchanges)
        assert calls == {
            "/shop.Orders/Place": 25,
            "/shop.Orders/Watch": 1,
            "/shop.Orders/Chat": 1,
            "/shop.None/Such": 1,
        }
        by_call = {exchange.path: exchange for exchange in total.exchanges}
        chat = by_call["/shop.Orders/Chat"]
        assert (chat.request_messages, chat.response_messages, chat.grpc_status) == (3, 3, "OK")


def test_messages_and_codes_are_those_of_both_sides_of_a_websocket(tmp_path):
    websockets = pytest.importorskip("websockets")
    port, answered, codes = free_port(), Counter(), Counter()

    async def serve(socket):
        async for message in socket:
            await socket.send(message)
            answered["messages"] += 1
            if message == "kick":
                await socket.close(4001, "out")
                return

    async def talk():
        url = f"ws://127.0.0.1:{port}/feed/x"
        async with websockets.serve(serve, "127.0.0.1", port):
            for compression in ("deflate", None):
                async with websockets.connect(url, compression=compression) as client:
                    for message in ("a", "b" * 70_000, b"\0" * 300, ["in ", "frag", "ments"]):
                        await client.send(message)
                        await client.recv()
                    await client.close(1000)
                codes[client.close_code] += 1
            async with websockets.connect(url) as client:
                await client.send("kick")
                await client.recv()
                await client.wait_closed()
            codes[client.close_code] += 1

    counted = seen(
        port,
        tmp_path / "websocket.pcap",
        lambda: asyncio.run(talk()),
        lambda total: sum(total.client_close_codes.values()) >= 3 and len(total.exchanges) >= 3,
    )
    assert (answered["messages"], codes) == (9, {1000: 2, 4001: 1})
    for total in counted:
        assert (total.request_messages, total.response_messages) == (9, 9)
        assert (total.client_close_codes, total.server_close_codes) == (codes, codes)
        assert (total.statuses, total.capture.protocols["websocket"]) == ({101: 3}, 3)
        passed = Counter((one.protocol, one.request_messages, one.response_messages) for one in total.exchanges)
        assert passed == {("websocket", 4, 4): 2, ("websocket", 1, 1): 1}


class Events(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number in range(5):
            self.wfile.write(f": a comment\nid: {number}\ndata: first\ndata: second\n\n".encode())
            self.wfile.flush()

    def log_message(self, *_):
        pass


def test_server_sent_events_are_those_that_the_client_reads(tmp_path):
    read = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Events) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]

        def ask():
            for _ in range(3):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/events", timeout=PATIENCE) as answer:
                    read.append(answer.read().count(b"\n\n"))

        counted = seen(port, tmp_path / "events.pcap", ask, lambda total: len(total.exchanges) >= 3)
        server.shutdown()
    for total in counted:
        assert (total.response_messages, total.request_messages) == (sum(read), 0) == (15, 0)
        assert {exchange.response_messages for exchange in total.exchanges} == {5}


class Together:
    """A client with one connection of HTTP/2, on which WebSockets and other streams are open together."""

    def __init__(self, port, reader, writer):
        self.h2 = pytest.importorskip("h2.connection")
        self.wsproto = pytest.importorskip("wsproto.frame_protocol")
        self.authority = f"127.0.0.1:{port}"
        self._reader, self._writer = reader, writer
        self._connection = self.h2.H2Connection()
        self._connection.initiate_connection()
        self._frames, self.statuses, self.bodies, self.ended = {}, {}, Counter(), set()
        self.messages, self.codes, self.sent_codes = Counter(), {}, Counter()

    async def ask(self, path, **more):
        """Sends a request and waits for its response. Returns the number of the stream."""
        stream = self._connection.get_next_available_stream_id()
        head = {":method": "GET", ":scheme": "http", ":authority": self.authority, ":path": path} | more
        self._connection.send_headers(stream, list(head.items()), end_stream=":protocol" not in head)
        await self.until(lambda: stream in self.statuses)
        return stream

    async def open(self, path):
        """Opens a WebSocket (RFC 8441)."""
        connect = {":method": "CONNECT", ":protocol": "websocket", "sec-websocket-version": "13"}
        stream = await self.ask(path, **connect)
        self._frames[stream] = self.wsproto.FrameProtocol(client=True, extensions=[])
        return stream

    async def say(self, stream, *fragments):
        """Sends a message in some fragments."""
        for at, fragment in enumerate(fragments, 1):
            await self._send(stream, self._frames[stream].send_data(fragment, fin=at == len(fragments)))

    async def close(self, stream, code):
        await self._send(stream, self._frames[stream].close(code))
        self.sent_codes[code] += 1
        await self.until(lambda: stream in self.codes)

    async def _send(self, stream, data):
        data = bytes(data)
        while data:
            await self.until(lambda: self._connection.local_flow_control_window(stream) > 0)
            room = min(self._connection.local_flow_control_window(stream), self._connection.max_outbound_frame_size)
            self._connection.send_data(stream, data[:room])
            data = data[room:]
        self._flush()

    def _flush(self):
        self._writer.write(self._connection.data_to_send())

    async def until(self, is_true):
        self._flush()
        while not is_true():
            data = await asyncio.wait_for(self._reader.read(65_536), PATIENCE)
            assert data, "the server has ended the connection"
            for event in self._connection.receive_data(data):
                self._take(event)
            self._flush()

    def _take(self, event):
        kind = type(event).__name__
        if kind == "ResponseReceived":
            self.statuses[event.stream_id] = int(dict(event.headers)[b":status"])
        elif kind == "DataReceived":
            self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id in self._frames:
                self._hear(event.stream_id, event.data)
            else:
                self.bodies[event.stream_id] += event.data.count(b"\n\n")
        elif kind in ("StreamEnded", "StreamReset"):
            self.ended.add(event.stream_id)

    def _hear(self, stream, data):
        frames = self._frames[stream]
        frames.receive_bytes(data)
        for frame in frames.received_frames():
            if frame.opcode == self.wsproto.Opcode.CLOSE:
                self.codes[stream] = int(frame.payload[0])
            else:
                self.messages[stream] += frame.message_finished


class Application:
    """An ASGI application: a WebSocket that repeats what it hears, and events."""

    def __init__(self):
        self.heard = Counter()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            await self._talk(scope["path"], receive, send)
        elif scope["type"] == "http":
            headers = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for number in range(5):
                body = f": a comment\nid: {number}\ndata: first\ndata: second\n\n".encode()
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _talk(self, path, receive, send):
        await receive()
        if path == "/refused":
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            self.heard[path] += 1
            told = {key: event[key] for key in ("text", "bytes") if event.get(key) is not None}
            await send({"type": "websocket.send"} | told)
            if event.get("text") == "kick":
                await send({"type": "websocket.close", "code": 4001})


def test_websockets_and_events_on_one_connection_of_http2_are_those_of_both_sides(tmp_path):
    hypercorn = pytest.importorskip("hypercorn")
    serving = pytest.importorskip("hypercorn.asyncio")
    pytest.importorskip("h2")
    port, application, clients = free_port(), Application(), []

    async def talk():
        over = asyncio.Event()
        config = hypercorn.Config()
        config.bind = [f"127.0.0.1:{port}"]
        server = asyncio.create_task(serving.serve(application, config, shutdown_trigger=over.wait))
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0)
        client = Together(port, reader, writer)
        clients.append(client)
        sockets = [await client.open(f"/feed/{number}") for number in range(3)]
        for message in (["a"], [b"\0" * 300], ["in ", "frag", "ments"], ["b" * 70_000]):
            for socket in sockets:
                await client.say(socket, *message)
        events = [await client.ask("/events") for _ in range(3)]
        await client.until(lambda: client.ended >= {*events})
        await client.until(lambda: client.messages == dict.fromkeys(sockets, 4))
        await client.close(sockets[0], 1000)
        await client.close(sockets[1], 3001)
        await client.say(sockets[2], "kick")
        await client.until(lambda: sockets[2] in client.codes)
        await client.close(sockets[2], client.codes[sockets[2]])
        await client.open("/refused")
        writer.close()
        over.set()
        await server

    counted = seen(
        port,
        tmp_path / "together.pcap",
        lambda: asyncio.run(talk()),
        lambda total: len(total.exchanges) >= 7,
    )
    [client] = clients
    assert client.sent_codes == Counter(client.codes.values()) == {1000: 1, 3001: 1, 4001: 1}
    for total in counted:
        assert total.request_messages == sum(application.heard.values()) == 13
        assert total.response_messages == sum(client.messages.values()) + sum(client.bodies.values()) == 13 + 15
        assert total.client_close_codes == client.sent_codes
        assert total.server_close_codes == Counter(client.codes.values())
        assert total.statuses == Counter(client.statuses.values()) == {200: 6, 403: 1}
        passed = Counter((one.protocol, one.request_messages, one.response_messages) for one in total.exchanges)
        assert passed == {
            ("websocket", 4, 4): 2,
            ("websocket", 5, 5): 1,
            ("websocket", 0, 0): 1,
            ("http2", 0, 5): 3,
        }
        assert {one.stream for one in total.exchanges} == {*client.statuses}
        assert total.capture.parse_errors == 0
