"""The Falco rule language: load rules files, judge events by them."""

from prempti_otel.rules.checks.compiler import compile_condition
from prempti_otel.rules.diagnostics import Code, Diagnostic, FileResult, Location
from prempti_otel.rules.language.parser import ConditionSyntaxError, parse_condition
from prempti_otel.rules.loader import LoadResult, Options, RuleFile, load, load_steps
from prempti_otel.rules.ruleset import Judgement, Rule, Ruleset
from prempti_otel.rules.selection import OutputSuffix, Selection, Switch

__all__ = [
    "Code",
    "ConditionSyntaxError",
    "Diagnostic",
    "FileResult",
    "Judgement",
    "LoadResult",
    "Location",
    "Options",
    "OutputSuffix",
    "Rule",
    "RuleFile",
    "Ruleset",
    "Selection",
    "Switch",
    "compile_condition",
    "load",
    "load_steps",
    "parse_condition",
]
