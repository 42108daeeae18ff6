"""Variables whose values only mean something together, or to the shell itself."""

from __future__ import annotations

import pytest

from tests.support.predictions import predicted

RUNNING = [
    "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.sshCommand GIT_CONFIG_VALUE_0='rm -rf /' git fetch",
    "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=alias.st GIT_CONFIG_VALUE_0='!rm -rf /'; git st",
    "env GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_1=core.pager GIT_CONFIG_VALUE_1='rm -rf /' git log",
    "GIT_CONFIG_PARAMETERS=\"'core.pager=rm -rf /'\" git log",
    "MAKEFLAGS='--eval=$(shell rm -rf /)' make",
    "PS4='$(rm -rf /)' bash -xc ls",
    "PS4='`rm -rf /`'; set -x; ls",
    "PS4='+ $(rm -rf /)'; set -o xtrace",
    "PROMPT_COMMAND='rm -rf /' bash -i",
    "echo 'rm -rf /' > x.sh; BASH_ENV=x.sh bash -c ls",
    "env 'BASH_FUNC_f%%=() { rm -rf /; }' bash -c f",
    "env 'BASH_FUNC_ls%%=() { rm -rf /; }' ./script",
    "env 'BASH_FUNC_f()=() { rm -rf /; }' bash -c f",
    "make SHELL='rm -rf /'",
    "make SHELL:='rm -rf /' all",
    "make CC='rm -rf /' all",
    "p='rm -rf /' git --config-env=core.pager=p log",
    "export p='rm -rf /'; git --config-env core.pager=p log",
    "PS1='$(rm -rf /)' bash -i",
    "FZF_DEFAULT_OPTS='--preview \"rm -rf /\"' fzf",
    "FZF_DEFAULT_OPTS='--bind=enter:execute(rm -rf /)' fzf",
    "time c='rm -rf /'; eval \"$c\"",
    "time -p c=1 rm -rf /",
    "time f(){ rm -rf /; }; f",
]


@pytest.mark.parametrize("command", RUNNING)
def test_what_variables_make_run_is_seen(command: str) -> None:
    assert "/" in predicted(command).touched("delete")


@pytest.mark.parametrize(
    "command",
    [
        "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0='rm -rf /' git commit",
        "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.pager GIT_CONFIG_VALUE_0='rm -rf /' ls",
        "PS4='+ ${LINENO}: '; set -x; ls",
        "PS4='$(rm -rf /)'; set -e; ls",
        "MAKEFLAGS=-j8 make",
        "make SHELL=/bin/bash x='rm -rf /'",
        "make all SHELL",
        "p='rm -rf /' git --config-env=user.name=p log",
        "env 'FUNC_f=() { rm -rf /; }' bash -c f",
        "env 'BASH_FUNC_f;%%=() { rm -rf /; }' ls",
        "FZF_DEFAULT_OPTS='--header \"rm -rf /\"' fzf",
        "PROMPT_COMMAND='rm -rf /'",
    ],
)
def test_variables_that_nothing_reads_so_are_only_text(command: str) -> None:
    assert predicted(command).touched("delete") == []


def test_settings_from_variables_leave_the_command_line_as_it_was() -> None:
    command = "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=a.b GIT_CONFIG_VALUE_0=c git push origin main"
    event = predicted(command).process("git")

    assert (event.values["proc.cmdline"], event.values["proc.subcommand"]) == ("git push origin main", "push")


@pytest.mark.parametrize("command", ["mysql db < dump.sql", "cat q.sql | psql", "sqlite3 x.db < $F", "redis-cli < f"])
def test_statements_that_cannot_be_known_are_dynamic(command: str) -> None:
    assert predicted(command).dynamic


@pytest.mark.parametrize(
    "command",
    [
        "echo 'SELECT 1' > a.sql; psql < a.sql",
        "psql <<< 'SELECT 1'",
        "while read l; do psql -c 'SELECT 1'; done < f",
        "psql -c 'SELECT 1'",
    ],
)
def test_statements_that_are_known_are_not_dynamic(command: str) -> None:
    assert predicted(command).dynamic == []
