"""Word expansion: what a command line's words are when the command runs."""

from __future__ import annotations

import pytest

from tests.support.predictions import predicted

KNOWN = [
    ("show a b", ["a", "b"]),
    ("show 'a b' \"c d\"", ["a b", "c d"]),
    ("show a''b\"\"c", ["abc"]),
    ("show '' \"\"", ["", ""]),
    ("show \\a\\ b", ["a b"]),
    ("show a\\\nb", ["ab"]),
    ("show a \\\n b", ["a", "b"]),
    ('show "a\\"b\\$c\\d"', ['a"b$c\\d']),
    (r"show $'\x72m' $'a\tb' $'\'' $'\101'", ["rm", "a\tb", "'", "A"]),
    ('show $"hello there"', ["hello there"]),
    ("show ~ ~/x ~dev/y ~root ~+", ["/home/dev", "/home/dev/x", "/home/dev/y", "/root", "/home/dev/project"]),
    ('show "~" a~ x=~/y --o=~/y', ["~", "a~", "x=/home/dev/y", "--o=~/y"]),
    ("show {a,b}c{1..3}", ["ac1", "ac2", "ac3", "bc1", "bc2", "bc3"]),
    (
        "show {a,{b,c}} {x} {} a{,b} {3..1} {a..e..2} {08..10}",
        [*"abc", "{x}", "{}", "a", "ab", *"321", *"ace", "08", "09", "10"],
    ),
    ("show '{a,b}' \\{a,b} \"{1..2}\"", ["{a,b}", "{a,b}", "{1..2}"]),
    ("x='a b'; show $x \"$x\" '$x'", ["a", "b", "a b", "$x"]),
    ("x=a y=$x; show $y$x", ["aa"]),
    ("x=a; x+=b; show ${x}c", ["abc"]),
    ("x=/a/b.tar.gz; show ${x##*/} ${x#*/} ${x%.*} ${x%%.*}", ["b.tar.gz", "a/b.tar.gz", "/a/b.tar", "/a/b"]),
    ("x=aXbX; show ${x/X/-} ${x//X/-} ${x/#a/c} ${x/%X/c} ${x//X}", ["a-bX", "a-b-", "cXbX", "aXbc", "ab"]),
    ("x=hello; show ${x:1:3} ${x: -2} ${#x} ${x^} ${x^^}", ["ell", "lo", "5", "Hello", "HELLO"]),
    ('x=a; show ${x:-b} ${x:+c} "${x:?}"', ["a", "c", "a"]),
    ('x=; show "${x:-b}" "${x-b}"', ["b", ""]),
    ("n=x; x=a; show ${!n}", ["a"]),
    ("a=(p 'q r' s); show ${a[1]} \"${a[1]}\" ${#a[@]} $a", ["q", "r", "q r", "3", "p"]),
    ('a=(p \'q r\'); show "${a[@]}" "${a[*]}"', ["p", "q r", "p q r"]),
    ('a=(p); a+=(q); show "${a[@]}" ${a[-1]}', ["p", "q", "q"]),
    ("set -- a 'b c'; show $1 \"$@\" $#", ["a", "a", "b c", "2"]),
    ('set -- a b c; shift; show "$@" "$*"', ["b", "c", "b c"]),
    ('f() { show "$2" "$1" "$0"; }; f a b', ["b", "a", "bash"]),
    ("show $((1 + 2 * 3)) $((2 ** 10)) $((7 / 2)) $((0x1f)) $((1 ? 2 : 3))", ["7", "1024", "3", "31", "2"]),
    ("n=4; show $((n * 2)) $(( $n - 1 ))", ["8", "3"]),
    ("show $(pwd) `echo a b` $(printf x) \"$(echo 'c d')\"", ["/home/dev/project", "a", "b", "x", "c d"]),
    ("show $(echo cm0K | base64 -d) $(base64 -d <<< cm0=)", ["rm", "rm"]),
    ("show $(which rm) $(basename /a/b.c .c) $(dirname /a/b)", ["rm", "b", "/a"]),
    ("show a${IFS}b", ["a", "b"]),
    ("IFS=,; x=a,b; show $x", ["a", "b"]),
    ('read x y <<< \'a b c\'; show "$x" "$y"', ["a", "b c"]),
    ("printf -v x %s-%s a b; show $x", ["a-b"]),
    ("export x=a; declare y=b; show $x $y", ["a", "b"]),
    ("local z='a b'; show \"$z\"", ["a b"]),
    ("show a#b # c", ["a#b"]),
    ("show done if { } ! in", ["done", "if", "{", "}", "!", "in"]),
    ("show [ ]", ["[", "]"]),
    ("cd /a; cd b; show $PWD $OLDPWD", ["/a/b", "/a"]),
]


