"""Giving the words of a command line the roles that its entry says they have."""

from __future__ import annotations

from collections.abc import Iterator

from prempti_otel.analysis.catalogue.compiled import Kind, Plan, Role, Roles
from prempti_otel.analysis.catalogue.found import Found
from prempti_otel.analysis.catalogue.handovers import MAX_RUNS, bounding_name, starts
from prempti_otel.analysis.catalogue.roles import APPLY
from prempti_otel.analysis.reading import FileAccess, FileOp, HostAccess, Word

_CHANGES = frozenset({FileOp.WRITE, FileOp.DELETE, FileOp.CHMOD, FileOp.LINK, FileOp.EXEC})
_STATEMENTS = frozenset({"sql", "text", "transfer"})
"""Roles of text that tells a program what to do."""
_FOLDERS = frozenset({".", "..", "~"})


class Applied(Found):
    """What roles made of a command line."""

    def options(self) -> None:
        """Give the values of options their roles."""
        for option, words in self.parsed.values:
            for role in option.roles:
                if not self._applies(role):
                    continue
                if role.name == "command":
                    more = tuple(self.parsed.operands) if option.ends else ()
                    self.commands.append((role.name, (*words, *more)))
                else:
                    for word in words[1:] if option.kind is Kind.PAIR else words:
                        APPLY[role.name](self, word, role)

    def operands(self) -> None:
        """Give the operands their roles, by the first plan that holds."""
        parsed = self.parsed
        for plan in parsed.command.plans:
            if plan.test(parsed):
                self._by(plan)
                return

    def _by(self, plan: Plan) -> None:
        words = self.parsed.operands
        for index, word in enumerate(words):
            for role in self._roles(plan, index, len(words)):
                if not self._applies(role):
                    continue
                if role.name in ("command", "shell"):
                    self.commands.append((role.argument or role.name, (*self.entrypoint, *words[index:])))
                    return
                APPLY[role.name](self, word, role)
        if self.entrypoint:
            self.commands.append(("command", self.entrypoint))

    def _applies(self, role: Role) -> bool:
        seen = self.parsed.seen
        return (not role.needs or not role.needs.isdisjoint(seen)) and role.without.isdisjoint(seen)

    def _roles(self, plan: Plan, index: int, count: int) -> Roles:
        parsed = self.parsed
        if plan.dashes is not None and 0 <= parsed.dashes <= index:
            return plan.dashes
        if plan.leading is not None and (parsed.leading < 0 or index < parsed.leading):
            return plan.leading
        if plan.last is not None and index == count - 1 and count > 1:
            return plan.last
        if index < len(plan.fixed):
            fixed = plan.fixed[index]
            if fixed is not None:
                return fixed
        return plan.rest

    def from_stdin(self) -> None:
        """Give standard input its role."""
        parsed = self.parsed
        if parsed.stdin.kind == "none":
            return
        for roles, test in parsed.command.stdin:
            if test(parsed):
                for role in roles:
                    if role.name == "code":
                        self.codes.append((role.argument, parsed.stdin.text, None))
                    elif parsed.stdin.text is not None:
                        APPLY[role.name](self, parsed.stdin.text, role)
                    elif role.name in _STATEMENTS and not parsed.texts:
                        self.unread = True
                return

    def targets(self) -> None:
        """Writes of copies and moves: the target, or what they make in it."""
        for target, folder in self.into:
            text = target.text
            if not (folder or len(self.sources) > 1 or text.endswith("/") or text in _FOLDERS):
                self.add_file(target, FileOp.WRITE)
                continue
            base = text if text.endswith("/") else f"{text}/"
            for source in self.sources[:MAX_RUNS]:
                name = source.text.rstrip("/").rpartition("/")[2]
                known = target.known and source.known
                self.add_file(Word(f"{base}{name}", known, target.pattern or source.pattern), FileOp.WRITE)

    def deleted_below(self) -> None:
        """What is found below the leading operands and deleted."""
        parsed = self.parsed
        deleting = parsed.command.deletes
        if deleting is None or not deleting.test(parsed):
            return
        name = bounding_name(parsed)
        for start in starts(parsed):
            if name is not None:
                path = Word(f"{start.text.rstrip('/')}/{name.text}", start.known and name.known, True)
                self.files.append(FileAccess(path, FileOp.DELETE))
            else:
                self.files.append(FileAccess(start, FileOp.DELETE, recursive=True))

    def host_accesses(self) -> Iterator[HostAccess]:
        """Hosts with their operation and port."""
        parsed = self.parsed
        fallback = ""
        for target, form, op in self.hosts:
            if not op:
                fallback = fallback or next((name for name, test in parsed.command.net if test(parsed)), "connect")
            yield HostAccess(target, form, op or fallback, self.port)

    def harmless(self) -> None:
        """Only reads and hosts remain: it says what it would do."""
        self.files = [access for access in self.files if access.op not in _CHANGES]
        self.codes = []
        self.commands = []
