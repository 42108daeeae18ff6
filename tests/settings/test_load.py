"""What is wrong in config.yaml is told with its place; nothing is guessed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.settings.config import Config
from prempti_otel.settings.document import compose
from prempti_otel.settings.load import load_config
from prempti_otel.settings.template import config_template
from prempti_otel.settings.text import MAX_BYTES, ConfigError, only_comments


def load_text(path: Path, text: str | bytes) -> Config:
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return load_config(path)


def test_a_missing_file_means_all_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path / "config.yaml") == Config()


def test_a_pipe_is_refused_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match="it is not a regular file"):
        load_config(tmp_path / "config.yaml")


@pytest.mark.parametrize("text", ["", "# nothing set\n", "---\n", "\ufeffmode: guardrails\n", "rules: {default: yes}"])
def test_an_empty_or_default_file_means_all_defaults(tmp_path: Path, text: str) -> None:
    assert load_text(tmp_path / "config.yaml", text) == Config()


@given(st.lists(st.text("# \t\r:-%&*'a\x07\x85\u2028\ufeff", max_size=6), max_size=5).map("\n".join))
def test_a_text_that_is_taken_for_comments_without_a_parser_is_that_to_the_parser(text: str) -> None:
    if only_comments(text):
        assert compose(Path("config.yaml"), text).root is None


def test_the_file_that_install_writes_is_read_without_a_parser() -> None:
    assert only_comments(config_template())


def test_every_kind_of_value_is_read(tmp_path: Path) -> None:
    config = load_text(
        tmp_path / "config.yaml",
        """
        mode: monitor
        default_action: allow
        rules: {files: [a.yaml, b], disable: ['*'], default: false, minimum_priority: notice}
        retention: {days: 7}
        export:
          - name: local
            OTEL_EXPORTER_OTLP_ENDPOINT: http://127.0.0.1:4317
            OTEL_EXPORTER_OTLP_TIMEOUT: 2500
        """,
    )
    assert (config.mode, config.default_action, config.retention.days) == ("monitor", "allow", 7)
    assert config.rules.files == ["a.yaml", "b"]
    assert config.export[0].endpoint == "http://127.0.0.1:4317"
    assert config.export[0].timeout == 2500


ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT: http://h"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("mod: monitor", "1:1", "there is no key 'mod' (did you mean 'mode'?)"),
        ("mode: monitr", "1:7", "mode cannot be 'monitr' (did you mean 'monitor'?)"),
        ("mode: x", "1:7", "one of: guardrails, monitor"),
        ("mode:", "1:6", "mode cannot be ''"),
        ("mode: [a]", "1:7", "mode cannot be 'a list or mapping'"),
        ("mode: on", "1:7", "mode cannot be 'on'"),
        ("\nretention:\n  days: x", "3:9", "days must be a whole number, not a text"),
        ("retention:\n  days: 0", "2:9", "days must be at least 1"),
        ("retention:\n  day: 1", "2:3", "did you mean 'days'?"),
        ("retention: 5", "1:12", "retention must be keys with values, not a whole number"),
        ("rules: {files: one}", "1:16", "files must be a list, not a text"),
        ("rules: {default: 1}", "1:18", "default must be true or false, not a whole number"),
        ("mode: monitor\nmode: monitor", "2:1", "'mode' stands here a second time"),
        ("export:\n- name: a", "2:3", "needs a key 'OTEL_EXPORTER_OTLP_ENDPOINT'"),
        (f"export:\n- name: A b\n  {ENDPOINT}", "2:9", "name must have the form"),
        (
            "export:\n- name: a\n  OTEL_EXPORTER_OTLP_ENDPONT: http://h",
            "3:3",
            "did you mean 'OTEL_EXPORTER_OTLP_ENDPOINT'",
        ),
        (f"export:\n- {{name: a, {ENDPOINT}}}\n- {{name: a, {ENDPOINT}}}", "3:10", "two destinations are named 'a'"),
        ("[1]", "1:1", "the file must be keys with values, not a list"),
        ("text", "1:1", "the file must be keys with values, not a text"),
        ("? [a]\n: b", "1:3", "a key must be a word"),
        ("<<: {mode: monitor}", "1:1", "there is no key '<<'"),
        ("a: [", "2:1", "this is not YAML"),
        ("--- 1\n--- 2", "2:1", "this is not YAML"),
        ("mode: a\n\tb: c", "2:1", "this is not YAML"),
        ("x: 1\nmode: \x01", "2", "control characters are not allowed"),
        ("retention: {days: !!int zz}", "1:19", "this cannot be read as int"),
        ("retention: {days: 99999999999999999999999999}", "1:19", "days"),
        ("mode: !!python/object/apply:os.system [id]", "1:7", "mode cannot be"),
    ],
)
def test_an_error_names_place_and_remedy(tmp_path: Path, text: str, place: str, said: str) -> None:
    path = tmp_path / "config.yaml"
    with pytest.raises(ConfigError) as caught:
        load_text(path, text)
    assert caught.value.where == f"{path}:{place}"
    assert said in caught.value.diagnostics()


def test_a_users_own_patterns_are_read(tmp_path: Path) -> None:
    text = (
        "privacy:\n  redact:\n    - {name: badge, pattern: 'badge ([0-9]+)$'}\n    - {name: badge, pattern: id-\\d+}\n"
    )
    config = load_text(tmp_path / "config.yaml", text)
    assert [own.pattern for own in config.privacy.redact] == ["badge ([0-9]+)$", r"id-\d+"]


@pytest.mark.parametrize(
    ("entry", "column", "said"),
    [
        (
            "{name: a, pattern: '(x'}",
            26,
            r"'\(x' is not a regular expression: .*missing \).*write it in RE2's syntax",
        ),
        ("{name: a, pattern: '(?=x)'}", 26, "is not a regular expression"),
        ("{name: a, pattern: 'x)(y'}", 26, "is not a regular expression"),
        ("{name: a, pattern: 'x*'}", 26, "matches an empty text"),
        ("{name: A b, pattern: x}", 14, "name must have the form"),
        ("{name: a, pattern: x, kind: y}", 29, "there is no key 'kind'"),
        ("{name: a}", 7, "redact needs a key 'pattern'"),
    ],
)
def test_a_users_bad_pattern_is_refused_with_its_place(tmp_path: Path, entry: str, column: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_text(tmp_path / "config.yaml", f"privacy:\n  redact:\n    - {entry}\n")
    assert caught.value.where == f"{tmp_path / 'config.yaml'}:3:{column}"


def test_text_that_is_not_utf8_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config.yaml:2:7: the text is not UTF-8"):
        load_text(tmp_path / "config.yaml", b"# a\nmode: \xff\n")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "\n".join(" " * depth + "a:" for depth in range(400)),
        "a: &a [*a]",
        "rules: &a\n  default: true\n  files: [*a]",
        "x0: &x0 [a, a]\n" + "".join(f"x{n + 1}: &x{n + 1} [*x{n}, *x{n}]\n" for n in range(30)),
        "#" * (MAX_BYTES + 1),
    ],
    ids=["deep flow", "deep block", "cycle", "cycle in place", "alias bomb", "size"],
)
def test_hostile_yaml_is_refused_and_does_no_harm(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        load_text(tmp_path / "config.yaml", text)


def test_a_file_that_cannot_be_read_is_an_error_and_not_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "config.yaml")


@given(text=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda s: s.encode("utf-8", "replace"))))
def test_any_bytes_are_settings_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "config.yaml"
    try:
        config = load_text(path, text)
    except ConfigError as error:
        config = None
        told = error.diagnostics()
    assert config is not None or str(path) in told
