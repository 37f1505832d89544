"""A link tells why it could not be opened, notices a dead peer, and is closed in bounded time."""

import ssl
import threading
from contextlib import asynccontextmanager, suppress
from functools import partial
from socket import AF_INET, SHUT_WR, SOCK_STREAM, socket

import pytest
import trio
from trio.testing import memory_stream_pair
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket, wrap_server_stream

from jp_firmware.ocpp import transport
from jp_firmware.ocpp.endpoint import endpoint
from jp_firmware.ocpp.envelope import MAX_CHARS
from jp_firmware.ocpp.transport import Kind, LinkFailure, open_link
from tests.ocpp.certs import authority

QUICK_S = 60.0  # with a busy machine, against a server of the same process


@asynccontextmanager
async def server(handler):
    """A WebSocket server on a free port; gives the port."""
    async with trio.open_nursery() as nursery:
        running = await nursery.start(partial(serve_websocket, handler, "127.0.0.1", 0, ssl_context=None))
        yield running.port
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def raw_server(handler):
    """A TCP server on a free port; gives the port."""
    async with trio.open_nursery() as nursery:
        (listener, *_) = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def echo(request: WebSocketRequest) -> None:
    ws = await request.accept(subprotocol="ocpp1.6")
    try:
        while True:
            await ws.send_message(await ws.get_message())
    except ConnectionClosed:
        pass


async def failure_of(url, *, identity="CP1", password="", timeout_s=QUICK_S, **options) -> LinkFailure:
    with pytest.raises(LinkFailure) as caught:
        async with open_link(endpoint(url, identity, password), timeout_s=timeout_s, **options):
            raise AssertionError("the link opened")
    return caught.value


async def test_texts_go_both_ways_under_the_identity_and_the_password():
    seen = []

    async def handler(request):
        seen.append((request.path, dict(request.headers)[b"authorization"], request.proposed_subprotocols))
        await echo(request)

    async with server(handler) as port:
        address = endpoint(f"ws://127.0.0.1:{port}/ocpp", "Bay 7", "secret")
        fed = []
        async with open_link(address, timeout_s=QUICK_S, on_bytes=lambda: fed.append(1)) as link:
            await link.send("hello")
            assert "hello" == await link.receive()
            await link.probe()

    assert [("/ocpp/Bay%207", b"Basic QmF5IDc6c2VjcmV0", ("ocpp1.6",))] == seen
    assert len(fed) >= 3  # the upgrade, the echo, the pong


async def test_what_the_body_raises_leaves_as_it_is():
    async with server(echo) as port:
        with pytest.raises(KeyError, match="mine"):
            async with open_link(endpoint(f"ws://127.0.0.1:{port}", "CP1"), timeout_s=QUICK_S):
                raise KeyError("mine")


async def test_a_name_that_is_not_found():
    failure = await failure_of("ws://no-such-host.invalid/")

    assert Kind.NAME is failure.kind
    assert "no-such-host.invalid" in failure.text


@pytest.mark.parametrize("host", ["no..host", f"{'x' * 64}.example"])
async def test_what_cannot_be_a_name(host):
    assert Kind.NAME is (await failure_of(f"ws://{host}/")).kind


