"""Syntax trees of inline code by tree-sitter's grammars, each loaded when such code is first seen."""

from __future__ import annotations

import ctypes
import importlib
import time
from functools import cache
from typing import TYPE_CHECKING

import tree_sitter

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MAX_CODE = 32_768
"""Longest code in bytes that is parsed."""
MAX_SECONDS = 0.05
"""Processor time that a parse may take: hostile text takes the Perl grammar seconds per kilobyte.
It is checked every so often from Python, which lets other threads go on, too."""
_PIECE = 65_536

_GRAMMARS = {
    "javascript": ("tree_sitter_javascript", "language"),
    "perl": ("tree_sitter_perl", "language"),
    "php": ("tree_sitter_php", "language_php_only"),
    "php_file": ("tree_sitter_php", "language_php"),
    "ruby": ("tree_sitter_ruby", "language"),
}


@cache
def _language(name: str) -> Language:
    module, function = _GRAMMARS[name]
    pointer: object = getattr(importlib.import_module(module), function)()
    return tree_sitter.Language(_capsule(pointer) if isinstance(pointer, int) else pointer)


def _capsule(pointer: int) -> object:
    """The address of a grammar as the capsule that py-tree-sitter wants; some wheels still give a number."""
    make = ctypes.pythonapi.PyCapsule_New
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    capsule: object = make(pointer, b"tree_sitter.Language", None)
    return capsule


def parse(name: str, code: bytes) -> Node | None:
    """The root of the tree of ``code``; None where that is too long or takes too long.

    Nodes know their place in the code and not their text; errors are nodes of the tree.
    """
    if len(code) > MAX_CODE:
        return None
    started = time.thread_time()

    def is_late(_offset: int, _has_error: bool) -> bool:
        return time.thread_time() - started > MAX_SECONDS

    parser = tree_sitter.Parser(_language(name))
    try:
        tree = parser.parse(lambda at, _: code[at : at + _PIECE], progress_callback=is_late)
    except ValueError:  # what py-tree-sitter makes of a parse that was stopped
        return None
    return tree.root_node
