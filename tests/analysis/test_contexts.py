"""Redirections, contexts, state, and what one command's doing means for those after it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from prempti_otel.analysis.shell.scan import scan
from prempti_otel.analysis.shell.syntax import parse
from tests.support.predictions import PROJECT, predicted

REDIRECTIONS = [
    ("show > o", [("write", "o")], "none"),
    ("show >> o 2> e", [("write", "o"), ("write", "e")], "none"),
    ("show &> o", [("write", "o")], "none"),
    ("show >& o", [("write", "o")], "none"),
    ("show &>> o", [("write", "o")], "none"),
    ("show >| o", [("write", "o")], "none"),
    ("show 2>&1 >&2 2>&- <&0", [], "none"),
    ("show < i", [("read", "i")], "file"),
    ("show 3< i", [("read", "i")], "none"),
    ("show <> i", [("read", "i"), ("write", "i")], "file"),
    ("show {fd}> o", [("write", "o")], "none"),
    ("show <<< text", [], "herestring"),
    ("show << E\ntext\nE", [], "heredoc"),
    (": | show", [], "pipe"),
    (": | show < i", [("read", "i")], "file"),
    ("> o show", [("write", "o")], "none"),
    ("{ show; } > o", [("write", "o")], "none"),
    ("( show ) > o", [("write", "o")], "none"),
    ("for i in 1; do show; done > o", [("write", "o")], "none"),
    ("while read l; do show; done < i", [("read", "i")], "file"),
    ("if :; then show; fi &> o", [("write", "o")], "none"),
    ("case a in a) show;; esac > o", [("write", "o")], "none"),
    ("f() { show; } ; f > o", [("write", "o")], "none"),
    ("show < <(sort i)", [("read", "i")], "pipe"),
    ("show 'a>b' a\\>b \"<c\"", [], "none"),
    ("[[ a > b ]] && show", [], "none"),
    ("(( 1 > 0 )) && show", [], "none"),
]


@pytest.mark.parametrize(("code", "files", "stdin"), REDIRECTIONS, ids=[code for code, _, _ in REDIRECTIONS])
def test_redirections_open_files_and_feed_commands(code: str, files: list[tuple[str, str]], stdin: str) -> None:
    prediction = predicted(code)

    assert [(event.values["file.op"], event.values["file.path"]) for event in prediction.files] == files
    assert prediction.process("show").values["proc.stdin"] == stdin


CONTENTS = [
    ("echo a > o", "a\n"),
    ("echo -n 'a  b' > o", "a  b"),
    ("printf '%s=%s\\n' a b > o", "a=b\n"),
    ("cat > o << 'E'\n$x\nE", "$x\n"),
    ("x=1; cat > o << E\n$x \\$x `echo y`\nE", "1 $x y\n"),
    ("cat <<-E > o\n\t\ta\n\tE", "a\n"),
    ("echo a | tee o", "a\n"),
    ("{ echo a; echo b; } > o", "a\nb\n"),
    ("cat > o <<< a", "a\n"),
    ("echo YQo= | base64 -d > o", "a\n"),
    ("f() { echo $1; }; f a > o", "a\n"),
    ("dd of=o <<< a", "a\n"),
    ("echo a | sponge o", "a\n"),
    ("install -m 755 /dev/stdin o <<< a", "a\n"),
    ("cp /dev/stdin o <<< a", "a\n"),
    ("cp i o <<< a", None),
    ("dd if=i of=o <<< a", None),
]


@pytest.mark.parametrize(("code", "content"), CONTENTS, ids=[code for code, _ in CONTENTS])
def test_what_is_written_is_known_where_the_code_says_it(code: str, content: str | None) -> None:
    writes = [event for event in predicted(code).files if event.values["file.op"] == "write"]

    assert [event.get("file.content") for event in writes] == [content]


DIRECTORIES = [
    ("cd /a; rm x", ["/a/x"]),
    ("cd a && cd b && rm x", [f"{PROJECT}/a/b/x"]),
    ("(cd /a; rm x); rm y", ["/a/x", f"{PROJECT}/y"]),
    ("cd /a | rm x", [f"{PROJECT}/x"]),
    ("$(cd /a); rm x", [f"{PROJECT}/x"]),
    ("cd /a & rm x", [f"{PROJECT}/x"]),
    ("{ cd /a; }; rm x", ["/a/x"]),
    ("f() { cd /a; }; f; rm x", ["/a/x"]),
    ("cd /a; cd -; rm x", [f"{PROJECT}/x"]),
    ("pushd /a; rm x; popd; rm y", ["/a/x", f"{PROJECT}/y"]),
    ("pushd /a; pushd /b; pushd; rm x", ["/a/x"]),
    ("cd; rm x", ["/home/dev/x"]),
    ("cd ..; rm x", ["/home/dev/x"]),
    ("cd -P -- /a; rm x", ["/a/x"]),
    ("command cd /a; builtin cd b; rm x", ["/a/b/x"]),
    ("eval cd /a; rm x", ["/a/x"]),
    ("bash -c 'cd /a'; rm x", [f"{PROJECT}/x"]),
    ("env -C /a rm x", ["/a/x"]),
    ("cd /a || exit 1; rm x", ["/a/x"]),
    ("cd /a || cd /b; rm x", ["/a/x"]),
    ("if cd /a; then rm x; fi", ["/a/x"]),
    ("rm -rf /a/../b", ["/b"]),
    ("cd /a/b; rm ../x ./y", ["/a/x", "/a/b/y"]),
    ("d=$(pwd)/z; rm $d", [f"{PROJECT}/z"]),
]


@pytest.mark.parametrize(("code", "deleted"), DIRECTORIES, ids=[code for code, _ in DIRECTORIES])
def test_paths_are_taken_from_where_the_shell_stands(code: str, deleted: list[str]) -> None:
    assert predicted(code).touched("delete") == deleted


BRANCHES = [
    ("if a; then d=/x; else d=/y; fi; rm $d", {"/x", "/y"}),
    ("d=/x; if a; then d=/y; fi; rm $d", {"/x", "/y"}),
    ("d=/x; [ -n a ] && d=/y; rm $d", {"/x", "/y"}),
    ("d=/x; a || d=/y; rm $d", {"/x", "/y"}),
    ("case a in b) d=/x;; c) d=/y;; esac; rm $d", {"/x", "/y"}),
    ("if a; then d=/x; exit; fi; d=/y; rm $d", {"/y"}),
    ("d=/x; (d=/y); rm $d", {"/x"}),
    ("d=/x; d=/y rm $d", {"/x"}),
    ("for d in /x /y; do e=$d; done; rm $e", {"/y"}),
    ("for d in /{x,y}; do rm $d/z; done", {"/x/z", "/y/z"}),
    ("d=/x; while a; do rm $d; d=/y; done", {"/x", "/y"}),
    ("set -- /x /y; for d; do rm $d; done", {"/x", "/y"}),
    ("f() { for d do rm $d; done; }; f /x /y", {"/x", "/y"}),
    ("f() { local d=$1; rm $d; }; f /x; f /y", {"/x", "/y"}),
    ("bash -c 'rm $0 $1' /x /y", {"/x", "/y"}),
    ("sh -c 'rm \"$@\"' sh /x /y", {"/x", "/y"}),
    ("for i in {1..40}; do rm /x/$i; done; rm /y", {"/x/1", "/x/2", "/x/3", "/y"}),
]


@pytest.mark.parametrize(("code", "deleted"), BRANCHES, ids=[code for code, _ in BRANCHES])
def test_a_variable_has_every_value_that_the_code_may_give_it(code: str, deleted: set[str]) -> None:
    assert set(predicted(code).touched("delete")) == deleted


ENDS = [
    ("x=/x; trap 'rm $x' EXIT", {"/x"}),
    ("trap 'rm $x' EXIT; x=/x", {"/x"}),
    ("x=/x; trap 'rm $x' EXIT; x=/y", {"/x", "/y"}),
    ("x=/x; trap 'rm $x' EXIT; x=/y; x=/z", {"/x", "/z"}),
    ("trap f EXIT; f() { rm /x; }", {"/x"}),
    ("cd /a; trap 'rm x' EXIT; cd /b", {"/a/x", "/b/x"}),
    ("trap 'trap \"rm $x\" INT' EXIT; x=/x", {"/x"}),
    ("f() { trap 'rm $1' RETURN; }; f /x", {"/x"}),
    ("(x=/x; trap 'rm $x' EXIT); x=/y", {"/x"}),
    ("y=$(trap 'rm /x' EXIT)", {"/x"}),
    ("trap - EXIT; trap '' INT", set()),
]


@pytest.mark.parametrize(("code", "deleted"), ENDS, ids=[code for code, _ in ENDS])
def test_a_trap_runs_with_what_is_set_when_it_is_set_and_when_its_shell_ends(code: str, deleted: set[str]) -> None:
    assert set(predicted(code).touched("delete")) == deleted


HANDED_OVER = [
    ("sudo rm x", ["sudo"]),
    ("sudo -u y env A=1 nice -n 5 rm x", ["nice", "env", "sudo"]),
    ("timeout 5 bash -c 'rm x'", ["bash", "timeout"]),
    ("nohup sh -c 'rm x' &", ["sh", "nohup"]),
    ("sh -c \"bash -c 'rm x'\"", ["bash", "sh"]),
    ("find . -exec rm x \\;", ["find"]),
    ("echo x | xargs rm", ["xargs"]),
    ("python3 -c \"import subprocess; subprocess.run(['rm', 'x'])\"", ["python3"]),
    ("eval 'sudo rm x'", ["sudo", "eval"]),
    ("trap 'rm x' EXIT", ["trap"]),
    ("watch rm x", ["watch"]),
]


@pytest.mark.parametrize(("code", "ancestors"), HANDED_OVER, ids=[code for code, _ in HANDED_OVER])
def test_who_runs_a_command_is_told_nearest_first(code: str, ancestors: list[str]) -> None:
    event = predicted(code).process("rm")

    assert event.values["proc.ancestors"] == (*ancestors, "Bash")
    assert event.values["proc.pname"] == ancestors[0]


def test_upstream_of_a_pipeline_is_told_to_all_stages_and_what_they_run() -> None:
    prediction = predicted("a | (b; c) | sudo d")

    assert prediction.process("c").values["proc.pipe_from"] == ("a",)
    assert prediction.process("d").values["proc.pipe_from"] == ("a", "b", "c")


def test_a_file_written_before_is_read_as_code_when_it_runs() -> None:
    for run in ("bash s.sh", "./s.sh", ". ./s.sh", "sh < s.sh", "cat s.sh | sh", "mv s.sh t.sh; bash t.sh"):
        assert predicted(f"echo 'rm /x' > s.sh; chmod +x s.sh; {run}").touched("delete")[-1] == "/x"


def test_code_behind_a_decoder_is_read_and_still_dynamic() -> None:
    prediction = predicted("echo cm0gL3gK | base64 -d | sh")

    assert prediction.touched("delete") == ["/x"]
    assert prediction.dynamic == ["sh"]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("awk '{system($0)}' f", "awk"),
        ("awk '{print | $3}' f", "awk"),
        ('make -f - <<< "$RULES"', "make"),
        ('python3 -c "exec(input())"', "python3"),
        ("python3 -c 'import os, sys; os.system(sys.argv[1])' \"$X\"", "python3"),
        ("perl -e 'eval <STDIN>'", "perl"),
    ],
)
def test_code_that_inline_code_computes_is_dynamic(code: str, name: str) -> None:
    prediction = predicted(code)

    assert prediction.dynamic == [name]
    assert prediction.names == [name]


def test_a_network_device_is_a_connection_and_no_file() -> None:
    prediction = predicted("exec 3<>/dev/tcp/h.example/80; cat < /dev/udp/1.2.3.4/53")

    assert prediction.reached() == {("connect", "h.example"), ("connect", "1.2.3.4")}
    assert prediction.files == []


def test_code_that_runs_no_command_is_the_shells_own_doing() -> None:
    assert predicted("x=1").names == ["bash"]
    assert predicted("# nothing").names == ["bash"]


GAPS = [
    "python3 - <<'E' 2>&1 | tail -5\nprint(1)\nE",
    "cat <<'E' > f; ls\nx\nE",
    "cat <<A <<B\na\nA\nb\nB\nls",
    "rm >/dev/null -rf /home",
    "coproc X { ls; }",
    "time -p ls",
    "exec 3<>/dev/tcp/h/80",
    "{rm,-rf,/}",
    "((rm x); ls)",
    "case a in a) ls ;& b) ls ;;& c) ls ;; esac",
    "a|b|c && d",
    "[ -f x -a ! -d y ] || [[ x =~ ^(a|b)$ && ! -e z ]]",
    "for ((i = 0; i < 3; i++)) { ls; }",
    "x=(a 'b c' $(ls)); y[1]=2; declare -A z=([k]=v)",
    'echo "${x:-"a b"}" ${y//\\//_} ${z@Q} ${#x[@]}',
    'if ls; then\n# note: it\'s "fine"\nls\nfi',
    "f() { ls; } > log 2>&1",
    "select x in a b\ndo\nls\ndone",
    "cat <<\\E\nit's\nE\nls",
    "ls; # trailing 'quote",
    "echo $'it\\'s' $\"x\"",
    "while :; do ls; done < <(ls) | ls",
    "function f\n{\nls\n}",
    "until ls; do ls; done & wait",
    "case $x in\n(a | b) ls;;\n*)\nesac",
    "! ls | ls",
]


@pytest.mark.parametrize("code", GAPS)
def test_what_bash_reads_is_read_here_where_the_grammar_alone_fails(code: str) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    assert subprocess.run([bash, "-n", "-c", code], capture_output=True, check=False).returncode == 0
    script = scan(code)
    parse(script)

    assert not script.broken


@pytest.mark.parametrize(
    "code", ["if ls; then", "ls )", "echo 'a", "case x in", "{ ls", "for x in", "done", "a && && b"]
)
def test_what_bash_refuses_is_reported_as_not_understood_with_all_that_was(code: str) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    assert subprocess.run([bash, "-n", "-c", code], capture_output=True, check=False).returncode != 0

    assert "bash" in predicted(code).dynamic


@pytest.mark.parametrize(
    "code",
    [
        """e=1; true && e=x; eval 'true && e=y; rm "$e"' "$e" """,
        """e=1; true && e=x; sh -c 'e=1; true && e=y; rm "$e"' "$e" """,
        """e=1; true && e=x; ssh "$e" 'true && e=y; sh -c "true && e=y; rm y"'""",
        """for e in 1 x; do eval 'true && e=y; rm "$e"' "$e"; done""",
    ],
)
def test_code_within_a_command_may_have_values_by_the_name_that_the_command_has_them_by(code: str) -> None:
    assert any("y" in line.split() for line in predicted(code).command_lines if line.startswith("rm"))


@pytest.mark.parametrize("code", ["fd -x", "fd -X", "find . -exec", "ls | xargs", "parallel", "sudo", "env --"])
def test_a_wrapper_that_is_given_no_command_runs_none(code: str) -> None:
    assert len(predicted(code).names) == code.count("|") + 1