async def test_a_port_where_nobody_listens():
    with socket(AF_INET, SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else can take it meanwhile
        failure = await failure_of(f"ws://localhost:{taken.getsockname()[1]}/")

    assert Kind.REFUSED is failure.kind


async def test_an_address_without_a_way_to_it():
    failure = await failure_of("ws://[fe80::1]:9/")  # link-local without an interface

    assert Kind.UNREACHABLE is failure.kind


@pytest.mark.parametrize(("status", "hint"), [(401, "backend.password"), (404, "charger.identity"), (302, "moved")])
async def test_an_http_status_is_told_with_its_remedy(status, hint):
    async with server(lambda request: request.reject(status, body=b"no")) as port:
        failure = await failure_of(f"ws://127.0.0.1:{port}")

    assert (Kind.HTTP, status) == (failure.kind, failure.status)
    assert hint in failure.text


async def test_an_http_status_is_told_even_when_its_body_never_ends():
    """Without a Content-Length the body ends with the connection, which the library takes for a lost one."""

    async def handler(stream):
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 403 Forbidden\r\n\r\nno")
        await stream.aclose()

    async with raw_server(handler) as port:
        failure = await failure_of(f"ws://127.0.0.1:{port}")

    assert (Kind.HTTP, 403) == (failure.kind, failure.status)


async def test_a_server_that_chooses_no_sub_protocol_is_left_at_once():
    left = trio.Event()

    async def handler(request):
        ws = await request.accept()
        with pytest.raises(ConnectionClosed):
            await ws.get_message()
        left.set()

    async with server(handler) as port:
        failure = await failure_of(f"ws://127.0.0.1:{port}")
        with trio.fail_after(QUICK_S):
            await left.wait()

    assert Kind.SUBPROTOCOL is failure.kind


async def test_a_server_that_hangs_up_during_the_upgrade():
    async def handler(stream):
        await stream.receive_some()

    async with raw_server(handler) as port:
        failure = await failure_of(f"ws://127.0.0.1:{port}")

    assert Kind.CLOSED is failure.kind


async def test_an_answer_that_is_no_http():
    async def handler(stream):
        await stream.receive_some()
        await stream.send_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await trio.sleep_forever()

    async with raw_server(handler) as port:
        failure = await failure_of(f"ws://127.0.0.1:{port}")

    assert Kind.NO_WEBSOCKET is failure.kind


@pytest.mark.parametrize(
    "garbage", [b"\xff\xff\xff\xff", b"\x83\x00", b"\x81\x82\x00\x00\x00\x00ab", b"\x81\x02\xff\xff"]
)
async def test_garbage_on_an_open_link_ends_it_as_a_failure_and_nothing_else(garbage):
    async def handler(request):
        ws = await request.accept(subprotocol="ocpp1.6")
        await ws._stream.send_all(garbage)
        await trio.sleep_forever()

    async with server(handler) as port:
        with pytest.raises(LinkFailure):
            async with open_link(endpoint(f"ws://127.0.0.1:{port}", "CP1"), timeout_s=QUICK_S) as link:
                await link.receive()


async def test_a_close_frame_is_told_with_its_code():
    async def handler(request):
        ws = await request.accept(subprotocol="ocpp1.6")
        await ws.aclose(1001, "going down")

    async with server(handler) as port, open_link(endpoint(f"ws://127.0.0.1:{port}", "CP1"), timeout_s=QUICK_S) as link:
        with pytest.raises(LinkFailure) as caught:
            await link.receive()

    assert Kind.CLOSED is caught.value.kind
    assert "1001" in caught.value.text
    assert "going down" in caught.value.text


async def test_a_message_that_is_far_too_long_ends_the_link_and_is_told_as_that():
    """Not as something that the central system closed: it has to send less."""

    async def handler(request):
        ws = await request.accept(subprotocol="ocpp1.6")
        with suppress(ConnectionClosed):
            await ws.send_message("x" * MAX_CHARS)
            await ws.send_message("x" * (MAX_CHARS + 1))
            await ws.get_message()

    async with server(handler) as port, open_link(endpoint(f"ws://127.0.0.1:{port}", "CP1"), timeout_s=QUICK_S) as link:
        with trio.fail_after(QUICK_S):
            assert MAX_CHARS == len(await link.receive())
            with pytest.raises(LinkFailure) as caught:
                await link.receive()

    assert f"longer than {MAX_CHARS}" in caught.value.text


async def test_a_broken_connection_is_told_as_one():
    async def handler(request):
        ws = await request.accept(subprotocol="ocpp1.6")
        await trio.aclose_forcefully(ws._stream)

    async with server(handler) as port, open_link(endpoint(f"ws://127.0.0.1:{port}", "CP1"), timeout_s=QUICK_S) as link:
        with pytest.raises(LinkFailure) as caught:
            await link.receive()
        with pytest.raises(LinkFailure):
            await link.send("too late")

    assert Kind.CLOSED is caught.value.kind


# --- time, over memory streams ---------------------------------------------------------------------------------------


@asynccontextmanager
async def memory_link(serve):
    """A link whose far end is served by `serve(stream)`, under a mock clock."""
    near, far = memory_stream_pair()

    async def opened(_):
        return near

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, far)
        async with open_link(endpoint("ws://memory", "CP1"), timeout_s=15, open_stream=opened) as link:
            yield link
        nursery.cancel_scope.cancel()


async def freeze_after_upgrade(stream):
    """Answers the upgrade, then reads nothing more and says nothing more."""
    async with trio.open_nursery() as nursery:
        request = await wrap_server_stream(nursery, stream)
        await request.accept(subprotocol="ocpp1.6")
        nursery.cancel_scope.cancel()
    await trio.sleep_forever()


async def test_a_server_that_never_answers_the_upgrade_costs_the_time_limit_and_no_more(autojump_clock):
    near, _far = memory_stream_pair()

    async def opened(_):
        return near

    failure = await failure_of("ws://memory", timeout_s=15, open_stream=opened)

    assert Kind.TIMEOUT is failure.kind
    assert trio.current_time() == 15


async def test_a_connection_that_never_comes_about_costs_the_time_limit_and_no_more(autojump_clock):
    async def never(_):
        await trio.sleep_forever()

    failure = await failure_of("ws://memory", timeout_s=15, open_stream=never)

    assert Kind.TIMEOUT is failure.kind
    assert trio.current_time() == 15


async def test_a_peer_that_does_not_answer_a_ping_is_dead_and_every_task_hears_it(autojump_clock):
    heard = []

    async with memory_link(freeze_after_upgrade) as link:

        async def reader():
            with pytest.raises(LinkFailure) as caught:
                await link.receive()
            heard.append(caught.value.kind)

        start_s = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader)
            with pytest.raises(LinkFailure) as caught:
                await link.probe()

    assert Kind.DEAD is caught.value.kind
    assert [Kind.DEAD] == heard
    assert trio.current_time() - start_s == transport.PONG_WITHIN_S


