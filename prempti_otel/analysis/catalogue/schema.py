"""What an entry of the command catalogue may say: data only, validated before anything uses it.

An entry describes one command, or one subcommand of it. Options are written as groups separated by
blanks, the spellings of one option joined by commas; the first spelling is the one that rules see
(``-r,-R,--recursive -f,--force``). Every regular expression is RE2 and is searched for, not anchored.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

Groups: TypeAlias = str
"""Options: ``-f,--force -v``."""
Names: TypeAlias = str
"""Names of options, separated by blanks."""
Pattern: TypeAlias = str
"""A regular expression in RE2's syntax."""
Roles: TypeAlias = str
"""What a word is to the command: names of :data:`ROLES`, separated by blanks."""
WithRoles: TypeAlias = "Groups | dict[Groups, Roles]"
"""Options whose value means nothing to the analysis, or options by what their value is."""

ROLES: dict[str, str] = {
    "ignored": "Data: a pattern, a message, a number.",
    "read": "A file that is read.",
    "archive": "A file or folder that is copied or packed, with all that is below it where `recursive` holds.",
    "write": "A file that is written.",
    "delete": "A file that is deleted.",
    "exec": "A file that is run.",
    "chmod": "A file whose mode, owner or attributes change.",
    "link": "A link that is made.",
    "link_here": "What a link leads to that is made in the working directory, by its last component.",
    "into": "The target of a copy or move: a file, or a folder that takes each source's last component.",
    "folder": "A folder that takes each source's last component.",
    "at_file": "`@FILE` or `NAME@FILE` reads the file; anything else is data.",
    "form_file": "`NAME=@FILE` or `NAME=<FILE` reads the file; anything else is data.",
    "body": "What a request sends besides its address.",
    "request_item": "`NAME:VALUE` is a header; anything else is what a request sends besides its address.",
    "file_url": "`file://FILE` or `fileb://FILE` reads the file; anything else is data.",
    "url_file": "A URL whose last part names the file that is written.",
    "url_name": "A URL whose last part names a file in a folder that an option gives (`folder`).",
    "patch": "A patch in the envelope of Codex's `apply_patch`: the files that it writes and deletes.",
    "url": "A URL; what for, `net` says.",
    "maybe_url": "A URL where it holds one (`NAME @ URL`, `git+URL`), else data; what for, `net` says.",
    "host": "A host; what for, `net` says.",
    "hostport": "`HOST:PORT` or `HOST`; what for, `net` says.",
    "scp": "`USER@HOST:PATH`; what for, `net` says.",
    "source": "Copied from: a remote place (download) or a file; the argument says which form is remote.",
    "target": "Copied to: a remote place (upload) or a file; the argument says which form is remote.",
    "port": "The port of the hosts named.",
    "user": "The user that the command runs as.",
    "remote": "The host, container or pod that the command runs in.",
    "directory": "The working directory of what it runs.",
    "base": "A folder in which files that are copied or packed are looked for.",
    "root": "The root directory of what it runs: paths inside are not local.",
    "environment": "`NAME=VALUE` for what it runs.",
    "command": "This word and those after it are a command.",
    "entrypoint": "What the command of the operands is the arguments of (`docker run --entrypoint`).",
    "shell": "This word and those after it, joined by blanks, are shell code, or code of another language.",
    "code": "Code; the argument is its language.",
    "code_here": "Shell code that runs on this machine, even where the command reaches another one.",
    "holds_code": "Shell code where the entry's `code` finds some, else data.",
    "script": "A file with code; the argument is its language.",
    "setting": "`NAME=VALUE` or `NAME VALUE`; the value's role is found in `settings`.",
    "alias": "`!CODE` or `:!CODE` is shell code; anything else is words of the command named by the argument, or data.",
    "args": "Positional parameters of the code.",
    "splice": "Words of the command line in one string (`env -S`).",
    "placeholder": "What stands for the further arguments (`xargs -I`).",
    "volume": "`FOLDER:PLACE` lets a container have the folder; a name instead of a path is data.",
    "sql": "SQL, statement by statement for `text` conditions; comments and string literals do not count.",
    "transfer": "Commands of ftp and sftp: `put`, `get` and `!CODE`; for `text` conditions, `put` or `get`.",
    "text": "Text in a language of the command's own, for `text` conditions.",
}
"""Roles that take an argument write it after a colon: ``code:python``, ``url:upload``, ``source:scp``.
``write/-c,-r`` is a role only where one of these options is given, ``read/!-c,-r`` where none is."""

