"""A real Envoy with one listener for each way of setting ext_proc up, one filter behind it, and a scripted upstream."""

import asyncio
import contextlib
import copy
import socket
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sidecar.adapters.extproc import ExternalProcessor
from sidecar.gateway import bootstrap
from sidecar.gateway.envoy import _LAUNCHER, Envoy
from sidecar.hosts import grpcio
from sidecar.hosts.listen import Limits, Listen, TcpAddress, UnixAddress

BODY_LIMIT = 2 * 2**20


# How long an upstream waits for its client in the middle of an answer.
_WAIT_SECONDS = 15


class ScriptedUpstream(ThreadingHTTPServer):
    """Answers every request with what the test has put into `answer`, and keeps what arrived in `requests`.

    `answer` is (status, headers, pieces); pieces are sent one by one, `pause` seconds apart. `trailers` follow them.
    A piece may be an event to wait for; whether it came is kept in `waits`.
    The first `failures` requests get 503 instead.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Scripted)
        self.requests = []
        self.reset()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def reset(self):
        """Forget what arrived, and answer with an empty JSON object."""
        self.requests.clear()
        self.waits = []
        self.say(b"{}")

    def say(
        self, *pieces, status=200, content_type="application/json", pause=0.0, chunked=False, trailers=(), **headers
    ):
        """Answer with these pieces of a body."""
        self.answer = (status, {"content-type": content_type} | headers, pieces)
        self.failures = 0
        self.pause, self.chunked, self.trailers = pause, chunked or bool(trailers), trailers

    @property
    def bodies(self):
        """The bodies that arrived."""
        return [body for _, _, body in self.requests]

    def stop(self):
        """Stop serving."""
        self.shutdown()
        self.server_close()


class _Scripted(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        self.server.requests.append((self.path, dict(self.headers.items()), self._body()))
        status, headers, pieces = self.server.answer
        if self.server.failures:
            self.server.failures -= 1
            status, pieces = 503, (b"{}",)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        chunked = self.server.chunked
        self.send_header(
            *(("transfer-encoding", "chunked") if chunked else ("content-length", str(sum(map(len, pieces)))))
        )
        self.end_headers()
        with contextlib.suppress(OSError):  # Envoy may have ended the answer before us
            for piece in pieces:
                if isinstance(piece, threading.Event):
                    self.server.waits.append(piece.wait(_WAIT_SECONDS))
                    continue
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                time.sleep(self.server.pause)
            if chunked:
                trailers = b"".join(b"%s: %s\r\n" % pair for pair in self.server.trailers)
                self.wfile.write(b"0\r\n%s\r\n" % trailers)

    do_GET = do_POST  # noqa: N815 - the name that the base class calls

    def _body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.trailing = b""
        while line := self.rfile.readline().strip():
            parts.append(b"<trailer " + line + b">")
        return b"".join(parts)

    def log_message(self, *_):
        pass


# Envoy starts in a second; a loaded machine may need longer.
_START_SECONDS = 60


@contextlib.contextmanager
def in_thread(context):
    """Run an async context manager in a thread with a loop of its own, and give what it yields to the caller."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    box = {}
    ready = threading.Event()

    async def serve():
        try:
            async with context as value:
                box["value"] = value
                ready.set()
                await stop.wait()
        except Exception as error:  # noqa: BLE001 - raised again where the test waits
            box["error"] = error
            ready.set()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(_START_SECONDS), "it did not start"
    try:
        if "error" in box:
            raise box["error"]
        yield box["value"]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_START_SECONDS)
        loop.close()


class Setting:
    """One way of setting ext_proc up.

    `changes` go into the filter's configuration; `metadata` is added to what it tells the
    sidecar about itself, `route` goes into the route.
    """

    def __init__(self, request, response, *, override=True, metadata=(), route=None, **changes):
        self.modes = (request, response)
        self.override = override
        self.metadata = metadata
        self.route = route or {}
        self.changes = changes


