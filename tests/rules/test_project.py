"""A project's rules can only tighten: each way to weaken is refused with its place, and none has any effect."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prempti_otel.model.decision import Match, Verdict
from prempti_otel.model.event import Event
from prempti_otel.model.fields import Level
from prempti_otel.rules.loader import load
from prempti_otel.rules.options import Options, RuleFile
from prempti_otel.rules.project import MAX_CHECKS, MAX_RULES, ProjectLoad, foundation, load_project
from prempti_otel.rules.selection import Selection

BASE = """\
- list: secret_words
  items: [alpha, beta]
- list: spare
  items: [x]
- macro: is_secret
  condition: (tool.name in (secret_words))
- macro: never
  condition: (tool.name = nothing)
- rule: Deny secrets
  desc: d
  condition: is_secret
  output: secret %tool.name
  priority: WARNING
  source: coding_agent
  tags: [coding_agent_deny, coding_agent_mark:seen]
  exceptions:
    - name: agents
      fields: agent.name
      values: [nobody]
- rule: Ask after a mark
  desc: d
  condition: tool.name = gamma and not session.mark_count[seen] exists
  output: asked
  priority: NOTICE
  source: coding_agent
  tags: [coding_agent_ask]
- rule: Spare
  desc: d
  condition: tool.name in (spare) or never
  output: spare
  priority: NOTICE
  source: coding_agent
"""
FOUNDATION = foundation([RuleFile("base.yaml", BASE)])
BASE_RULES = load([RuleFile("base.yaml", BASE)]).ruleset
assert BASE_RULES is not None


def own(
    condition: str = "tool.name = delta", *, name: str = "Own", tags: str = "[coding_agent_deny]", more: str = ""
) -> str:
    return f"""\
- rule: {name}
  desc: d
  condition: {condition}
  output: own
  priority: WARNING
  source: coding_agent
  tags: {tags}
{more}"""


def loaded(*texts: str, options: Options | None = None) -> ProjectLoad:
    files = [RuleFile(f"/p/.prempti/rules/{number}.yaml", text) for number, text in enumerate(texts)]
    return load_project(files, FOUNDATION, options)


def call(tool: str, agent: str = "a") -> list[Event]:
    return [Event(Level.TOOL, {"tool.name": tool, "agent.name": agent, "tool.input": tool})]


def matches(load_result: ProjectLoad, tool: str) -> tuple[Match, ...]:
    assert load_result.ruleset is not None, load_result.as_text()
    return load_result.ruleset.judge(call(tool)).matches


ATTACKS = {
    "a rule is disabled, new style": "- rule: Deny secrets\n  enabled: false\n  override: {enabled: replace}\n",
    "a rule is disabled, old style": "- rule: Deny secrets\n  enabled: false\n",
    "a rule is enabled that the user has off": "- rule: Spare\n  enabled: true\n",
    "a rule's condition is replaced": "- rule: Deny secrets\n  condition: never\n  override: {condition: replace}\n",
    "a rule's condition is narrowed": "- rule: Deny secrets\n  condition: and never\n  override: {condition: append}\n",
    "a rule's condition is narrowed, old style": "- rule: Deny secrets\n  condition: and never\n  append: true\n",
    "a rule's tags are replaced": "- rule: Deny secrets\n  tags: [x]\n  override: {tags: replace}\n",
    "a rule is defined anew": own("never", name="Deny secrets"),
    "a rule of the same look": own("never", name="deny  Secrets"),
    "a rule of the same look in other letters": own("never", name="Ｄeny secrets"),
    "an exception is added": """\
- rule: Deny secrets
  exceptions: [{name: agents, values: [me]}]
  override: {exceptions: append}
""",
    "an exception is added, old style": """\
- rule: Deny secrets
  append: true
  exceptions: [{name: more, fields: agent.name, values: [me]}]
