"""Which ids a worker's programs get, on systems that are only files in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from semi_instruct.engine import SandboxUnavailable, identity


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A system with all that root and an ordinary user need."""
    for folder in ("proc/self", "etc", "usr/bin"):
        (tmp_path / folder).mkdir(parents=True)
    for helper in ("newuidmap", "newgidmap"):
        (tmp_path / "usr/bin" / helper).touch()
    for kind in ("uid", "gid"):
        (tmp_path / f"etc/sub{kind}").write_text("somebody:5:10\n4242:200000:65536\n")
        (tmp_path / f"proc/self/{kind}_map").write_text("         0          0 4294967295\n")
    return tmp_path


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    monkeypatch.setattr(os, "getegid", lambda: 4343)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "getegid", lambda: 0)


@pytest.mark.usefixtures("as_root")
def test_root_takes_ids_that_nobody_hands_out(system: Path) -> None:
    who = identity.choose(system)
    assert (who.root, who.use_newidmap) == ((0, 0), False)
    assert all(0x70000000 <= number < 0x80000000 for number in who.program)


@pytest.mark.usefixtures("as_root")
def test_root_of_a_container_takes_one_of_the_container_s(system: Path) -> None:
    for kind in ("uid", "gid"):
        (system / f"proc/self/{kind}_map").write_text("0 1000 1\n1 100000 65536\n")
    for _ in range(100):
        assert all(32_768 < number < 49_153 for number in identity.choose(system).program)


@pytest.mark.usefixtures("as_root")
def test_root_of_a_container_with_one_id_is_refused(system: Path) -> None:
    (system / "proc/self/uid_map").write_text("0 1000 1\n")
    with pytest.raises(SandboxUnavailable, match=r"uid: .*uid_map maps 1 ids") as refused:
        identity.choose(system)
    assert "range of ids" in refused.value.remedy


@pytest.mark.usefixtures("as_user")
def test_a_user_takes_subordinate_ids_and_not_their_own_group(system: Path) -> None:
    for _ in range(100):
        who = identity.choose(system)
        assert who.root[0] == 4242
        assert who.use_newidmap
        assert who.root[1] != who.program[1]
        assert all(200_000 <= number < 265_536 for number in (who.root[1], *who.program))


@pytest.mark.usefixtures("as_user")
@pytest.mark.parametrize(
    ("spoil", "reason", "remedy"),
    [
        (lambda system: (system / "usr/bin/newuidmap").unlink(), "/usr/bin/newuidmap is missing", "install uidmap"),
        (lambda system: (system / "usr/bin/newgidmap").unlink(), "/usr/bin/newgidmap is missing", "install uidmap"),
        (lambda system: (system / "etc/subuid").unlink(), "4242 has no subordinate ids in /etc/subuid", "usermod"),
        (lambda system: (system / "etc/subgid").write_text("other:1:9\n"), "ids in /etc/subgid", "--add-subgids"),
        (lambda system: (system / "etc/subgid").write_text("4242:200000:1\n"), "ids in /etc/subgid", "usermod"),
        (lambda system: (system / "etc/subuid").write_text("4242:x:\nnonsense\n"), "ids in /etc/subuid", "usermod"),
    ],
)
def test_a_user_without_what_that_takes_is_refused(system: Path, spoil: object, reason: str, remedy: str) -> None:
    assert callable(spoil)
    spoil(system)
    with pytest.raises(SandboxUnavailable) as refused:
        identity.choose(system)
    assert refused.value.layer == "uid"
    assert reason in refused.value.reason
    assert remedy in refused.value.remedy