async def test_a_link_to_a_dead_peer_is_closed_in_two_seconds(autojump_clock):
    async with memory_link(freeze_after_upgrade):
        start_s = trio.current_time()

    assert trio.current_time() - start_s == transport.CLOSE_WITHIN_S


async def test_a_link_whose_owner_is_cancelled_is_closed_at_once_and_with_a_goodbye(autojump_clock):
    heard = []

    async def serve(stream):
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            ws = await request.accept(subprotocol="ocpp1.6")
            with pytest.raises(ConnectionClosed):
                await ws.get_message()
            heard.append(ws.closed.code)

    near, far = memory_stream_pair()

    async def opened(_):
        return near

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, far)
        with trio.move_on_after(5):
            async with open_link(endpoint("ws://memory", "CP1"), timeout_s=15, open_stream=opened):
                await trio.sleep_forever()
        assert trio.current_time() - 5 <= transport.LEAVE_WITHIN_S

    assert [1000] == heard


async def test_a_peer_that_takes_nothing_off_our_hands_is_dead(autojump_clock):
    async with memory_link(freeze_after_upgrade) as link:
        near = link._tap.inner
        near.send_stream.send_all_hook = trio.sleep_forever
        with pytest.raises(LinkFailure) as caught:
            await link.send("x")

    assert Kind.DEAD is caught.value.kind


# --- TLS -------------------------------------------------------------------------------------------------------------


class TlsServer:
    """A server on a thread with the standard library's sockets: trio's own does not send the alert that refuses us."""

    def __init__(self, certificate, key, *, wants_client=None, answer=b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"):
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate, key)
        if wants_client:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(wants_client)
        self.answer = answer

    def __enter__(self):
        self.listener = socket(AF_INET, SOCK_STREAM)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.listener.settimeout(QUICK_S)
        self.thread = threading.Thread(target=self.serve_one)
        self.thread.start()
        return self.listener.getsockname()[1]

    def __exit__(self, *_):
        self.thread.join(QUICK_S)
        self.listener.close()

    def serve_one(self):
        connection, _ = self.listener.accept()
        connection.settimeout(QUICK_S)
        tls = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        try:
            tls.do_handshake()
            tls.recv(4096)
            tls.sendall(self.answer)
        except ssl.SSLError:
            self.part_from(tls)  # we have refused the client
        except OSError:
            pass  # the client has refused us
        finally:
            tls.close()

    @staticmethod
    def part_from(tls):
        """Lets the alert arrive: closing with unread bytes would reset the connection and lose it, as happens too."""
        with socket(fileno=tls.detach()) as bare, suppress(OSError):  # the client may have gone already
            bare.settimeout(QUICK_S)
            bare.shutdown(SHUT_WR)
            while bare.recv(4096):
                pass


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("certs"))


def trusting(ca):
    context = transport.default_tls()
    context.load_verify_locations(ca.root)
    return context


async def test_a_certificate_that_is_trusted_opens_tls(ca):
    with TlsServer(*ca.sign("good")) as port:
        failure = await failure_of(f"wss://localhost:{port}", tls=trusting(ca))

    assert (Kind.HTTP, 401) == (failure.kind, failure.status)


@pytest.mark.parametrize(
    ("options", "word"), [({"days": -1}, "expired"), ({"host": "elsewhere.example"}, "another name")]
)
async def test_a_certificate_that_cannot_be_accepted_is_told_why(ca, options, word):
    with TlsServer(*ca.sign("bad", **options)) as port:
        failure = await failure_of(f"wss://localhost:{port}", tls=trusting(ca))

    assert Kind.CERTIFICATE is failure.kind
    assert word in failure.text


async def test_a_certificate_of_an_unknown_root_is_told_as_not_trusted(ca):
    with TlsServer(*ca.sign("good")) as port:
        failure = await failure_of(f"wss://localhost:{port}")

    assert Kind.CERTIFICATE is failure.kind
    assert "not trusted" in failure.text


async def test_a_server_that_wants_a_client_certificate_is_told_as_one(ca):
    """TLS 1.3: the client's handshake succeeds, and the refusal comes when it waits for the upgrade."""
    with TlsServer(*ca.sign("good"), wants_client=ca.root) as port:
        failure = await failure_of(f"wss://localhost:{port}", tls=trusting(ca))

    assert Kind.CLIENT_CERTIFICATE is failure.kind


async def test_a_server_that_speaks_no_tls_is_told_as_one():
    async def handler(stream):
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw_server(handler) as port:
        failure = await failure_of(f"wss://localhost:{port}")

    assert Kind.TLS is failure.kind
    assert "ws://" in failure.text


async def test_tls_that_never_answers_costs_the_time_limit_and_no_more(autojump_clock):
    near, far = memory_stream_pair()

    async def opened(_):
        return near

    failure = await failure_of("wss://memory", timeout_s=15, open_stream=opened)

    assert Kind.TIMEOUT is failure.kind
    assert "TLS" in failure.text
    assert await far.receive_some()
    assert b"" == await far.receive_some()  # and nothing is left open
