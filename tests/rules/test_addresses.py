"""Fields that are IP addresses, and fields that are compared with networks."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.model.event import Event
from prempti_otel.model.fields import Field, FieldType, Level, Registry
from prempti_otel.rules.checks.compiler import compile_condition
from prempti_otel.rules.checks.operands import ConditionTypeError
from prempti_otel.rules.output import compile_output
from tests.support.predictions import predicted
from tests.support.rules import matched, rule, ruleset

FIELDS: Registry = {
    name: Field(name, kind, Level.TOOL, "", is_list=name.endswith("s"))
    for name, kind in (
        ("a.ip", FieldType.IPADDR),
        ("a.other", FieldType.IPADDR),
        ("a.ips", FieldType.IPADDR),
        ("a.net", FieldType.IPNET),
        ("a.nets", FieldType.IPNET),
        ("a.text", FieldType.STRING),
    )
}
FOUR = Event(Level.TOOL, {"a.ip": "10.1.2.3", "a.net": "10.1.2.3", "a.ips": ("10.0.0.1", "::1"), "a.text": "10.1.2.3"})
SIX = Event(Level.TOOL, {"a.ip": "2001:db8::1", "a.net": "2001:db8::1", "a.nets": ("10.0.0.1", "10.9.9.9")})


@pytest.mark.parametrize(
    ("condition", "four", "six"),
    [
        ("a.ip = 10.1.2.3", True, False),
        ("a.ip == '10.1.2.3'", True, False),
        ("a.ip != 10.1.2.3", False, True),
        ("a.ip = 2001:0DB8:0:0::0001", False, True),
        ("a.ip != ::1", True, True),
        ("a.ip = ::ffff:a01:203", False, False),
        ("a.ip in (10.1.2.3, 2001:db8::1)", True, True),
        ("a.ip in ()", False, False),
        ("a.ip intersects (::1, 2001:db8::1)", False, True),
        ("a.ip = anyof (10.0.0.1, 10.1.2.3)", True, False),
        ("a.ip != allof (10.0.0.1, ::1)", True, True),
        ("a.ip = val(a.ip)", True, True),
        ("a.ip = val(a.other)", False, False),
        ("a.ip exists", True, True),
        ("a.other exists or a.other != ::1", False, False),
        ("a.ips in (10.0.0.1, ::1, ::2)", True, False),
        ("a.ips in (10.0.0.1)", False, False),
        ("a.ips intersects (::1)", True, False),
        ("len(a.ips) = 2", True, False),
        ("a.net = 10.0.0.0/8", True, False),
        ("a.net = 10.1.99.99/16", True, False),
        ("a.net = 0.0.0.0/0", True, False),
        ("a.net = 10.1.2.3/32", True, False),
        ("a.net = 10.1.2.2/32", False, False),
        ("a.net != 10.0.0.0/8", False, True),
        ("a.net = 2001:db8::/32", False, True),
        ("a.net = 2001:db8::1/128", False, True),
        ("a.net != 2001:db8::/33", True, False),
        ("a.net in (192.168.0.0/16, 2001::/16, 10.0.0.0/8)", True, True),
        ("a.net in ()", False, False),
        ("a.net intersects (2000::/3)", False, True),
        ("a.net = oneof (10.0.0.0/8, 10.1.0.0/16)", False, False),
        ("a.net = allof (10.0.0.0/8, 10.1.0.0/16)", True, False),
        ("a.nets in (10.0.0.0/8)", False, True),
        ("a.nets in (10.0.0.0/30)", False, False),
        ("a.nets intersects (10.0.0.0/30)", False, True),
    ],
)
def test_addresses_and_networks_compare(condition: str, four: bool, six: bool) -> None:
    check = compile_condition(condition, FIELDS).holds
    assert (check(FOUR), check(SIX)) == (four, six)


@pytest.mark.parametrize(
    "condition",
    [
        "a.ip = 10.1.2",
        "a.ip = 10.1.2.256",
        "a.ip = 10.01.2.3",
        "a.ip = ''",
        "a.ip = localhost",
        "a.ip = 5",
        "a.ip = 10.0.0.0/8",
        "a.ip = ::ffff:10.1.2.3",
        "a.ip = '10.1.2.3 '",
        "a.ip = '10.1.2.3\\x00'",
        "a.ip = fe80::1%eth0",
        "a.ip = ١٠.1.2.3",
        "a.ip in (10.1.2.3, x)",
        "a.ip < 5",
        "a.ip contains 10.1",
        "a.ip regex '.*'",
        "a.ip pmatch (10.1.2.3)",
        "a.ip contains anyof (10.1.2.3)",
        "a.ip = val(a.text)",
        "a.ip = val(a.ips)",
        "tolower(a.ip) = x",
        "len(a.ip) = 4",
        "concat(a.ip, 'x') = y",
        "a.net = 10.0.0.0",
        "a.net = 10.0.0.0/33",
        "a.net = 10.0.0.0/256",
        "a.net = 10.0.0.0/-1",
        "a.net = 10.0.0.0/",
        "a.net = 10.0.0.0/8/8",
        "a.net = 10.0.0.0/255.0.0.0",
        "a.net = ::/0",
        "a.net = ::1/129",
        "a.net = ::1",
        "a.net in (10.0.0.0/8, ::1)",
        "a.net = val(a.net)",
        "a.net startswith 10.0.0.0/8",
    ],
)
def test_what_is_no_address_or_network_does_not_compile(condition: str) -> None:
    with pytest.raises(ConditionTypeError):
        compile_condition(condition, FIELDS)


@given(st.ip_addresses(), st.integers(0, 128), st.ip_addresses())
def test_a_network_holds_what_the_standard_library_says_it_holds(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    bits: int,
    other: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    bits = min(bits, address.max_prefixlen) or 1
    network = ipaddress.ip_network((address, bits), strict=False)
    spelling = address.exploded if isinstance(address, ipaddress.IPv6Address) else str(address)
    check = compile_condition(f"a.net = {spelling}/{bits}", FIELDS).holds
    for candidate in (address, other, network.broadcast_address):
        assert check(Event(Level.TOOL, {"a.net": str(candidate)})) is (candidate in network)


@given(st.ip_addresses(v=6))
def test_every_spelling_of_an_address_is_the_same_address(address: ipaddress.IPv6Address) -> None:
    check = compile_condition(f"a.ip = {address.exploded.upper()}", FIELDS).holds
    assert check(Event(Level.TOOL, {"a.ip": socket.inet_ntop(socket.AF_INET6, address.packed)}))


def test_outputs_show_addresses_and_only_the_word_for_networks_as_falco_does() -> None:
    template = compile_output("%a.ip %a.ips %a.net %a.other", FIELDS)
    assert template.render(FOUR) == "10.1.2.3 (10.0.0.1,::1) <IPNET> <NA>"
    assert template.values(FOUR) == {
        "a.ip": "10.1.2.3",
        "a.ips": ["10.0.0.1", "::1"],
        "a.net": "<IPNET>",
        "a.other": None,
    }
    assert compile_output("%a.nets", FIELDS).render(SIX) == "(<IPNET>,<IPNET>)"


@pytest.mark.parametrize(
    ("command", "matches"),
    [
        ("curl http://10.0.0.1/x", True),
        ("curl http://0x0a000001/", True),
        ("curl 'http://[FD00:0::1]/'", True),
        ("curl http://10.0.0.2/", False),
        ("curl http://localhost/", False),
        ("curl https://example.com/", False),
    ],
)
def test_a_rule_on_the_address_of_a_host_sees_every_spelling_and_no_name(command: str, matches: bool) -> None:
    internal = "- list: internal\n  items: [10.0.0.1, 'fd00::1']\n"
    rules = ruleset(internal + rule(condition="net.ip in (internal)", output="to %net.ip"))
    assert bool(matched(rules, *predicted(command).hosts)) is matches
