"""A model API on the loopback interface that asks for the tool calls of a script (Anthropic Messages, streamed).

It keeps no position: which turn is due follows from how often the conversation has been answered, so a
repeated request gets the same answer.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROMPT = "Play the script."
"""The prompt of the conversation that the script is for; a subagent's has another one."""

SUBAGENT = "SUBAGENT"
"""What the prompt of a subagent holds that has a script of its own."""


@dataclass
class Asked:
    """A tool call of the script, and what the agent told the model about it."""

    tool: str
    input: Any
    """An object; for a tool of Codex that takes free text, that text."""
    id: str = ""
    result: str | None = None
    """None while there is no answer."""
    is_error: bool = False


@dataclass
class ScriptedModel:
    """Each turn is a list of calls to make at once; after the last one the model says that it is done."""

    turns: Sequence[Sequence[Asked]]
    subagent: Sequence[Sequence[Asked]] = ()
    """The same for a conversation that begins with :data:`SUBAGENT`."""
    url: str = ""
    tools_offered: set[str] = field(default_factory=set)

    @property
    def calls(self) -> list[Asked]:
        """All calls in the order of the script."""
        return [call for turn in (*self.turns, *self.subagent) for call in turn]

    @contextmanager
    def serving(self) -> Iterator[ScriptedModel]:
        """Answer requests at ``url`` until the context ends."""
        for number, call in enumerate(self.calls):
            call.id = f"toolu_script{number:04}"
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[str, bytes]:
        """Content type and body for one request."""
        self._note_results(body)
        if "count_tokens" in path:
            return "application/json", b'{"input_tokens": 1}'
        blocks: list[dict[str, Any]] = [{"type": "text", "text": "done"}]
        tools = {tool.get("name", "") for tool in body.get("tools") or []}
        self.tools_offered |= tools
        messages = body.get("messages", [])
        done = sum(message.get("role") == "assistant" for message in messages)
        said = [_text(message.get("content")) for message in messages if message.get("role") == "user"]
        ours = any(PROMPT in text for text in said)
        turns = self.turns if ours else self.subagent if any(SUBAGENT in text for text in said) else ()
        # Requests without tools are the agent's own, for a title and the like.
        if tools and done < len(turns):
            blocks = [{"type": "tool_use", "id": c.id, "name": c.tool, "input": c.input} for c in turns[done]]
        message = {
            "id": f"msg_{done}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "scripted"),
            "content": blocks,
            "stop_reason": "tool_use" if blocks[0]["type"] == "tool_use" else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        if not body.get("stream"):
            return "application/json", json.dumps(message).encode()
        text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _streamed(message))
        return "text/event-stream", text.encode()

    def due(self, answered: set[str]) -> Sequence[Asked]:
        """The calls to make next in a conversation in which the calls of these ids were answered."""
        return next((turn for turn in self.turns if not {call.id for call in turn} <= answered), ())

    def note(self, call_id: str, result: str, *, is_error: bool = False) -> None:
        """Keep what the agent told about a call."""
        for call in self.calls:
            if call.id == call_id:
                call.result, call.is_error = result, is_error

    def _note_results(self, body: dict[str, Any]) -> None:
        by_id = {call.id: call for call in self.calls}
        for message in body.get("messages", []):
            content = message.get("content")
            for part in content if isinstance(content, list) else []:
                if part.get("type") == "tool_result" and part["tool_use_id"] in by_id:
                    call = by_id[part["tool_use_id"]]
                    call.result, call.is_error = _text(part.get("content")), bool(part.get("is_error"))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                content_type, answer = model.answer(self.path, json.loads(raw or b"{}"))
                self._send(200, content_type, answer)

            def do_GET(self) -> None:
                self._send(404, "application/json", b"{}")

            def do_HEAD(self) -> None:
                self._send(200, "application/json", b"")

            def _send(self, status: int, content_type: str, answer: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", content_type)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        return Handler


def _streamed(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a streamed message, each block in one delta."""
    yield {"type": "message_start", "message": message | {"content": [], "stop_reason": None}}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            start, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            start = block | {"input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}


def _text(content: Any) -> str:
    parts = content if isinstance(content, list) else [{"text": content or ""}]
    return "\n".join(str(part.get("text", "")) for part in parts)
