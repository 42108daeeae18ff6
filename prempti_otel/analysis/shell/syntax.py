"""The grammar of shell code: from a scanned script to statements.

Where nothing is compound, the scanner's sequence is the whole grammar. Otherwise tree-sitter-bash
parses the script's shape: it tells how compound commands nest and recovers from errors, while
pipelines and lists are put together here from the operators (the grammar takes ``a|b|c && d`` for a
pipeline that ends in a list). What stands below an error node is kept.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from prempti_otel.analysis.shell.tokens import Script, Token, TokenKind

DEEPEST = 60
"""Levels of compound commands that are read; each takes a few frames of Python's stack here and in the walk."""

_LANGUAGE = Language(tree_sitter_bash.language())


class Simple(msgspec.Struct):
    """A simple command: words and redirections in order."""

    tokens: list[Token]


class Redirected(msgspec.Struct):
    """A compound command with redirections after it."""

    body: Statement
    redirections: list[Token]


class Group(msgspec.Struct):
    """``{ .. }``, or ``( .. )`` in a subshell."""

    body: list[Listed]
    subshell: bool


class If(msgspec.Struct):
    """Conditions with their bodies; the last may be an ``else``, with no condition."""

    branches: list[tuple[list[Listed], list[Listed]]]


class While(msgspec.Struct):
    """``while`` and ``until``."""

    condition: list[Listed]
    body: list[Listed]


class For(msgspec.Struct):
    """``for`` and ``select`` over words; ``words`` is None for the positional parameters."""

    head: Token | None
    words: list[Token] | None
    body: list[Listed]


class Case(msgspec.Struct):
    """A subject and its clauses: patterns, and what they run."""

    subject: Token | None
    clauses: list[tuple[Token | None, list[Listed]]]


class Function(msgspec.Struct):
    """A definition."""

    name: Token | None
    body: Statement


Statement = Simple | Redirected | Group | If | While | For | Case | Function


class Listed(msgspec.Struct):
    """A pipeline within a list, and the operator that leads to it (``;``, ``&&``, ``||`` or none)."""

    operator: str
    pipeline: list[Statement]
    background: bool = False


_Item = Statement | str


def parse(script: Script) -> list[Listed]:
    """The statements of ``script``, which is marked as broken where the grammar finds errors."""
    if not script.compound:
        return _assemble(_simple_commands(script.sequence))
    # A parser is cheap to make and must not be shared by threads.
    tree = Parser(_LANGUAGE).parse(script.shape.encode("ascii"))
    if tree.root_node.has_error:
        script.broken = True
    return _TreeReader(script).block([tree.root_node], 0)


def parse_by_tree(script: Script) -> list[Listed]:
    """The same, always by the grammar: what :func:`parse` must agree with."""
    script.compound = True
    return parse(script)


def _simple_commands(sequence: Iterable[Token | str]) -> list[_Item]:
    items: list[_Item] = []
    current: Simple | None = None
    for part in sequence:
        if isinstance(part, str):
            current = None
            items.append(part)
        elif current is None:
            current = Simple([part])
            items.append(current)
        else:
            current.tokens.append(part)
    return items


def _assemble(items: Iterable[_Item]) -> list[Listed]:
    """Pipelines and lists from statements and the operators between them."""
    result: list[Listed] = []
    operator = ""
    for item in items:
        if isinstance(item, str):
            if item == "&" and result and not operator:
                result[-1].background = True
            operator = item if item in ("|", "&&", "||") else (operator if item == "\n" and operator == "|" else "")
            continue
        if operator == "|" and result:
            result[-1].pipeline.append(item)
        else:
            result.append(Listed(operator, [item]))
        operator = ""
    return result