""",
    "a macro is defined anew": "- macro: is_secret\n  condition: (tool.name = nothing)\n",
    "a macro is appended to": "- macro: is_secret\n  condition: and tool.name = nothing\n  append: true\n",
    "a macro is overridden": "- macro: is_secret\n  condition: never\n  override: {condition: replace}\n",
    "a macro takes a list's name": "- macro: secret_words\n  condition: tool.name = x\n",
    "a list takes a macro's name": "- list: is_secret\n  items: [x]\n",
    "a list is defined anew": "- list: secret_words\n  items: []\n",
    "a list is appended to": "- list: spare\n  items: [y]\n  append: true\n",
    "a list is overridden": "- list: secret_words\n  items: [y]\n  override: {items: replace}\n",
    "an override of nothing": own(more="  override: {}\n"),
    "an append of nothing": own(more="  append: false\n"),
    "its own rule is off": own(more="  enabled: false\n"),
    "its own rule is off in other words": own(more="  enabled: No\n"),
    "a mark is set": own(tags="[coding_agent_mark:seen]"),
    "another mark is set": own(tags="[coding_agent_deny, coding_agent_mark:mine]"),
    "an allow is claimed": own(tags="[coding_agent_allow]"),
    "an allow is claimed in capitals": own(tags="[CODING_AGENT_ALLOW]"),
    "the rule is of another source": own().replace("source: coding_agent", "source: syscall"),
    "the rule has no source": own().replace("  source: coding_agent\n", ""),
    "the rule may be skipped": own(more="  skip-if-unknown-filter: true\n"),
    "an unknown key": own(more="  condtion: x\n"),
    "an unknown item": own() + "- settings: {rules: {default: false}}\n",
    "a demand on the engine": "- required_engine_version: 0.1.0\n" + own(),
    "a demand on plugins": "- required_plugin_versions: [{name: coding_agent, version: 0.1.0}]\n" + own(),
    "a condition that is broken": own("tool.name ="),
    "a field that is unknown": own("tool.nam = x"),
    "an output that is broken": own().replace("output: own", "output: '%nothing.at.all'"),
    "no YAML": "- rule: [",
    "no list": "rule: x",
    "no UTF-8": "- rule: \udcff",
    "a name that cannot be printed": own(name='"a\\x1b[2Jb"'),
    "a name without end": own(name="x" * 300),
    "two documents, the second one bad": own() + "---\n- list: secret_words\n  items: []\n",
    "an item of two kinds": "- list: mine\n  rule: Deny secrets\n  items: []\n",
    "nesting": "- rule: " + "[" * 300,
    "an alias bomb": "- list: a\n  items: &a [x]\n- list: b\n  items: [*a, *a]\n",
}


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_file_that_would_weaken_is_refused_whole_with_place_and_reason(text: str) -> None:
    good = own("tool.name = epsilon", name="Good")
    result = loaded(good, own("tool.name = zeta", name="Also good") + text, good.replace("Good", "Good too"))
    assert [one.successful for one in result.files] == [True, False, True], result.as_text()
    (error,) = result.files[1].errors
    assert error.where.startswith("/p/.prempti/rules/1.yaml:")
    assert error.message
    assert result.ruleset is not None
    assert [rule.name for rule in result.ruleset.rules] == ["Good", "Good too"]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(ATTACKS.values())),
            st.sampled_from(["tool.name = alpha", "is_secret", "not is_secret", "tool.name in (secret_words)"]),
            st.sampled_from(["[coding_agent_deny]", "[coding_agent_ask]", "[coding_agent_seen]", "[]"]),
        ),
        max_size=4,
    ),
    st.sampled_from(["alpha", "beta", "gamma", "delta", "x", "nothing"]),
)
def test_with_a_projects_rules_no_call_gets_a_milder_verdict(files: list[tuple[str, str, str]], tool: str) -> None:
    texts = []
    for number, (attack, condition, tags) in enumerate(files):
        texts += [attack, own(condition, name=f"Own {number}", tags=tags)]
    result = loaded(*texts)
    installed = BASE_RULES.judge(call(tool)).matches
    added = result.ruleset.judge(call(tool)).matches if result.ruleset is not None else ()
    order = [Verdict.DEFER, Verdict.ASK, Verdict.DENY]
    assert worst([*installed, *added], order) >= worst(installed, order)
    assert not any(rule.marks for rule in (result.ruleset.rules if result.ruleset else ()))


def worst(found: list[Match] | tuple[Match, ...], order: list[Verdict]) -> int:
    return max((order.index(match.verdict) for match in found), default=0)


def test_loading_leaves_the_foundation_as_it_is() -> None:
    def known() -> tuple[list[str], list[str], list[str], list[list[str]]]:
        collector = FOUNDATION.collector
        return (
            list(collector.macros),
            list(collector.lists),
            list(collector.rules),
            [one.items for one in collector.lists.values()],
        )

    before = known()
    loaded(*ATTACKS.values(), "- list: mine\n  items: [a]\n- macro: my_macro\n  condition: tool.name in (mine)\n")
    assert known() == before


def test_installed_lists_and_macros_can_be_read_and_own_ones_used_over_all_files_of_a_project() -> None:
    result = loaded(
        "- list: mine\n  items: [delta, epsilon]\n- macro: is_mine\n  condition: (tool.name in (mine) or is_secret)\n",
        own("is_mine"),
    )
    assert result.successful, result.as_text()
    assert [len(matches(result, tool)) for tool in ("delta", "beta", "gamma")] == [1, 1, 0]
    assert dict(result.macros) == {"is_mine": "(tool.name in (mine) or is_secret)"}
    assert dict(result.lists) == {"mine": ["delta", "epsilon"]}


def test_two_files_of_a_project_cannot_change_each_other_either() -> None:
    result = loaded("- macro: is_mine\n  condition: (tool.name = x)\n" + own("is_mine"), own("never"))
    assert [one.successful for one in result.files] == [True, False]
    assert "0.yaml:3" in result.files[1].errors[0].message


def test_exceptions_of_its_own_rule_are_the_projects_affair() -> None:
    more = "  exceptions: [{name: me, fields: agent.name, values: [a]}]\n"
    result = loaded(own("tool.name = delta", more=more))
    assert result.successful, result.as_text()
    assert matches(result, "delta") == ()


def test_the_users_selection_holds_for_a_projects_rules_too() -> None:
    result = loaded(own(), options=Options(selection=Selection(disabled_rules=("O*",))))
    assert matches(result, "delta") == ()


def test_warnings_tell_of_the_projects_files_only() -> None:
    result = loaded("- list: mine\n  items: [a]\n" + own())
    assert {diagnostic.file for one in result.files for diagnostic in one.warnings} == {"/p/.prempti/rules/0.yaml"}


def test_a_projects_rules_are_bounded_in_number_and_size() -> None:
    many = "".join(own(name=f"Own {number}") for number in range(MAX_RULES + 1))
    assert not loaded(many).successful
    items = ", ".join(f"w{number}" for number in range(MAX_CHECKS + 1))
    assert "checks" in loaded(f"- list: mine\n  items: [{items}]\n" + own("tool.name in (mine)")).as_text()
    bomb = "".join(f"- list: l{n}\n  items: [{', '.join([f'l{n - 1}'] * 10)}]\n" for n in range(8, 0, -1))
    assert not loaded(bomb + own("tool.name in (l8)")).successful


def test_the_digest_tells_contents_apart() -> None:
    digests = {result.ruleset.digest for result in (loaded(own()), loaded(own() + "# x\n")) if result.ruleset}
    assert len(digests) == 2
    assert loaded().ruleset is None
