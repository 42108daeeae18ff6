"""Links that a call makes lead its other paths, whatever made them and whatever name they end up under."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.predictions import PROJECT, predicted

FOLLOWED = [
    ("ln -s / l; rm -rf l/x", ["/x"]),
    ("ln -s /a l; cd l; rm x", ["/a/x"]),
    ("(ln -s /a l); rm l/x", ["/a/x"]),
    ("mkdir d; ln -s /a d/; rm d/a/x", ["/a/x"]),
    ("ln -s /a /b d; rm d/b/x", ["/b/x"]),
    ("ln -st d /a; rm d/a/x", ["/a/x"]),
    ("ln -s /a .; rm a/x", ["/a/x"]),
    ("ln -s /a; rm a/x", ["/a/x"]),
    ("ln -s ../a; rm a/x", ["/home/dev/a/x"]),
    ("ln --symbolic /a l; rm l/x", ["/a/x"]),
    ("ln -s /a l; ln -s /b l/m; rm l/m/x", ["/b/x"]),
    ("ln -s /a l; mv l m; rm m/x", ["/a", "/a/x"]),
    ("ln -s /a l; mv l d/; rm d/l/x", ["/a", "/a/x"]),
    ("ln -s /a l; cp -P l m; rm m/x", ["/a/x"]),
    ("ln -s /a l; cp -a l m; rm m/x", ["/a/x"]),
    ("cp -s /a l; rm l/x", ["/a/x"]),
    ("cp -s /a .; rm a/x", ["/a/x"]),
    ("ln -s /a l; python -c \"import os; os.rename('l', 'm')\"; rm m/x", ["/a", "/a/x"]),
    ("python -c \"import os; os.symlink('/a', 'l')\"; rm l/x", ["/a/x"]),
    ("python -c \"import os; os.symlink(src='/a', dst='l'); os.remove('l/x')\"", ["/a/x"]),
    ("python -c \"import os; os.symlink('/a', 'l'); os.system('rm l/x')\"", ["/a/x"]),
    ("python -c \"import os; os.chdir('d'); os.symlink('/a', 'l'); os.remove('l/x')\"", ["/a/x"]),
    ("python -c \"from pathlib import Path; Path('l').symlink_to('/a')\"; rm l/x", ["/a/x"]),
    ("python -c \"import os\nfor n in 'lm': os.symlink('/a', n)\"; rm m/x", ["/a/x"]),
    ("node -e \"require('fs').symlinkSync('/a', 'l')\"; rm l/x", ["/a/x"]),
    ("node -e \"fs.promises.symlink('/a', 'l'); fs.unlinkSync('l/x')\"", ["/a/x"]),
    ("ruby -e \"File.symlink('/a', 'l'); File.delete('l/x')\"", ["/a/x"]),
    ("ruby -e \"FileUtils.ln_sf('/a', 'l')\"; rm l/x", ["/a/x"]),
    ('perl -e \'symlink("/a", "l"); unlink "l/x"\'', ["/a/x"]),
    ("php -r \"symlink('/a', 'l'); unlink('l/x');\"", ["/a/x"]),
    ("echo 'rm /x' > s; ln s t; sh t", ["/x"]),
    ("echo 'rm /x' > s; ln -s s t; . ./t", ["/x"]),
    ("echo 'rm /x' > s; ln -s s t; chmod +x t; ./t", ["/x"]),
    ("ssh h 'ln -s /a l; rm l/x'", ["None"]),
    ("ln -s /a l; ssh h 'rm l/x'", ["None"]),
]


@pytest.mark.parametrize(("code", "deleted"), FOLLOWED, ids=[code for code, _ in FOLLOWED])
def test_links_of_the_same_call_are_followed(code: str, deleted: list[str]) -> None:
    assert predicted(code).touched("delete") == deleted


WRITTEN = [
    ("ln .claude/settings.json x; echo y > x", [f"{PROJECT}/.claude/settings.json"]),
    ("cd .claude; ln settings.json ../x; echo y > ../x", [f"{PROJECT}/.claude/settings.json"]),
    ("link /etc/a d/x; echo y > d/x", ["/etc/a"]),
    ("python -c \"import os; os.link('/etc/a', 'x'); open('x', 'w')\"", ["/etc/a"]),
    ("node -e \"fs.linkSync('/etc/a', 'x'); fs.writeFileSync('x', '')\"", ["/etc/a"]),
    ('perl -e \'link("/etc/a", "x")\'; echo y > x', ["/etc/a"]),
]


@pytest.mark.parametrize(("code", "written"), WRITTEN, ids=[code for code, _ in WRITTEN])
def test_a_hard_link_is_the_file_by_another_name(code: str, written: list[str]) -> None:
    assert predicted(code).touched("write") == written


APART = [
    ("ln -s /a l; rm m/x", [f"{PROJECT}/m/x"]),
    ("ln -s /a l; rm ll/x", [f"{PROJECT}/ll/x"]),
    ("ln -s /a l; cp l m; rm m/x", [f"{PROJECT}/m/x"]),
    ("cp /a l; rm l/x", [f"{PROJECT}/l/x"]),
    ("echo ln -s /a l; rm l/x", [f"{PROJECT}/l/x"]),
    ("python -c \"import os; os.symlink(a, 'l')\"; rm m/x", [f"{PROJECT}/m/x"]),
]


@pytest.mark.parametrize(("code", "deleted"), APART, ids=[code for code, _ in APART])
def test_what_is_no_link_is_taken_as_it_is_written(code: str, deleted: list[str]) -> None:
    assert predicted(code).touched("delete") == deleted


def test_a_link_made_below_a_link_on_disk_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "there").symlink_to("real")

    assert predicted("ln -s /a there/l; rm there/l/x", str(tmp_path)).touched("delete") == ["/a/x"]
    assert predicted("ln -s /a there/l; rm real/l/x", str(tmp_path)).touched("delete") == ["/a/x"]


def test_links_in_a_circle_end() -> None:
    assert len(predicted("ln -s b a; ln -s a b; rm a/x").touched("delete")) == 1