class _TreeReader(msgspec.Struct):
    """Reads tree-sitter's tree of a shape."""

    script: Script
    _gathered: list[_Item] = msgspec.field(default_factory=list)

    def block(self, nodes: list[Node], depth: int) -> list[Listed]:
        """The statements among ``nodes``, errors included."""
        if depth > DEEPEST:
            self.script.broken = True
            return []
        items: list[_Item] = []
        loose: Simple | None = None
        # Lists of errors may nest as deep as the code: they are opened here, not by recursion.
        todo = nodes[::-1]
        while todo:
            node = todo.pop()
            kind = node.type
            if kind in ("word", "variable_name", "extglob_pattern", "number", "command_name"):
                token = self._token(node)
                if token is not None:
                    if loose is None:
                        loose = Simple([])
                        items.append(loose)
                    loose.tokens.append(token)
                continue
            if not node.is_named:
                if kind != "in":
                    loose = None
                    items.append(self.script.operators.get(node.start_byte, ";"))
                continue
            loose = None
            if kind == "command":
                todo_words = self._words(node)
                if todo_words:
                    items.append(Simple(todo_words))
                    items.append(";")
                others = [child for child in node.children if child.type == "subshell" or child.child_count > 1]
                if others:  # bash takes no parenthesis there; the grammar, and other shells, do
                    self.script.broken = True
                    todo.extend(others[::-1])
                continue
            statement = self._statement(node, kind, depth + 1)
            if statement is not None:
                items.append(statement)
            else:
                todo.extend(node.children[::-1])
        return _assemble(self._separated(items))

    @staticmethod
    def _separated(items: list[_Item]) -> Iterable[_Item]:
        """Between statements without an operator (a newline, in the shape) nothing binds."""
        for at, item in enumerate(items):
            following = items[at + 1] if at + 1 < len(items) else None
            if item == ";" and isinstance(following, str) and following != ";":
                continue
            yield item

    def _words(self, node: Node) -> list[Token]:
        found: list[Token] = []
        for child in node.children:
            token = self._token(child)
            if token is not None:
                found.append(token)
        return found

    def _token(self, node: Node) -> Token | None:
        """The token that a word of the shape stands for; a reserved word that the grammar took for a word has none."""
        token = self.script.tokens.get(node.start_byte)
        if token is None and node.type in ("word", "command_name"):
            self.script.broken = True
        return token

    def _statement(self, node: Node, kind: str, depth: int) -> Statement | None:
        children = node.children
        if kind == "redirected_statement":
            redirections = [token for child in children if (token := self._redirection(child)) is not None]
            inner = self.block([child for child in children if child.type != "file_redirect"], depth)
            return Redirected(_single(inner), redirections)
        if kind in ("subshell", "compound_statement"):
            return Group(self.block(_inner(children), depth), kind == "subshell")
        if kind == "if_statement":
            return self._if(children, depth)
        if kind == "while_statement":
            body = [child for child in children if child.type == "do_group"]
            condition = [child for child in children[1:] if child.type != "do_group"]
            return While(self.block(condition, depth), self._do_groups(body, depth))
        if kind == "for_statement":
            return self._for(children, depth)
        if kind == "case_statement":
            return self._case(children, depth)
        if kind == "function_definition":
            return self._function(children, depth)
        return None

    def _redirection(self, node: Node) -> Token | None:
        if node.type != "file_redirect":
            return None
        token = self.script.tokens.get(node.start_byte)
        return token if token is not None and token.kind is TokenKind.REDIRECT else None

    def _do_groups(self, nodes: list[Node], depth: int) -> list[Listed]:
        return self.block([child for node in nodes for child in _inner(node.children)], depth)

    def _if(self, children: list[Node], depth: int) -> If:
        branches: list[tuple[list[Listed], list[Listed]]] = []
        condition: list[Node] = []
        body: list[Node] | None = None
        rest: list[Node] = []
        for child in children[1:]:
            if child.type in ("elif_clause", "else_clause"):
                rest.append(child)
            elif child.type == "then":
                body = []
            elif child.type != "fi":
                (condition if body is None else body).append(child)
        branches.append((self.block(condition, depth), self.block(body or [], depth)))
        for clause in rest:
            if clause.type == "else_clause":
                branches.append(([], self.block(clause.children[1:], depth)))
            else:
                branches.extend(self._if(clause.children, depth).branches)
        return If(branches)

    def _for(self, children: list[Node], depth: int) -> For:
        head: Token | None = None
        words: list[Token] | None = None
        for child in children:
            if child.type == "variable_name" or (child.type == "word" and head is None):
                head = self._token(child)
            elif child.type == "in":
                words = []
            elif child.type == "word":
                token = self.script.tokens.get(child.start_byte)
                if token is None:
                    words = None
                elif words is not None:
                    words.append(token)
        groups = [child for child in children if child.type in ("do_group", "compound_statement")]
        body = self._do_groups(groups, depth)
        errors = [child for child in children if child.type == "ERROR"]
        return For(head, words, body + (self.block(errors, depth) if errors else []))

    def _case(self, children: list[Node], depth: int) -> Case:
        subject: Token | None = None
        clauses: list[tuple[Token | None, list[Listed]]] = []
        for child in children:
            if child.type == "case_item":
                pattern = self._token(child.children[0]) if child.children else None
                clauses.append((pattern, self.block(_after_parenthesis(child.children), depth)))
            elif child.type == "ERROR":
                clauses.append((None, self.block([child], depth)))
            elif subject is None and child.is_named:
                subject = self._token(child)
        return Case(subject, clauses)

    def _function(self, children: list[Node], depth: int) -> Function:
        name: Token | None = None
        body: list[Node] = []
        for child in children:
            if name is None and child.type == "word":
                name = self._token(child)
            elif child.is_named:
                body.append(child)
        return Function(name, _single(self.block(body, depth)))


def _single(body: list[Listed]) -> Statement:
    """One statement for a list of them."""
    if len(body) == 1 and len(body[0].pipeline) == 1:
        return body[0].pipeline[0]
    return Group(body, subshell=False)


def _inner(children: list[Node]) -> list[Node]:
    """What stands between an opening and a closing word."""
    closing = children and children[-1].type in (")", "}", "done")
    return children[1:-1] if closing else children[1:]


def _after_parenthesis(children: list[Node]) -> list[Node]:
    for at, child in enumerate(children):
        if child.type == ")":
            return children[at + 1 :]
    return children[1:]
