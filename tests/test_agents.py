"""Agents reach the app over MCP, where Gradio's extra is installed and the operator wants it."""

import base64
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from files import encoded
from small import photo

from bench.running import running

WANTED = {"GRADIO_MCP_SERVER": "true"}


def data_url() -> str:
    """A small photograph."""
    return "data:image/jpeg;base64," + base64.b64encode(encoded(photo(), "JPEG")).decode()


@pytest.fixture
def elsewhere() -> Iterator[HTTPServer]:
    """A server that writes down what is fetched from it."""

    class Listening(BaseHTTPRequestHandler):
        def handle(self) -> None:
            self.server.fetched.append(self.client_address)

    server = HTTPServer(("127.0.0.1", 0), Listening)
    server.fetched = []
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.mark.slow
def test_an_agent_paints_and_makes_the_server_fetch_nothing(tmp_path, elsewhere, run_to_end):
    mcp = pytest.importorskip("mcp")
    from mcp.client.streamable_http import streamable_http_client

    async def talk(app) -> tuple:
        async with (
            streamable_http_client(f"{app.url}/gradio_api/mcp/") as (read, write, _),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name for tool in (await session.list_tools()).tools}
            asked = {"photo": data_url(), "preset": "lily-pond", "recipe": "size=64&steps=2"}
            painted = await session.call_tool("paint", asked)
            address = f"http://127.0.0.1:{elsewhere.server_port}/photo.jpg"
            refused = await session.call_tool("paint", asked | {"photo": address})
            return tools, painted, refused

    with running(tmp_path, **WANTED) as app:
        tools, painted, refused = run_to_end(talk(app))
    assert tools == {"paint", "wall"}
    assert not painted.isError
    assert "Done: 2 steps" in " ".join(part.text for part in painted.content)
    assert refused.isError
    assert elsewhere.fetched == []
