"""Code in text that the shell expands a second time runs, wherever that text came from; other text stays data."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.predictions import predicted

RUN = [
    "echo $((a[$(rm /x)]))",
    "x='a[$(rm /x)]'; echo $((x))",
    "x='a[$(rm /x)]'; y=x; echo $((y + 1))",
    "x='a[`rm /x`]'; ((x))",
    "x='a[$(rm /x)]'; ((y = x))",
    "x='a[$(rm /x)]'; [[ $x -eq 1 ]]",
    "x='a[$(rm /x)]'; [[ 1 -lt x ]]",
    "x='a[$(rm /x)]'; [[ -v $x ]]",
    "[[ -v 'a[$(rm /x)]' ]]",
    "test -v 'a[$(rm /x)]'",
    "[ -v 'a[$(rm /x)]' ]",
    "[ a = b -o -v 'a[$(rm /x)]' ]",
    "let 'a[$(rm /x)]=1'",
    "let y='a[$(rm /x)]'",
    "x='a[$(rm /x)]'; let y=x",
    "unset 'a[$(rm /x)]'",
    "unset -v 'a[$(rm /x)]'",
    "read 'a[$(rm /x)]' <<< y",
    "read -r n 'a[$(rm /x)]'",
    "mapfile 'a[$(rm /x)]'",
    "getopts ab 'a[$(rm /x)]'",
    "wait -n -p 'a[$(rm /x)]'",
    "printf -v 'a[$(rm /x)]' y",
    "declare 'a[$(rm /x)]=y'",
    "declare -i y='a[$(rm /x)]'",
    "x='a[$(rm /x)]'; declare -i y=x",
    "n='a[$(rm /x)]'; echo ${!n}",
    "x='b[$(rm /x)]'; echo ${a[x]}",
    "x='b[$(rm /x)]'; a[x]=1",
    "x='b[$(rm /x)]'; y=abc; echo ${y:x}",
    "x='b[$(rm /x)]'; y=abc; echo ${y:0:x}",
    "x='$(rm /x)'; echo ${x@P}",
    "export 'x=$(rm /x)'; echo ${x@P}",
    "mapfile -C 'rm /x' -c 1 a",
    "readarray -c1 -C 'rm /x #' a",
    "complete -C 'rm /x' y",
    "compgen -W '$(rm /x)'",
    "f() { rm /x; }; compgen -F f",
    "hash -p /bin/rm y; y /x",
    "command_not_found_handle() { rm /x; }; nothing",
    "exec -ca y rm /x",
    "exec -la y rm /x",
    ". /proc/self/fd/0 <<< 'rm /x'",
    "x='$(rm /x)'; echo ${(e)x}",
    "echo ${(e):-\\$(rm /x)}",
]


@pytest.mark.parametrize("code", RUN)
def test_what_is_expanded_again_is_run(code: str) -> None:
    assert "/x" in predicted(code).touched("delete")


DATA = [
    "echo 'a[$(rm /x)]'",
    "x='a[$(rm /x)]'; echo $x",
    "x='a[$(rm /x)]'; [[ $x == y ]]",
    "x='a[$(rm /x)]'; [ $x = y ]",
    "x='a[$(rm /x)]'; y=1; echo $((y))",
    "x='$(rm /x)'; echo ${x@Q}",
    "x='$(rm /x)'; echo ${x^^}",
    "test -n 'a[$(rm /x)]'",
    "printf '%s' 'a[$(rm /x)]'",
    "read -r a <<< 'b[$(rm /x)]'",
    "declare y='a[$(rm /x)]'",
    "export y='a[$(rm /x)]'",
    "compgen -W 'rm /x'",
    "trap - EXIT",
    "hash -r; y /x",
    "git commit -m 'a[$(rm /x)]'",
    "x='$(rm /x)'; echo ${(U)x}",
    "ls *(foo|bare) !(example) ?(e.txt)",
]


@pytest.mark.parametrize("code", DATA)
def test_what_is_expanded_once_is_data(code: str) -> None:
    prediction = predicted(code)

    assert prediction.touched("delete") == []
    assert prediction.dynamic == []


UNKNOWN = [
    "c=ls; declare -n r=c; r='rm /x'; $c",
    "declare -n r=c; c='rm /x'; $r",
    "bash /dev/fd/3 3<<< 'rm /x'",
    ". /dev/fd/3 3<<< 'rm /x'",
    'eval "$(< f)"',
    '"$(< f)" -rf /',
    "ls *(e{'rm /x'})",
    "ls *(.Ne:'rm /x':)",
    "f() { rm /x; }; ls *(+f)",
    "a[2]=/x; a[1]=-f; a[0]=rm; ${a[@]}",
]


@pytest.mark.parametrize("code", UNKNOWN)
def test_what_is_not_followed_is_dynamic(code: str) -> None:
    assert predicted(code).dynamic


SET = ["", "v=; ", "v=a; ", "v=(a b); ", "v=(); ", "read v; ", "v=$(f); ", "v=($(f)); ", "if f; then v=a; fi; "]
NAMES = ["v", "v[0]", "v[@]", "v[$(rm /x)]", "v[w[$(rm /x)]]", "#v[$(rm /x)]", "!v", "!v@", "1", "@", "(e)v"]
OPERATORS = [":-", "-", ":=", ":+", "+", ":?", "#", "##", "%", "/", "//", "/a/", "/#", ":", ":1:", "^", ",,", "@Q", "@"]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SET), st.sampled_from(NAMES), st.sampled_from(OPERATORS), st.booleans())
def test_no_expansion_of_a_parameter_hides_a_command(before: str, name: str, operator: str, quoted: bool) -> None:
    expansion = f"${{{name}{operator}$(rm /x)}}"
    code = f'{before}echo "{expansion}"' if quoted else f"{before}echo {expansion}"

    assert "/x" in predicted(code).touched("delete")


ATTRIBUTES = [
    ("export 'd=/x y'; rm \"$d\"", ["/x y"]),
    ("declare -l d=/X; rm $d", ["/x"]),
    ("typeset -u d=/x; rm $d", ["/X"]),
    ("declare -i d=1+1; rm /$d", ["/2"]),
    ("declare -r d=/x; rm $d", ["/x"]),
    ("export -n d=/x; rm $d", ["/x"]),
    ("local d=(/x /y); rm ${d[@]}", ["/x", "/y"]),
    ("d=([1]=/y [0]=/x); rm ${d[@]}", ["/x", "/y"]),
    ("d=(/x [5]=/z /y); rm ${d[@]}", ["/x", "/y", "/z"]),
    ("d=(/x /y); d[1]=/z; rm ${d[@]}", ["/x", "/z"]),
    ("d=/x; d[1]=/y; rm ${d[@]}", ["/x", "/y"]),
    ("set -- a /x /y; rm ${@:2}", ["/x", "/y"]),
    ('set -- /x /y /z; rm "${@:1:2}"', ["/x", "/y"]),
    ('d=(/x /y /z); rm "${d[@]:1}"', ["/y", "/z"]),
    ('d=(/x /y /z); rm "${d[@]: -1}"', ["/z"]),
    ("d=(/x /y); rm ${d:0:2}", ["/x"]),
    ('f() { rm "${@:2}"; }; f a /x', ["/x"]),
    ("echo /x > l; rm $(< l)", ["/x"]),
    ("rm $(< <(echo /x))", ["/x"]),
    ("CDPATH=/a; cd b; rm x", ["/a/b/x"]),
    ("CDPATH=/a:/c cd b; rm x", ["/a/b/x"]),
    ("CDPATH=/a; cd ./b; rm x", ["/home/dev/project/b/x"]),
    ("CDPATH=/a; cd /b; rm x", ["/b/x"]),
]


@pytest.mark.parametrize(("code", "deleted"), ATTRIBUTES, ids=[code for code, _ in ATTRIBUTES])
def test_variables_are_what_their_declaration_makes_of_them(code: str, deleted: list[str]) -> None:
    assert predicted(code).touched("delete") == deleted
