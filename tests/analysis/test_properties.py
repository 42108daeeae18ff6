"""What holds for any shell text: nothing raises, work is bounded, wrapping hides nothing, both parsers agree."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prempti_otel.analysis.reading import Word
from prempti_otel.analysis.shell.disk import Disk
from prempti_otel.analysis.shell.scan import scan, scan_code
from prempti_otel.analysis.shell.state import State
from prempti_otel.analysis.shell.syntax import Listed, Simple, Statement, parse, parse_by_tree
from prempti_otel.analysis.shell.tokens import Token
from prempti_otel.analysis.shell.trace import MOST_EVENTS, Trace
from prempti_otel.analysis.shell.walk import Walk
from tests.support.predictions import catalogue, predicted, shape

PIECES = [
    *"abx/'\"`$(){}[]<>|&;!#~*?=\\\n\t @:-+%^,.0",
    "$(", "${", "$((", "))", "<<E\n", "E\n", "<<<", "<(", ">(", "&&", "||",
    "|&", ";;", ";&", "((", "[[", "]]", "if", "then", "else", "fi", "for", "in", "do", "done", "case", "esac", "while",
    "function", "f()", "rm", "-rf", "echo", "eval", "sh -c", "sudo", "x=", "$x", "{a,b}", "{1..3}", "\0", "\r\n", "é",
    "\ud800", "time", "coproc", "trap", "set --", "$@", "cd", "source", "exec", "xargs",
]  # fmt: skip

shell_like = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.lists(
    st.sampled_from(PIECES), max_size=40
).map(" ".join)


@settings(max_examples=400, deadline=None)
@given(st.text(min_size=1, max_size=200) | shell_like.filter(bool))
def test_any_text_is_read_without_an_error_and_within_bounds(code: str) -> None:
    prediction = predicted(code)

    assert prediction.processes
    assert len(prediction.processes) + len(prediction.files) + len(prediction.hosts) <= MOST_EVENTS + 2


@settings(max_examples=300, deadline=None)
@given(shell_like)
def test_scanning_moves_on_with_every_token(code: str) -> None:
    script = scan_code(code)
    starts = [token.start for token in script.tokens.values()]

    assert starts == sorted(starts)
    assert len(starts) <= len(code)


names = st.sampled_from(["ls", "rm", "echo", "make", "$X", "$(date)", "sudo"])
words = st.sampled_from(
    ["a", "-rf", "/", "'b c'", '"$x"', "$(echo d)", "{e,f}", "~", "*.py", "\\;", "${x:-g}", "`h`", "if", "2"]
)
redirections = st.sampled_from(["> o", "2>&1", "< i", "&> all", ">> o", "<<< s", "3<> p", ">| o", "2>/dev/null"])


@st.composite
def simple_commands(draw: st.DrawFn) -> str:
    assignments = draw(st.lists(st.sampled_from(["A=1", "B='x y'", "C+=2", "D[0]=z"]), max_size=2))
    rest = draw(st.lists(words | redirections, max_size=4))
    return " ".join([*assignments, draw(names), *rest])


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, st.sampled_from(["; ", " && ", " || ", " | ", " & ", "\n", " |& "]), inner).map("".join),
        inner.map(lambda code: f"( {code} )"),
        inner.map(lambda code: f"{{ {code}; }} > o"),
        inner.map(lambda code: f"! {code}"),
        pairs.map(lambda pair: f"if {pair[0]}; then {pair[1]}; fi"),
        pairs.map(lambda pair: f"if {pair[0]}\nthen {pair[1]}\nelse {pair[0]}\nfi 2>&1"),
        inner.map(lambda code: f"for i in a b; do {code}; done"),
        inner.map(lambda code: f"for ((i=0;i<2;i++)); do {code}; done"),
        inner.map(lambda code: f"while read l; do {code}; done < f"),
        pairs.map(lambda pair: f"case $x in a|b) {pair[0]} ;; (*) {pair[1]}\nesac"),
        inner.map(lambda code: f"f() {{ {code}; }}; f a"),
        inner.map(lambda code: f'echo "$( {code} )"'),
    )


scripts = st.recursive(simple_commands(), compound, max_leaves=6)


@settings(max_examples=150, deadline=None)
@given(scripts)
def test_a_well_formed_script_is_understood_as_a_whole(code: str) -> None:
    script = scan(code)
    parse(script)

    assert not script.broken


flat = st.lists(
    st.tuples(simple_commands(), st.sampled_from([" ; ", " && ", " || ", " | ", " & ", "\n", " |& ", "\n\n", " &&\n"])),
    min_size=1,
    max_size=6,
).map(lambda parts: "".join(command + separator for command, separator in parts) + "last")


def outline(listed: list[Listed]) -> list[tuple[str, list[list[tuple[int, int]]], bool]]:
    def tokens(statement: Statement) -> list[tuple[int, int]]:
        assert isinstance(statement, Simple)
        return [(token.start, token.end) for token in statement.tokens]

    return [(one.operator, [tokens(stage) for stage in one.pipeline], one.background) for one in listed]


@settings(max_examples=200, deadline=None)
@given(flat)
def test_the_short_way_without_the_grammar_reads_the_same_as_the_grammar(code: str) -> None:
    assert outline(parse(scan(code))) == outline(parse_by_tree(scan_code(code)))


plain = st.lists(
    st.sampled_from(
        [
            *"ab2=~*?/-.:,@%+^{}[]!#é&",
            *(
                " ",
                " ",
                "\t",
                "if",
                "x=",
                "time",
                "done",
                "rm",
                "[[",
                "{fd}",
                "''",
                '"a b"',
                "'|;'",
                '"',
                "'",
                "(",
                ")",
            ),
            *(
                " | ",
                " && ",
                " || ",
                "; ",
                "|",
                ">",
                ">>",
                "<",
                "2>&1",
                " > o",
                " 2>/dev/null",
                "&>",
                ">|",
                "<<<",
                "<(",
            ),
        ]
    ),
    max_size=12,
).map("".join)


@settings(max_examples=500, deadline=None)
@given(plain)
def test_a_plain_line_is_scanned_the_same_in_one_step(code: str) -> None:
    short, long = scan(code), scan_code(code)

    def shown(part: Token | str) -> tuple[object, ...]:
        return (part,) if isinstance(part, str) else (part.kind, part.start, part.end, part.operator, part.fd)

    assert [shown(part) for part in short.sequence] == [shown(part) for part in long.sequence]
    assert (short.end, short.source.pieces) == (long.end, long.source.pieces)
    assert (short.compound, short.broken) == (long.compound, long.broken)


@settings(max_examples=500, deadline=None)
@given(plain)
def test_a_word_whose_value_the_scan_sees_expands_to_it(code: str) -> None:
    expander = Walk(Trace(), catalogue()).expander
    state = State(cwd=Word("/"), variables={}, disk=Disk())
    for script in (scan(code), scan_code(code)):
        for token in script.sequence:
            if isinstance(token, Token) and token.word is not None:
                assert expander.words(script.source, token.start, token.end, state) == [token.word]


WRAPPERS: list[Callable[[str], str]] = [
    lambda code: f"sudo -n {code}" if simple(code) else f"sudo sh -c {shlex.quote(code)}",
    lambda code: f"env X=1 {code}" if simple(code) else f"env X=1 bash -c {shlex.quote(code)}",
    lambda code: f"sh -c {shlex.quote(code)}",
    lambda code: f"bash -lc {shlex.quote(code)}",
    lambda code: f"eval {shlex.quote(code)}",
    lambda code: f"( {code} )",
    lambda code: f"(({code}); true)" if code[0] != "(" else code,
    lambda code: f"{{ {code}; }}",
    lambda code: f"true; {code}",
    lambda code: f"true && {code}",
    lambda code: f"false || {code}",
    lambda code: f"ls | {code}" if simple(code) else f"ls | {{ {code}\n}}",  # or only its first command is piped to
    lambda code: f"{code} &",
    lambda code: f"{code} > /dev/null 2>&1",
    lambda code: f"for i in 1 2 3; do {code}; done",
    lambda code: f"while true; do {code}; break; done",
    lambda code: f"until {code}; do :; done",
    lambda code: f"if true; then {code}; fi",
    lambda code: f"case x in x) {code};; esac",
    lambda code: f"f() {{ {code}; }}; f",
    lambda code: f"function g {{ {code}\n}}\ng",
    lambda code: f"echo \"$( {code})\"",
    lambda code: f"echo `{code}`" if "`" not in code and "\\" not in code else code,
    lambda code: f"cat <({code})",
    lambda code: f"x=$( {code})",
    lambda code: f"! {code}",
    lambda code: f"time {code}",
    lambda code: f"time -p sh -c {shlex.quote(code)}",
    lambda code: f"timeout 5 {code}" if simple(code) else f"timeout -k 1 5 bash -c {shlex.quote(code)}",
    lambda code: f"nice -n 19 {code}" if simple(code) else f"nice bash -c {shlex.quote(code)}",
    lambda code: f"nohup {code} &" if simple(code) else f"nohup sh -c {shlex.quote(code)} >/dev/null 2>&1 &",
    lambda code: f"sudo -u root -E -- env -u A B=1 timeout 9 {code}" if simple(code) else f"sudo -s <<'Q'\n{code}\nQ\n",
    lambda code: f"xargs {code} < /dev/null" if simple(code) else f"echo x | xargs sh -c {shlex.quote(code)}",
    lambda code: f"find . -name x -exec sh -c {shlex.quote(code)} \\;",
    lambda code: f"printf %s {shlex.quote(code)} | sh",
    lambda code: f"printf '%s\n' {shlex.quote(code)} | sudo bash -s --",
    lambda code: f"echo {base64.b64encode(code.encode()).decode()} | base64 -d | sh",
    lambda code: f"eval \"$(echo {base64.b64encode(code.encode()).decode()} | base64 --decode)\"",
    lambda code: f"coproc {{ {code}; }}",
    lambda code: f"coproc NAME {{ {code}; }}",
    lambda code: f"coproc sh -c {shlex.quote(code)}",
    lambda code: f"true > >({code})",
    lambda code: f". <(cat <<'P{len(code)}'\n{code}\nP{len(code)}\n)",
    lambda code: f"if false; then :; elif true; then :; else {code}; fi",
    lambda code: f"case $x in a) :;; *) {code} ;; esac",
    lambda code: f"for ((i=0; i<1; i++)); do {code}; done",
    lambda code: f"select x in a; do {code}; break; done",
    lambda code: f"a=({shlex.quote(code)}); eval \"${{a[0]}}\"",
    lambda code: f"f() {{ eval \"$1\"; }}; f {shlex.quote(code)}",
    lambda code: f"[ -n \"$( {code})\" ]",
    lambda code: f"[[ -n $( {code}) ]]",
    lambda code: f": ${{x:=$( {code})}}",
    lambda code: f"export X=\"$( {code})\"",
    lambda code: f"echo x > \"$( {code})\"",
    lambda code: f"cat <<Q{len(code)}\n$( {code})\nQ{len(code)}\n" if "\\" not in code else code,
    lambda code: f"{code} | tee log.txt",
    lambda code: f"set -e\n{code}\r\n" if not code.endswith("\n") else code,
    lambda code: f"  \t{code}  ",
    lambda code: f"exec {code}" if simple(code) else f"exec bash -c {shlex.quote(code)}",
    lambda code: f"watch -n1 {shlex.quote(code)}",
    lambda code: f"flock /tmp/l -c {shlex.quote(code)}",
    lambda code: f"su -c {shlex.quote(code)}",
    lambda code: f"script -qc {shlex.quote(code)} /dev/null",
    lambda code: f"parallel ::: {shlex.quote(code)}",
    lambda code: f"make -f - <<'M{len(code)}'\nall:\n\t{make_line(code)}\nM{len(code)}\n" if one_line(code) else code,
    lambda code: f"xargs -I{{}} sh -c {shlex.quote(code)}",
    lambda code: f"trap {shlex.quote(code)} EXIT",
    lambda code: f"echo {shlex.quote(code)} | bash",
    lambda code: f"bash <<'END_{len(code)}'\n{code}\nEND_{len(code)}\n",
    lambda code: f"bash <<< {shlex.quote(code)}",
    lambda code: f"c={shlex.quote(code)}; eval \"$c\"",
    lambda code: f"alias k={shlex.quote(code)}; k",
    lambda code: f"python3 -c {shlex.quote(f'import os; os.system({code!r})')}",
    lambda code: f"# note\n\n{code}",
    lambda code: f"true \\\n  && {code}",
    lambda code: f"cat > s.sh <<'EOS_{len(code)}'\n{code}\nEOS_{len(code)}\nsh s.sh",
]  # fmt: skip


def one_line(code: str) -> bool:
    """Whether code is a recipe as it stands."""
    return "\n" not in code and "\r" not in code and "#" not in code


def make_line(code: str) -> str:
    """Code in a recipe, where the shell's dollars are doubled."""
    return code.replace("$", "$$")