NET_OPS = ("download", "upload", "connect", "listen", "publish")
FORMS = ("url", "maybe_url", "host", "hostport", "scp")
REMOTE_FORMS = ("scp", "url", "container")
LANGUAGES = (
    "sh",
    "ex",
    "python",
    "javascript",
    "perl",
    "ruby",
    "php",
    "awk",
    "sed",
    "make",
    "lua",
    "r",
    "tcl",
    "applescript",
    "vim",
    "elisp",
    "expect",
    "java",
    "powershell",
    "cmd",
    "gdb",
    "julia",
    "elixir",
    "go",
    "just",
)
SYNTAX: dict[str, str] = {
    "single_dash": "Long options begin with one dash; short options do not cluster.",
    "stops": "Options end at the first operand.",
    "plus": "Words that begin with `+` are options, too.",
    "bundle": "The first word may be a cluster of short options without a dash (`tar xf`).",
    "assignments": "Leading operands `NAME=VALUE` are the environment of what it runs.",
    "exact": "Long options cannot be abbreviated.",
    "no_dashes": "`--` is an operand like any other.",
    "no_options": "Every word is an operand.",
    "equals": "A short option's attached value may begin with `=`, which is not part of it.",
}


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When something holds: every key that is given must."""

    any_of: Annotated[Names, Meta(description="At least one of these options is given.")] = ""
    all_of: Annotated[Names, Meta(description="All of these options are given.")] = ""
    none_of: Annotated[Names, Meta(description="None of these options is given.")] = ""
    option: Annotated[dict[str, Pattern], Meta(description="An option has a value that matches.")] = {}
    no_option: Annotated[dict[str, Pattern], Meta(description="The option has no value that matches.")] = {}
    subcommand: Annotated[Pattern, Meta(description="The subcommand matches.")] = ""
    operand: Annotated[Pattern, Meta(description="Some operand matches.")] = ""
    other_than: Annotated[
        Pattern,
        Meta(description="The operand that `operand` matches does not match this; without it, not all operands do."),
    ] = ""
    no_operand: Annotated[Pattern, Meta(description="No operand matches.")] = ""
    first: Annotated[Pattern, Meta(description="The first operand matches.")] = ""
    operands: Annotated[str, Meta(pattern=r"^\d+(-\d+|\+)?$", description="How many operands: `2`, `1+`, `0-1`.")] = (
        "0+"
    )
    dashes: Annotated[bool, Meta(description="Whether operands follow `--`.")] | None = None
    text: Annotated[Pattern, Meta(description="Code or text given on the command line or on stdin matches.")] = ""
    no_text: Annotated[Pattern, Meta(description="The text that `text` matches, or SQL statement, does not.")] = ""
    stdin: Annotated[Names, Meta(description="Standard input is one of these kinds (`proc.stdin`).")] = ""


When: TypeAlias = "str | Condition | list[str | Condition]"
"""``always``, names of options of which one is given, a condition, or a list of these of which one holds."""


class Operands(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the operands are, by position. ``first`` to ``fourth``, ``last`` and ``dashes`` outrank ``rest``."""

    when: When = "always"
    leading: Annotated[Roles, Meta(description="Those before the first option.")] = ""
    first: Roles = ""
    second: Roles = ""
    third: Roles = ""
    fourth: Roles = ""
    last: Roles = ""
    dashes: Annotated[Roles, Meta(description="Those after `--`.")] = ""
    rest: Annotated[Roles, Meta(description="All others.")] = ""