@pytest.mark.parametrize(("code", "arguments"), KNOWN, ids=[code for code, _ in KNOWN])
def test_words_expand_as_in_bash(code: str, arguments: list[str]) -> None:
    shown = predicted(code).process("show")

    assert list(shown.values["proc.argv"])[1:] == arguments  # type: ignore[arg-type]
    assert shown.values["proc.args_dynamic"] is False
    assert shown.values["proc.dynamic"] is False


UNKNOWN = [
    ("show $DIR/x", ["$DIR/x"]),
    ('show "a $DIR b"', ["a $DIR b"]),
    ("show $(date)", ["$(date)"]),
    ("show `date`", ["`date`"]),
    ("x=$(mktemp -d); show $x/y", ["$(mktemp -d)/y"]),
    ("show ${DIR:-/tmp}", ["/tmp"]),
    ("show ${DIR:?}", ["${DIR}"]),
    ("show ${DIR%/*}", ["${DIR%/*}"]),
    ("show $1 $@ $? $$", ["$1", "$@", "$?", "$$"]),
    ("show $((x + 1)) $((1 / 0))", ["$((x + 1))", "$((1 / 0))"]),
    ("read x; show $x", ["$x"]),
    ("show ~stranger", ["~stranger"]),
    ("show {1..99999999}", ["{1..99999999}"]),
    ("i=0; (( i++ )); show $i", ["$i"]),
    ("show <(sort a)", ["<(sort a)"]),
    ("unset HOME; show ~", ["$HOME"]),
]


@pytest.mark.parametrize(("code", "arguments"), UNKNOWN, ids=[code for code, _ in UNKNOWN])
def test_what_cannot_be_known_keeps_its_source_text_and_says_so(code: str, arguments: list[str]) -> None:
    shown = predicted(code).process("show")

    assert list(shown.values["proc.argv"])[1:] == arguments  # type: ignore[arg-type]
    assert shown.values["proc.args_dynamic"] is True


