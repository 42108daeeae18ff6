"""What lies below a path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.analysis.paths import sensitive_roots

HOME, PROJECT = "/home/dev", "/home/dev/project"


@pytest.mark.parametrize(
    ("path", "some", "none"),
    [
        ("/", {"root", "system", "homes", "home", "ssh_keys", "project", "guard"}, set()),
        ("/*", {"system", "homes", "ssh_keys", "project"}, set()),
        ("/home", {"homes", "home", "ssh_keys", "project"}, {"root", "system"}),
        ("/home/dev", {"home", "ssh_keys", "cloud_credentials", "project", "git_dir"}, {"system", "homes"}),
        ("/home/other", {"home", "ssh_keys"}, {"project"}),
        ("/home/dev/*", {"home", "project", "git_dir"}, {"homes", "ssh_keys"}),
        ("/home/dev/.*", {"ssh_keys", "guard"}, {"project"}),
        ("/home/dev/.s[s]h", {"ssh_keys"}, {"guard"}),
        ("/home/dev/.s?h", {"ssh_keys"}, {"guard"}),
        ("/home/dev/.ssh", {"ssh_keys"}, {"home"}),
        ("/home/dev/.ssh/id_rsa", set(), {"ssh_keys", "home"}),
        ("/home/dev/project", {"project", "git_dir"}, {"home"}),
        ("/home/dev/project/build", set(), {"project", "git_dir", "home"}),
        ("/home/dev/project/*", {"project"}, {"home", "git_dir"}),
        ("/home/dev/project/*.o", set(), {"project", "git_dir"}),
        ("/etc", {"system", "host_keys", "accounts"}, {"home"}),
        ("/tmp/x", set(), {"system", "home"}),
        ("build", set(), {"project"}),
    ],
)
def test_a_path_covers_the_places_below_it(path: str, some: set[str], none: set[str]) -> None:
    covered = set(sensitive_roots(HOME, PROJECT).covers(path))
    assert some <= covered
    assert not none & covered


@given(st.text(alphabet="*?[]a.s/h", max_size=80).map("/{}".format))
def test_no_pattern_makes_covering_raise(path: str) -> None:
    sensitive_roots(HOME, PROJECT).covers(path)