def simple(code: str) -> bool:
    """Whether code is one simple command that a wrapper can stand before."""
    return code in DELETING


DELETING = [
    "rm -rf /",
    "rm  -r  -f  /",
    "\\rm -rf '/'",
    "r''m -fr /",
    "/bin/rm --recursive --force /",
    "rm -rf $HOME/../..",
    "rm -rf \\\n /",
    "command rm -rf /",
    "{rm,-rf,/}",
    "rm${IFS}-rf${IFS}/",
    "$'\\x72\\x6d' -rf /",
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(DELETING), st.lists(st.sampled_from(WRAPPERS), max_size=3))
def test_wrapping_a_command_hides_nothing(code: str, wrappers: list[Callable[[str], str]]) -> None:
    for wrap in wrappers:
        code = wrap(code)

    assert "/" in predicted(code).touched("delete")


@pytest.mark.parametrize("number", range(len(WRAPPERS)))
@pytest.mark.parametrize("code", DELETING)
def test_each_wrapper_by_itself_hides_nothing(number: int, code: str) -> None:
    assert "/" in predicted(WRAPPERS[number](code)).touched("delete")


@given(st.text(alphabet="ab c'\"$", max_size=20))
def test_a_quoted_argument_is_one_word_and_never_code(text: str) -> None:
    prediction = predicted(f"echo {shlex.quote(text)}")

    assert prediction.process("echo").values["proc.argv"] == ("echo", text)
    assert prediction.names == ["echo"]


def test_the_same_code_gives_the_same_events() -> None:
    code = "x=1; if a; then x=2; fi; rm -rf $x | tee o; bash -c 'echo $0' y"

    assert shape(predicted(code).processes) == shape(predicted(code).processes)