NAMES = [
    "\\rm x",
    "r''m x",
    "'rm' x",
    "$'\\x72m' x",
    "r\\m x",
    "x=rm; $x x",
    "x=r; ${x}m x",
    "$(echo rm) x",
    "`echo rm` x",
    "{rm,x}",
    'a=(rm x); "${a[@]}"',
    "x='rm x'; $x",
    "r\\\nm x",
    "$(which rm) x",
    "$(command -v rm) x",
    "y= ; $y rm x",
    'set -- rm x; "$@"',
    "eval 'rm x'",
    "eval r m; eval rm x",
    "X=1 rm x",
    "X=(1 2) rm x",
    "> /dev/null rm x",
    "2>&1 rm x",
    "! rm x",
    "time rm x",
    "time -p rm x",
    "coproc rm x",
    "coproc N { rm x; }",
    "command rm x",
    "builtin command rm x",
    "exec rm x",
    "exec -a y rm x",
    "command -p rm x",
    "if rm x; then :; fi",
    "if :; then :; else rm x; fi",
    "case a in b) ;; *) rm x;; esac",
    "while rm x; do :; done",
    "until :; do rm x; done",
    "for ((;;)); do rm x; done",
    "for i in 1; do rm x; done",
    "select i in 1; do rm x; done",
    "[[ -n $(rm x) ]]",
    "(( $(rm x) ))",
    "echo $(( $(rm x) ))",
    "echo ${y:-$(rm x)}",
    'echo "$(rm x)"',
    "cat <(rm x)",
    "tee >(rm x)",
    "cat <<E\n$(rm x)\nE",
    "cat <<< `rm x`",
    "a[$(rm x)]=1",
    "a=($(rm x))",
    "y=$(rm x)",
    "> $(rm x)",
    "f() { rm x; }; f",
    "function f { rm x; }; f",
    "f() ( rm x ); f",
    "f() rm x; f",
    "alias k='rm x'; k",
    "trap 'rm x' EXIT",
    "((rm x); ls)",
    "((true); rm x)",
    "{ rm x; }",
    "( rm x )",
    "rm x &",
    ": | rm x",
    ": |& rm x",
    ": && rm x",
    ": || rm x",
    "case a in a) : ;& b) rm x ;; esac",
    "for i do :; done; rm x",
    "export A=$(rm x)",
    ". <(echo rm x)",
    "source <(echo rm x)",
    "echo 'rm x' > s.sh; . ./s.sh",
    "if :; then rm x",
    "rm x; if",
    'rm x "unterminated',
    "\r\nrm x\r\n",
    "rm\0 x",
]


@pytest.mark.parametrize("code", NAMES)
def test_a_command_is_found_however_it_is_spelled_and_wherever_it_stands(code: str) -> None:
    deleted = [path.rpartition("/")[2] for path in predicted(code).touched("delete")]

    assert any(name.startswith("x") for name in deleted)


DATA = [
    "git commit -m 'rm x'",
    "echo rm x",
    "echo 'a; rm x'",
    "grep -rn 'rm x' .",
    "cat <<'E'\nrm x\nE",
    "cat <<E\nrm x\nE",
    "x='rm x'",
    'echo "\\$(rm x)"',
    "echo '$(rm x)' '`rm x`'",
    "# rm x",
    "ls # ; rm x",
    "[[ a == rm ]]",
    "(( rm + x ))",
    "case 'rm x' in rm) ;; esac",
    "for rm in x; do :; done",
    "cat > f <<'E'\n`rm x`\nE",
    "echo {rm,x}",
    "a=(rm x)",
    "command -v rm",
    "type rm x",
    "which rm",
    "f() { rm x; }",
    "printf '%s' 'rm x'",
    "echo a\\;rm x",
    "rm() { :; }; rm x",
    'git commit -m "$(cat <<\'E\'\nfix: rm x (it\'s "bad")\nE\n)"',
    "echo rm x > notes",
    "jq '. | rm x' f",
]


@pytest.mark.parametrize("code", DATA)
def test_text_that_is_data_is_never_code(code: str) -> None:
    prediction = predicted(code)

    assert "rm" not in prediction.names
    assert prediction.dynamic == []


DYNAMIC = [
    ("$CMD x", "$CMD"),
    ('eval "$PAYLOAD"', "eval"),
    ("$(cat cmd.txt)", "$(cat cmd.txt)"),
    ('"$CMD" -rf /', "$CMD"),
    ("/bin/r? x", "r?"),
    ("r\u200bm x", "r\u200bm"),
    ("r\u043c x", "r\u043c"),
    ("ls 'x", "bash"),
    ("if :", "bash"),
    ("ls; )", "bash"),
    ("source $FILE", "source"),
    ("f() { f; }; f", "f"),
    (":(){ :|:& };:", ":"),
    ("ls\0", "bash"),
    ('trap "$CODE" EXIT', "trap"),
    ("cat <<E\nx", "bash"),
]


@pytest.mark.parametrize(("code", "name"), DYNAMIC)
def test_what_runs_and_cannot_be_known_is_dynamic(code: str, name: str) -> None:
    assert name in predicted(code).dynamic