class Mesh:
    """A running mesh: `url(name)` is where the setting of that name listens."""

    def __init__(self, ports, envoy, upstream, service):
        self._ports = ports
        self.envoy = envoy
        self.upstream = upstream
        self.service = service

    def url(self, name):
        """Return the base URL of a setting."""
        return f"http://127.0.0.1:{self._ports[name]}"


def free_ports(count):
    """Return ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in opened]


def configuration(settings, ports, upstream, folder):
    """Return Envoy's configuration: the gateway's own, with one listener for each setting."""
    whole = None
    for name, setting in settings.items():
        plan = bootstrap.Plan(
            listen=TcpAddress("127.0.0.1", ports[name]),
            upstream=bootstrap.parse_upstream(f"http://127.0.0.1:{upstream.server_address[1]}"),
            filter_sockets=(str(folder / "filter.sock"),),
            admin_socket=str(folder / "admin.sock"),
            body_limit=BODY_LIMIT,
            modes=setting.modes,
        )
        config = bootstrap.bootstrap(plan)
        [listener] = config["static_resources"]["listeners"]
        listener["name"] = name
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_protocol_options"] = {"enable_trailers": True}
        route = manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
        # Retries are for the settings that are about them: where trailers follow, Envoy sends a duplex body twice then.
        del route["retry_policy"]
        route.update(setting.route)
        ext_proc = manager["http_filters"][0]["typed_config"]
        ext_proc["allow_mode_override"] = setting.override
        kept = [
            item
            for item in ext_proc["grpc_service"]["initial_metadata"]
            if setting.override or item["key"] != "x-sidecar-override"
        ]
        ext_proc["grpc_service"]["initial_metadata"] = kept + [{"key": k, "value": v} for k, v in setting.metadata]
        ext_proc.update(copy.deepcopy(setting.changes))
        whole = whole or config
        if whole is not config:
            whole["static_resources"]["listeners"].append(listener)
    [cluster] = [c for c in whole["static_resources"]["clusters"] if c["name"].startswith("upstream")]
    cluster["typed_extension_protocol_options"] = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}},
        }
    }
    return whole


@contextlib.asynccontextmanager
async def in_process(folder, snapshot, wrap):
    """Serve the processor in this process, on the grpcio host; tests can reach inside."""
    service = wrap(ExternalProcessor(lambda: snapshot))
    listen = Listen((UnixAddress(folder / "filter.sock"),), limits=Limits(max_message_bytes=BODY_LIMIT + 2**20))
    server = await grpcio.start(service.methods(), listen)
    try:
        yield service
    finally:
        await server.stop(1.0)


@contextlib.asynccontextmanager
async def as_command(folder, policy, host):
    """Serve it as users do, by `sidecar serve` on a host of choice."""
    (folder / "policy.yaml").write_text(policy)
    # Launched so that it ends with the tests, even where they are killed.
    command = [*_LAUNCHER, sys.executable, "-m", "sidecar", "serve", "--host", host, "--workers", "1", "--admin", "off"]
    command += ["--listen", f"unix:{folder / 'filter.sock'}", "--policy", str(folder / "policy.yaml")]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        line = b""
        while b" ready" not in line:
            line = await asyncio.wait_for(process.stderr.readline(), _START_SECONDS)
            assert line, "the command ended"
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), _START_SECONDS)


@contextlib.asynccontextmanager
async def mesh(settings, serve):
    """Run a mesh before a filter that `serve(folder)` starts."""
    with tempfile.TemporaryDirectory(prefix="mesh-") as name:
        folder = Path(name)
        upstream = ScriptedUpstream()
        ports = dict(zip(settings, free_ports(len(settings)), strict=True))
        envoy = Envoy(configuration(settings, ports, upstream, folder), folder / "admin.sock", concurrency=1)
        try:
            async with serve(folder) as service:
                await envoy.start()
                yield Mesh(ports, envoy, upstream, service)
                await envoy.stop()
        finally:
            await envoy.stop()
            upstream.stop()