class Net(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What hosts without an operation of their own are used for."""

    op: Literal["download", "upload", "connect", "listen", "publish"]
    when: When = "always"


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What standard input is to the command: a role such as ``code:sh`` or ``sql``."""

    role: Roles
    when: When = "always"


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where further arguments of the command that it runs come from."""

    stdin: Annotated[bool, Meta(description="From standard input.")] = False
    after: Annotated[Names, Meta(description="From the words after one of these.")] = ""
    found: Annotated[bool, Meta(description="From what is found below the leading operands.")] = False
    placeholder: Annotated[str, Meta(description="What they replace; appended where it does not occur.")] = ""
    braces: Annotated[Names, Meta(description="Options that make `{}` what they replace.")] = ""
    joined: Annotated[
        bool, Meta(description="A command of one word is a line of shell code, and so are arguments without one.")
    ] = False


class Delete(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Deletes what it finds below its leading operands (``find -delete``)."""

    when: When
    name: Annotated[Names, Meta(description="Options whose value is a pattern of names.")] = ""
    unless: Annotated[Names, Meta(description="Options with which `name` no longer bounds what is found.")] = ""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One command or subcommand. Everything is optional: an empty entry is a known command without effects."""

    about: Annotated[str, Meta(description="What it is, where its name does not say.")] = ""
    like: Annotated[str, Meta(description="Another entry whose keys this one takes over.")] = ""
    syntax: Annotated[Names, Meta(description="How its options are written.")] = ""
    flags: Annotated[Groups, Meta(description="Options without a value.")] = ""
    values: Annotated[WithRoles, Meta(description="Options with a value, separate or attached.")] = ""
    optional: Annotated[WithRoles, Meta(description="Options with an attached value or none.")] = ""
    pairs: Annotated[WithRoles, Meta(description="Options with two values, a name and a value.")] = ""
    until: Annotated[dict[Groups, Roles], Meta(description="Options whose value is all words up to `;` or `+`.")] = {}
    operators: Annotated[Names, Meta(description="Words that are neither options nor operands (`find`'s `!`).")] = ""
    keys: Annotated[dict[str, Roles], Meta(description="Operands `KEY=VALUE`, by key.")] = {}
    settings: Annotated[dict[Pattern, Roles], Meta(description="What the value of a `setting` is, by its name.")] = {}
    code: Annotated[Pattern, Meta(description="Where a `holds_code` word has shell code: the first group.")] = ""
    ends: Annotated[Names, Meta(description="Options after which only operands follow.")] = ""
    inherit: Annotated[bool, Meta(description="Whether subcommands take this entry's options, too.")] = True
    sub: Annotated[
        dict[str, Entry], Meta(description="Subcommands; names joined by commas, other spellings of one by `|`.")
    ] = {}
    until_verb: Annotated[Pattern, Meta(description="The subcommand goes on to the first operand that matches.")] = ""
    depth: Annotated[int, Meta(ge=0, le=8, description="How many operands make the subcommand at most.")] = 0
    operands: Roles | Operands | list[Operands] = ""
    recursive: Annotated[When, Meta(description="When its file operations take what is below, too.")] = ""
    net: Annotated[
        Literal["download", "upload", "connect", "listen", "publish"] | list[Net],
        Meta(description="What its hosts are used for."),
    ] = "connect"
    stdin: Annotated[Roles | list[Input], Meta(description="What it reads from standard input.")] = ""
    arguments: Arguments | None = None
    deletes: Delete | None = None
    run_as: Annotated[str, Meta(description="The user that it runs a command as, where none is named.")] = ""
    effects: Annotated[dict[str, When], Meta(description="What running it does, and when.")] = {}
    harmless: Annotated[
        When, Meta(description="When it only says what it would do: no effects, no changes, nothing run.")
    ] = ""
    guess: Annotated[
        bool,
        Meta(description="Whether calls that it says nothing about are guessed of, as those of unknown commands are."),
    ] = False
    help: Annotated[Names, Meta(description="Options that only print help, besides `--help` and `--version`.")] = ""
