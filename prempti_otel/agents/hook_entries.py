"""Finds, adds and removes our hook in the JSON by which an agent is told of its hooks.

The form, which several agents share, is ``{"hooks": {EVENT: [ENTRY, ...]}}``. An entry either is a hook, with its
command in ``command`` or ``bash`` or its address in ``url``, or is a group with hooks in a list of its own, ``hooks``.
Texts are edited in place, so what is not ours stays as its author typed it; what is malformed is nobody's hook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, TypeAlias

from prempti_otel.agents import hook_file, json_text

Entry: TypeAlias = dict[str, Any]
Entries: TypeAlias = Mapping[str, Entry]
"""Event → the entry that is ours there."""
Reader: TypeAlias = Callable[[str], dict[str, Any]]
"""Reads the text of a file: strictly, or comments and all, as its agent does."""

_COMMAND_KEYS = ("command", "bash")


def commands(entry: object) -> list[str]:
    """The commands in ``entry`` that run our hook."""
    return [text for hook in [entry, *_hooks(entry)] for text in _commands(hook)]


def http_entries(entry: object) -> list[Entry]:
    """The HTTP hooks in ``entry`` that ask our engine."""
    return [hook for hook in [entry, *_hooks(entry)] if isinstance(hook, dict) and _is_http(hook)]


def registered(data: Mapping[str, Any]) -> list[tuple[str, Entry]]:
    """Event and entry of each hook of ours."""
    return [(event, data["hooks"][event][number]) for event, number, _ in places(data)]


def places(data: Mapping[str, Any]) -> Iterator[tuple[str, int, int | None]]:
    """Event, index of the entry and, where that is a group, index of the hook in it, for each hook of ours."""
    hooks = data.get("hooks")
    for event, entries in hooks.items() if isinstance(hooks, dict) else ():
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            if _ours(entry):
                yield event, number, None
                continue
            for index, hook in enumerate(_hooks(entry)):
                if _ours(hook):
                    yield event, number, index


def misplaced(data: Mapping[str, Any], entries: Entries) -> str:
    """What stands where our hook should be entered but cannot be added to; ``""`` if nothing does."""
    hooks = data.get("hooks", {})
    if not isinstance(hooks, dict):
        return "hooks is not an object"
    wrong = [event for event in entries if not isinstance(hooks.get(event, []), list)]
    return f"hooks.{wrong[0]} is not an array" if wrong else ""


def text_with(text: str, entries: Entries) -> str:
    """``text`` with ``entries``, each behind those that are there."""
    for event, entry in entries.items():
        root = json_text.parse(text)
        hooks = root.member("hooks")
        if hooks is None:
            text = json_text.append(text, root, {event: [entry]}, "hooks")
            continue
        found = hooks.value.member(event)
        if found is None:
            text = json_text.append(text, hooks.value, [entry], event)
        else:
            text = json_text.append(text, found.value, entry)
    return text


def text_without(text: str, read: Reader) -> str:
    """``text`` without our hooks, and without the containers that are empty then."""
    while place := next(places(read(text)), None):
        event, number, index = place
        root = json_text.parse(text)
        hooks, at_hooks = _found(root, "hooks")
        entries, at_event = _found(hooks, event)
        chain = [(entries, number), (hooks, at_event), (root, at_hooks)]
        if index is not None:
            chain.insert(0, (_found(entries.children[number].value, "hooks")[0], index))
        holder, child = next(((node, at) for node, at in chain if len(node.children) > 1), chain[-1])
        text = json_text.remove(text, holder, child)
    return text


def data_with(data: dict[str, Any], entries: Entries) -> dict[str, Any]:
    """What :func:`text_with` must say."""
    data = deepcopy(data)
    for event, entry in entries.items():
        data.setdefault("hooks", {}).setdefault(event, []).append(entry)
    return data


def data_without(data: dict[str, Any]) -> dict[str, Any]:
    """What :func:`text_without` must say."""
    data = deepcopy(data)
    while place := next(places(data), None):
        event, number, index = place
        entries = data["hooks"][event]
        if index is not None:
            del entries[number]["hooks"][index]
        if index is None or not entries[number]["hooks"]:
            del entries[number]
        if not entries:
            del data["hooks"][event]
        if not data["hooks"]:
            del data["hooks"]
    return data


def data_pruned(data: dict[str, Any], entries: Entries) -> dict[str, Any]:
    """``data`` without the empty places for our hooks that :func:`text_without` takes out, too."""
    data = deepcopy(data)
    hooks = data.get("hooks")
    for event in entries:
        if isinstance(hooks, dict) and hooks.get(event) == []:
            del hooks[event]
    if hooks == {}:
        del data["hooks"]
    return data


def _hooks(entry: object) -> list[Any]:
    found = entry.get("hooks") if isinstance(entry, dict) else None
    return found if isinstance(found, list) else []


def _ours(hook: object) -> bool:
    return bool(_commands(hook)) or _is_http(hook)


def _is_http(hook: object) -> bool:
    if not isinstance(hook, dict) or "url" not in hook:
        return False
    from prempti_otel.settings.http_hooks import is_ours  # for such hooks only: `hook status` starts without it

    return is_ours(hook["url"])


def _commands(hook: object) -> list[str]:
    texts = [str(hook.get(key, "")) for key in _COMMAND_KEYS] if isinstance(hook, dict) else []
    return [text for text in texts if hook_file.is_ours(text)]


def _found(node: json_text.Node, key: str) -> tuple[json_text.Node, int]:
    at = max(number for number, member in enumerate(node.children) if member.key == key)
    return node.children[at].value, at
