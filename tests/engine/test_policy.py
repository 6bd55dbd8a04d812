"""The policies: what the compiled filter answers is what the JSON says, here and in the running kernel."""

from __future__ import annotations

import base64
import errno
import fcntl
import itertools
import json
import os
import platform
import re
import select
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semi_instruct.engine.errors import InvalidPolicy
from semi_instruct.engine.policy import Policy, load, parse, syscall_name, to_bpf

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the policies are for x86_64")

FOLDER = Path(__file__).resolve().parents[2] / "seccomp"
NUMBERS: dict[str, int] = json.loads((FOLDER / "syscalls_x86_64.json").read_text())["syscalls"]
X86_64, I386 = 0xC000003E, 0x40000003
X32 = 0x40000000
ALLOW, NOTIFY, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x7FC00000, 0x00050000, 0x80000000
NOTIF_RECV = 0xC0502100
ACTIONS = {
    "SCMP_ACT_ALLOW": ALLOW,
    "SCMP_ACT_NOTIFY": NOTIFY,
    "SCMP_ACT_KILL_PROCESS": KILL_PROCESS,
}
type Json = dict[str, Any]


def document(name: str) -> Json:
    result: Json = json.loads((FOLDER / f"{name}.json").read_text())
    return result


def parsed(doc: Json) -> Policy:
    return parse(json.dumps(doc), "x.json")


def run_bpf(code: bytes, arch: int, number: int, args: tuple[int, ...]) -> int:
    """Interpret classic BPF as the kernel does."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *args)
    accumulator = position = 0
    while True:
        op, yes, no, k = struct.unpack_from("=HBBI", code, 8 * position)
        position += 1
        if op == 0x20:
            accumulator = struct.unpack_from("<I", data, k)[0]
        elif op == 0x54:
            accumulator &= k
        elif op == 0x05:
            position += k
        elif op == 0x06:
            return int(k)
        else:
            tests = {0x15: int.__eq__, 0x25: int.__gt__, 0x35: int.__ge__, 0x45: int.__and__}
            position += yes if tests[op](accumulator, k) else no


def holds(arg: Json, args: tuple[int, ...]) -> bool:
    actual, value = args[arg["index"]], arg["value"]
    answers: dict[str, bool] = {
        "SCMP_CMP_EQ": actual == value,
        "SCMP_CMP_MASKED_EQ": actual & value == arg.get("valueTwo", 0),
    }
    return answers[arg["op"]]


def alone(doc: Json) -> dict[int, Json]:
    """The document once per call number, with that call's rules only."""
    found: dict[int, Json] = {number: doc | {"syscalls": []} for number in range(1101)}
    for rule in doc["syscalls"]:
        for name in rule["names"]:
            found[NUMBERS[name]]["syscalls"].append(rule | {"names": [name]})
    return found


def expected(doc: Json, number: int, args: tuple[int, ...]) -> int:
    """The JSON read naively, rule by rule."""
    for rule in doc["syscalls"]:
        if any(NUMBERS[name] == number for name in rule["names"]) and all(holds(a, args) for a in rule.get("args", [])):
            return answer(rule["action"], rule.get("errnoRet", 1))
    return answer(doc["defaultAction"], doc.get("defaultErrnoRet", 1))


def answer(action: str, number: int) -> int:
    return ACTIONS.get(action, ERRNO | number)


def vectors(doc: Json, number: int) -> set[tuple[int, ...]]:
    """Arguments on, beside and above every value that a rule of this call looks at, one argument at a time and all."""
    base: tuple[int, ...] = (0, 0, 0, 0, 0, 0)
    found = {base, (2**64 - 1,) * 6}
    matching = list(base)
    for rule in doc["syscalls"]:
        if not any(NUMBERS[name] == number for name in rule["names"]):
            continue
        for arg in rule.get("args", []):
            for value in {arg["value"], arg.get("valueTwo", 0), ~arg["value"] | arg.get("valueTwo", 0)}:
                for near in (value, value - 1, value + 1, value ^ 1 << 32, value & 0xFFFFFFFF):
                    for start in (base, tuple(matching)):
                        vector = list(start)
                        vector[arg["index"]] = near % 2**64
                        found.add(tuple(vector))
            matching[arg["index"]] = arg.get("valueTwo", 0) if "MASKED" in arg["op"] else arg["value"]
            found.add(tuple(matching))
    return found


def assert_agrees(doc: Json, numbers: range) -> None:
    code = to_bpf(parsed(doc))
    documents = alone(doc)
    for number in numbers:
        for args in vectors(documents[number], number):
            assert run_bpf(code, X86_64, number, args) == expected(documents[number], number, args), (number, args)
    used = [doc["defaultAction"], *(rule["action"] for rule in doc["syscalls"])]
    foreign = NOTIFY if "SCMP_ACT_NOTIFY" in used else KILL_PROCESS
    for number in (0, 1, 39, 101, 1000, 0x7FFFFFFF):
        assert run_bpf(code, I386, number, (0,) * 6) == foreign
        assert run_bpf(code, 0xC00000B7, number, (0,) * 6) == foreign
        assert run_bpf(code, X86_64, number | X32, (0,) * 6) == foreign


# The compiler


@pytest.mark.parametrize("name", ["program", "worker", "sealed"])
def test_filter_answers_what_the_file_says(name: str) -> None:
    doc = document(name)
    assert_agrees(doc, range(1101))
    code = to_bpf(load(name))
    unknown = ALLOW if name == "sealed" else ERRNO | 38
    for number in (2**31, 2**31 + 59, 2**32 - X32 - 1):  # negative, without the x32 bit
        assert run_bpf(code, X86_64, number, (0,) * 6) == unknown


@pytest.mark.parametrize("name", ["program", "worker"])
def test_x32_is_refused_for_every_number(name: str) -> None:
    code = to_bpf(load(name))
    answers = {run_bpf(code, X86_64, number | X32, (0,) * 6) for number in range(1101)}
    assert answers == {NOTIFY if name == "program" else KILL_PROCESS}


def test_filter_is_short() -> None:
    assert len(to_bpf(load("program"))) // 8 < 320


edges = st.sampled_from([0, 1, 2, 0xFFFFFFFF, 1 << 32, (1 << 32) + 1, 1 << 63, 2**64 - 1])
words = st.one_of(edges, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
plain_args = st.builds(
    lambda index, value: {"index": index, "value": value, "op": "SCMP_CMP_EQ"},
    st.integers(0, 5),
    words,
)
masked_args = st.builds(
    lambda index, mask, bits: {"index": index, "value": mask, "valueTwo": mask & bits, "op": "SCMP_CMP_MASKED_EQ"},
    st.integers(0, 5),
    words.filter(bool),
    words,
)
actions = st.one_of(
    st.sampled_from([{"action": name} for name in ACTIONS]),
    st.integers(0, 4095).map(lambda number: {"action": "SCMP_ACT_ERRNO", "errnoRet": number}),
)


@st.composite
def documents(draw: st.DrawFn) -> Json:
    names = st.one_of(st.sampled_from(sorted(NUMBERS)), st.sampled_from(sorted(NUMBERS)[:8]))
    rules = []
    decided: set[str] = set()
    for _ in range(draw(st.integers(0, 10))):
        chosen = sorted(draw(st.sets(names, min_size=1, max_size=4)) - decided)
        if not chosen:
            continue
        args = draw(st.lists(plain_args | masked_args, max_size=3, unique_by=lambda arg: int(arg["index"])))
        if not args:
            decided.update(chosen)
        rules.append({"names": chosen, **draw(actions), **({"args": args} if args else {})})
    default = draw(actions)
    top = {"defaultAction": default["action"], "architectures": ["SCMP_ARCH_X86_64"], "syscalls": rules}
    return top | ({"defaultErrnoRet": default["errnoRet"]} if "errnoRet" in default else {})


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_any_policy_answers_what_it_says(doc: Json) -> None:
    assert_agrees(doc, range(470))


def scattered(count: int) -> Json:
    """Calls that each decide differently from their neighbours: the longest filter so many calls can ask for."""
    rules: list[Json] = []
    for name in sorted(NUMBERS, key=NUMBERS.__getitem__)[:count]:
        number = NUMBERS[name]
        args = [{"index": 0, "value": number << 30, "op": "SCMP_CMP_EQ"}]
        rules.append({"names": [name], "action": "SCMP_ACT_ALLOW", "args": args})
        rules.append({"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": number % 20})
    return document("program") | {"syscalls": rules}


@pytest.mark.parametrize(("calls", "shortest", "longest"), [(50, 256, 300), (120, 600, 800)])
def test_long_jumps_arrive(calls: int, shortest: int, longest: int) -> None:
    """Beyond the reach of a conditional jump, and far beyond it."""
    doc = scattered(calls)
    assert shortest < len(to_bpf(parsed(doc))) // 8 <= longest
    assert_agrees(doc, range(470))


@pytest.mark.parametrize("calls", range(30, 46))
def test_jumps_at_the_end_of_their_reach_arrive(calls: int) -> None:
    assert_agrees(scattered(calls), range(calls))


def test_too_long_a_filter_is_refused() -> None:
    with pytest.raises(InvalidPolicy, match="more than 1024 BPF instructions"):
        to_bpf(parsed(scattered(200)))


def pairs(*tests: tuple[int, int], action: str = "SCMP_ACT_ALLOW") -> Json:
    args = [{"index": n, "value": 0xFFFFFFFF, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"} for n, value in tests]
    return {"names": ["setsockopt"], "action": action, "args": args}


def test_values_of_one_word_share_its_load() -> None:
    """A list of pairs costs one comparison a level and one an option, beside a load a word."""
    levels, options = 4, 20
    rules = [pairs((1, level), (2, level + option)) for level in range(levels) for option in range(options)]
    bare = len(to_bpf(parsed(document("program") | {"syscalls": []}))) // 8
    doc = document("program") | {"syscalls": rules}
    assert len(to_bpf(parsed(doc))) // 8 - bare < levels * (options + 2) + 10
    assert_agrees(doc, range(50, 60))


def test_the_first_rule_wins_where_rules_share_a_load() -> None:
    """In every order of four rules that overlap, of which some do not look at both arguments."""
    refused = "SCMP_ACT_KILL_PROCESS"
    rules = [pairs((1, 1), (2, 5)), pairs((2, 5), action=refused), pairs((1, 1), action=refused), pairs((1, 2), (2, 7))]
    for order in itertools.permutations(rules):
        assert_agrees(document("program") | {"syscalls": list(order)}, range(50, 60))


def test_a_filter_grows_with_the_number_of_rules() -> None:
    """Not with its square, however the rules overlap."""

    def size(count: int) -> int:
        rules = [pairs((place % 6, place)) for place in range(count)]
        return len(to_bpf(parsed(document("program") | {"syscalls": rules}))) // 8

    assert size(120) - size(60) == pytest.approx(size(60) - size(0), abs=5)


# The two policies


def names_with(name: str, action: str) -> set[str]:
    return {n for rule in document(name)["syscalls"] for n in rule["names"] if rule["action"] == action}


def test_worker_lets_through_what_program_allows_or_reports() -> None:
    inner, outer = document("program"), document("worker")
    for number in NUMBERS.values():
        for args in vectors(inner, number) | vectors(outer, number):
            if expected(inner, number, args) in (ALLOW, NOTIFY):
                assert expected(outer, number, args) == ALLOW, (syscall_name(number), args)
    for name in names_with("program", "SCMP_ACT_NOTIFY") - {
        "fcntl"
    }:  # of which record locks are reported, to be counted
        assert expected(inner, NUMBERS[name], (0,) * 6) == NOTIFY, f"{name} has another rule as well"


def test_every_call_that_a_program_may_make_is_in_the_table() -> None:
    """docs/threat-model.md says of each what it can take, who is charged, and what bounds it."""
    text = (FOLDER.parent / "docs" / "threat-model.md").read_text()
    section = text.partition("## What the allowed calls can take")[2].partition("Refused by argument")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    assert all(len(row) == 4 and all(cell.strip() for cell in row) for row in rows)
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert len(told) == len(set(told)), "a call is told twice"
    assert set(told) == names_with("program", "SCMP_ACT_ALLOW")


def test_worker_reports_nothing() -> None:
    assert load("program").notifies
    assert not load("worker").notifies


@pytest.mark.parametrize("name", ["sendmsg", "sendmmsg", "seccomp"])
def test_sealed_takes_what_the_child_needed(name: str) -> None:
    assert run_bpf(to_bpf(load("sealed")), X86_64, NUMBERS[name], (0,) * 6) == ERRNO | errno.ENOSYS
    assert run_bpf(to_bpf(load("program")), X86_64, NUMBERS[name], (0,) * 6) == ALLOW
    assert names_with("sealed", "SCMP_ACT_ERRNO") == {"sendmsg", "sendmmsg", "seccomp"}


@pytest.mark.parametrize("name", ["io_uring_setup", "io_uring_enter", "io_uring_register", "clone3", "memfd_secret"])
def test_neither_policy_knows(name: str) -> None:
    for policy in ("program", "worker"):
        assert run_bpf(to_bpf(load(policy)), X86_64, NUMBERS[name], (0,) * 6) == ERRNO | errno.ENOSYS


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("ptrace", (), NOTIFY),
        ("unshare", (), NOTIFY),
        ("bpf", (), NOTIFY),
        ("keyctl", (), NOTIFY),
        ("pidfd_getfd", (), NOTIFY),
        ("clone", (0x3D0F00,), ALLOW),  # a glibc thread
        ("clone", (0x1200011,), ALLOW),  # a glibc fork
        ("clone", (0x4111,), ALLOW),  # vfork of posix_spawn
        ("clone", (0x10000011,), ERRNO | errno.EPERM),  # CLONE_NEWUSER
        ("clone", (0x40000011,), ERRNO | errno.EPERM),  # CLONE_NEWNET
        ("clone", (0xF00000000 | 0x20011,), ERRNO | errno.EPERM),  # CLONE_NEWNS under high bits that are ignored
        ("socket", (1, 1, 0), ALLOW),
        ("socket", (10, 1, 0), ALLOW),
        ("socket", (0x100000002, 1, 0), ALLOW),  # the kernel takes an int
        ("socket", (40, 1, 0), ERRNO | errno.EAFNOSUPPORT),  # AF_VSOCK
        ("socket", (16, 3, 0), ERRNO | errno.EAFNOSUPPORT),  # AF_NETLINK
        ("socketpair", (38, 1, 0), ERRNO | errno.EAFNOSUPPORT),  # AF_ALG
        ("socket", (2, 0x80801, 6), ALLOW),  # SOCK_CLOEXEC, SOCK_NONBLOCK
        ("socket", (2, 2, 17), ALLOW),
        ("socket", (1, 5, 0), ALLOW),
        ("socket", (2, 1, 17), ERRNO | errno.EPROTONOSUPPORT),
        ("socket", (2, 1, 262), ERRNO | errno.EPROTONOSUPPORT),  # MPTCP
        ("socket", (10, 0x80002, 136), ERRNO | errno.EPROTONOSUPPORT),  # UDP-Lite
        ("socket", (2, 2, 1), ERRNO | errno.EPROTONOSUPPORT),  # ICMP
        ("socket", (1, 1, 1), ERRNO | errno.EPROTONOSUPPORT),
        ("socket", (1, 3, 0), ERRNO | errno.ESOCKTNOSUPPORT),
        ("socket", (2, 5, 132), ERRNO | errno.ESOCKTNOSUPPORT),  # SCTP
        ("socket", (2, 3, 0), ERRNO | errno.EPERM),
        ("socket", (10, 10, 0), ERRNO | errno.EPERM),
        ("setsockopt", (3, 1, 2), ALLOW),  # SO_REUSEADDR
        ("setsockopt", (3, 6, 1), ALLOW),  # TCP_NODELAY
        ("getsockopt", (3, 1, 4), ALLOW),  # SO_ERROR
        ("setsockopt", (3, 41, 49), ALLOW),  # IPV6_RECVPKTINFO
        ("setsockopt", (3, 0x100000001, 0x100000002), ALLOW),
        ("setsockopt", (3, 1, 26), ERRNO | errno.ENOPROTOOPT),  # SO_ATTACH_FILTER
        ("setsockopt", (3, 1, 32), ERRNO | errno.ENOPROTOOPT),  # SO_SNDBUFFORCE
        ("setsockopt", (3, 41, 54), ERRNO | errno.ENOPROTOOPT),  # IPV6_HOPOPTS
        ("setsockopt", (3, 41, 32), ERRNO | errno.ENOPROTOOPT),  # IPV6_FLOWLABEL_MGR
        ("setsockopt", (3, 0, 35), ERRNO | errno.ENOPROTOOPT),  # IP_ADD_MEMBERSHIP
        ("setsockopt", (3, 6, 31), ERRNO | errno.ENOPROTOOPT),  # TCP_ULP
        ("setsockopt", (3, 6, 13), ERRNO | errno.ENOPROTOOPT),  # TCP_CONGESTION
        ("setsockopt", (3, 17, 1), ERRNO | errno.ENOPROTOOPT),  # UDP_CORK
        ("setsockopt", (3, 255, 1), ERRNO | errno.ENOPROTOOPT),
        ("setxattr", (), ERRNO | errno.ENOTSUP),
        ("fremovexattr", (), ERRNO | errno.ENOTSUP),
        ("getxattr", (), ALLOW),
        ("cachestat", (), ERRNO | errno.ENOSYS),
        ("fsync", (3,), ERRNO | 0),
        ("fadvise64", (3, 0, 0, 4), ERRNO | 0),
        ("msync", (0, 0, 4), ERRNO | 0),
        ("msync", (0, 0, 1), ALLOW),
        ("preadv2", (3, 0, 0, 0, 0, 0), ALLOW),
        ("preadv2", (3, 0, 0, 0, 0, 8), ERRNO | errno.EOPNOTSUPP),  # RWF_NOWAIT
        ("pwritev2", (3, 0, 0, 0, 0, 0x12), ALLOW),  # RWF_APPEND | RWF_DSYNC
        ("mmap", (0, 1 << 21, 3, 0x22), ALLOW),
        ("mmap", (0, 1 << 21, 3, 0x40022), ERRNO | errno.ENOMEM),  # MAP_HUGETLB
        ("memfd_create", (0, 3), ALLOW),
        ("memfd_create", (0, 5), ERRNO | errno.EINVAL),  # MFD_HUGETLB
        ("madvise", (0, 0, 4), ALLOW),
        ("madvise", (0, 0, 12), ERRNO | errno.EINVAL),  # MADV_MERGEABLE
        ("membarrier", (8,), ALLOW),
        ("membarrier", (2,), ERRNO | errno.EINVAL),  # MEMBARRIER_CMD_GLOBAL_EXPEDITED
        ("ioprio_set", (1, 0, 0), ERRNO | errno.EPERM),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5421), ALLOW),  # FIONBIO
        ("ioctl", (0, 0x8940), ERRNO | errno.ENOTTY),  # SIOCGIFBR
        ("ioctl", (0, 0x40049409), ERRNO | errno.EOPNOTSUPP),  # FICLONE
        ("ioctl", (0, 0x5412), ERRNO | errno.EPERM),
        ("ioctl", (0, 0xDEAD00005412), ERRNO | errno.EPERM),
        ("ioctl", (0, 0x10000541C), ERRNO | errno.EPERM),
        ("fcntl", (3, 6), NOTIFY),  # F_SETLK
        ("fcntl", (3, 37), ERRNO | errno.EINVAL),  # F_OFD_SETLK
        ("fcntl", (3, 1024), ERRNO | errno.EACCES),  # F_SETLEASE
        ("fcntl", (3, 1030), ALLOW),  # F_DUPFD_CLOEXEC
        ("fcntl", (3, 1026), ERRNO | errno.EINVAL),  # F_NOTIFY
        ("fcntl", (3, 0x100000402), ERRNO | errno.EINVAL),
        ("prctl", (15,), ALLOW),
        ("prctl", (0x53564D41,), ALLOW),
        ("prctl", (4,), ERRNO | errno.EPERM),  # PR_SET_DUMPABLE
        ("prctl", (22,), ERRNO | errno.EPERM),  # PR_SET_SECCOMP
        ("personality", (0xFFFFFFFF,), ALLOW),
        ("personality", (2**64 - 1,), ALLOW),
        ("personality", (0x400000,), ERRNO | errno.EPERM),  # READ_IMPLIES_EXEC
        ("setuid", (0,), ERRNO | errno.EPERM),
        ("sync", (), ERRNO | 0),
        ("seccomp", (1,), ALLOW),  # the child loads sealed.json
        ("mbind", (), ERRNO | errno.ENOSYS),
    ],
)
def test_program_policy(name: str, args: tuple[int, ...], result: int) -> None:
    padded = args + (0,) * (6 - len(args))
    assert run_bpf(to_bpf(load("program")), X86_64, NUMBERS[name], padded) == result


def test_syscall_table_is_this_machine_s() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("no kernel headers here")
    lines = (line.split() for line in header.read_text().splitlines() if line.startswith("#define __NR_"))
    here = {name.removeprefix("__NR_"): int(number) for _, name, number in lines}
    assert {name: number for name, number in here.items() if number <= 462}.items() <= NUMBERS.items()
    assert len(set(NUMBERS.values())) == len(NUMBERS)


def test_names_for_messages() -> None:
    assert syscall_name(101) == "ptrace"
    assert syscall_name(999) == "system call 999"
    assert syscall_name(59 | X32) == "x32 system call 59"


# Malformed files


def changed(path: list[str | int], value: object) -> Json:
    """A small sound policy with one thing changed; ``...`` removes it."""
    doc: Json = {
        "comment": "",
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 38,
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 5, "op": "SCMP_CMP_EQ"}]},
        ],
    }
    holder: Any = doc
    for step in path[:-1]:
        holder = holder[step]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return doc


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["defaultAction"], ..., "missing required field `defaultAction`"),
        (["defaultAction"], "ALLOW", r"Invalid enum value 'ALLOW' - at `\$.defaultAction`"),
        (["defaultAction"], "SCMP_ACT_ALLOW", "errnoRet: only SCMP_ACT_ERRNO has one"),
        (["defaultErrnoRet"], 4096, r"Expected `int` <= 4095 - at `\$.defaultErrnoRet`"),
        (["defaultErrnoRet"], True, "Expected `int | null`, got `bool`"),
        (["architectures"], ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "Expected `array` of length 1"),
        (["architectures"], ["SCMP_ARCH_X86"], "Invalid enum value 'SCMP_ARCH_X86'"),
        (["architectures"], ..., "missing required field `architectures`"),
        (["flags"], [], "contains unknown field `flags`"),
        (["syscalls"], {}, r"Expected `array`, got `object` - at `\$.syscalls`"),
        (["syscalls", 0], 7, r"Expected `object`, got `int` - at `\$.syscalls\[0\]`"),
        (["syscalls", 0, "name"], "read", "contains unknown field `name`"),
        (["syscalls", 0, "names"], [], "Expected `array` of length >= 1"),
        (["syscalls", 0, "names"], "read", "Expected `array`"),
        (["syscalls", 0, "names"], ["raed"], r"syscalls\[0\]: names: raed not in syscalls_x86_64.json"),
        (["syscalls", 0, "names"], [0], "Expected `str`"),
        (["syscalls", 1, "names"], ["ioctl", "read"], r"syscalls\[1\]: never reached for read"),
        (["syscalls", 0, "action"], "SCMP_ACT_TRACE", "Invalid enum value 'SCMP_ACT_TRACE'"),
        (["syscalls", 0, "action"], ["x"], "Expected `str`"),
        (["syscalls", 0, "errnoRet"], 1, r"syscalls\[0\]: errnoRet: only SCMP_ACT_ERRNO has one"),
        (["syscalls", 1, "args", 0, "op"], "==", r"Invalid enum value '==' - at `\$.syscalls\[1\].args\[0\].op`"),
        (["syscalls", 1, "args", 0, "index"], 6, "Expected `int` <= 5"),
        (["syscalls", 1, "args", 0, "index"], -1, "Expected `int` >= 0"),
        (["syscalls", 1, "args", 0, "value"], 2**64, "a mask of 64 bits"),
        (["syscalls", 1, "args", 0, "value"], 5.5, "Expected `int`, got `float`"),
        (["syscalls", 1, "args", 0, "mask"], 1, "contains unknown field `mask`"),
        (["syscalls", 1, "args", 0, "value"], ..., "missing required field `value`"),
        (["syscalls", 1, "args"], 1, "Expected `array`"),
        (["syscalls", 1, "args"], [{"index": 1, "value": 0, "op": "SCMP_CMP_MASKED_EQ"}], "expected a mask"),
        (
            ["syscalls", 1, "args"],
            [{"index": 1, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}],
            "no bits outside it",
        ),
        (["syscalls", 1, "args"], [{"index": 1, "value": 1, "op": "SCMP_CMP_EQ"}] * 2, "each index once"),
    ],
)
def test_malformed(path: list[str | int], value: object, says: str) -> None:
    parsed(changed(["comment"], "sound"))
    with pytest.raises(InvalidPolicy, match=says) as caught:
        parsed(changed(path, value))
    assert "x.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000])
def test_not_json(text: str) -> None:
    with pytest.raises(InvalidPolicy, match=r"x\.json: "):
        parse(text, "x.json")


@pytest.mark.parametrize("text", ["[]", "null", "1"])
def test_not_an_object(text: str) -> None:
    with pytest.raises(InvalidPolicy, match=r"x\.json: Expected `object`"):
        parse(text, "x.json")


def test_no_such_policy() -> None:
    with pytest.raises(InvalidPolicy, match=r"nothing\.json: cannot be read"):
        load("nothing")


def test_other_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(InvalidPolicy, match="this machine is 'aarch64'; run on x86_64"):
        load("program")


# The running kernel

SANDBOX = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(a) for a in args))
    return ctypes.get_errno() if result == -1 else 0
def load(code):
    class Fprog(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    return libc.syscall(317, 1, LISTENER, ctypes.byref(Fprog(len(code) // 8, code)))
def enter():
    import base64
    outside = socket.socket(fileno=int(sys.argv[1]))
    listener = load(base64.b64decode(sys.argv[2]))
    assert listener >= 0, ctypes.get_errno()
    if LISTENER:
        socket.send_fds(outside, [b"x"], [listener])
        os.close(listener)
    outside.close()
"""


def sandboxed(body: str, policy: str = "program") -> tuple[str, int, list[tuple[int, int]]]:
    """Run a Python text under a policy. Returns what it printed, how it ended, and the reported (arch, number)."""
    ours, theirs = socket.socketpair()
    listening = load(policy).notifies
    script = f"LISTENER = {8 if listening else 0}\n{SANDBOX}\nenter()\n{body}"
    filter_text = base64.b64encode(to_bpf(load(policy))).decode()
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(theirs.fileno()), filter_text],
        pass_fds=[theirs.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    theirs.close()
    reports = []
    if listening:
        ours.settimeout(30)
        fds = socket.recv_fds(ours, 1, 1)[1]
        if fds:
            reports = reported(process, fds[0])
            os.close(fds[0])
    ours.close()
    output = process.communicate(timeout=60)[0]
    return output, process.returncode, reports


def reported(process: subprocess.Popen[str], listener: int) -> list[tuple[int, int]]:
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    events = poll.poll(60_000)  # a report, or a hang-up when the last process of the filter is gone
    reports = []
    if events and events[0][1] & select.POLLIN:
        notification = bytearray(80)
        fcntl.ioctl(listener, NOTIF_RECV, notification)
        number, arch = struct.unpack_from("=iI", notification, 16)
        reports.append((arch, number))
    if not events or reports:
        process.kill()
    return reports


HONEST = """
import asyncio, concurrent.futures, hashlib, mmap, multiprocessing, os, random, resource, select, signal, socket
import subprocess, sys, tempfile, threading, time, uuid
if __name__ == "__main__":
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(abs, range(-8, 0))) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, check=True).stdout == b"42\\n"
    assert subprocess.run("echo a | cat", shell=True, capture_output=True, check=True).stdout == b"a\\n"
    with multiprocessing.get_context("fork").Pool(2) as workers:
        assert workers.map(abs, [-1, -2]) == [1, 2]
    async def echo():
        server = await asyncio.start_server(lambda r, w: (w.write(b"hi"), w.close()), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b"hi"
        writer.close(); server.close()
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(1)", stdout=subprocess.PIPE)
        assert (await child.communicate())[0] == b"1\\n"
        await asyncio.to_thread(time.sleep, 0)
    asyncio.run(echo())
    a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
    try: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError as error: assert "IPv6" in str(error) or error.errno == 97, error
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "f"); open(path, "w").write("text"); os.rename(path, path + "2")
        os.mkfifo(path); os.symlink("f", path + "3"); os.chmod(path, 0o600); os.utime(path); os.sync()
        assert sorted(os.listdir(folder)) == ["f", "f2", "f3"]
        with open(path + "2", "rb") as f: assert mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:] == b"text"
    assert len(mmap.mmap(-1, 1 << 20)) == 1 << 20
    os.close(os.memfd_create("m")); os.close(os.eventfd(0)); os.close(os.pidfd_open(os.getpid()))
    hit = []; signal.signal(signal.SIGALRM, lambda *_: hit.append(1)); signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.05); assert hit
    os.urandom(8); uuid.uuid4(); random.SystemRandom().random(); hashlib.sha256(b"").digest()
    os.sched_getaffinity(0); os.nice(1); resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.uname(); os.times()
    resource.prlimit(0, resource.RLIMIT_NOFILE)
    pid = os.fork()
    if not pid: os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1]) == 0
    try:
        import numpy
    except ImportError: pass
    else: assert (numpy.ones((300, 300)) @ numpy.ones((300, 300)))[0, 0] == 300
    print("honest")
"""


@pytest.mark.parametrize("policy", ["program", "worker"])
def test_honest_programs_notice_nothing(policy: str) -> None:
    assert sandboxed(HONEST, policy) == ("honest\n", 0, [])


def test_refused_calls_fail_as_the_file_says() -> None:
    body = f"""
N = {NUMBERS!r}
print([
    call(N["clone3"], 0, 0), call(N["clone"], 0x10000011), call(N["io_uring_setup"], 1, 0), call(N["socket"], 40, 1, 0),
    call(N["socketpair"], 16, 3, 0, 0), call(N["ioctl"], 0, 0x5412, 0), call(N["ioctl"], 0, 0x100005412, 0),
    call(N["prctl"], 4, 1), call(N["prctl"], 22, 2, 0), call(N["personality"], 0x400000), call(N["setuid"], 1),
    call(N["sched_setscheduler"], 0, 1, 0), call(N["landlock_create_ruleset"], 0, 0, 1),
    call(N["sync"]), call(N["personality"], 0xffffffff), call(N["prctl"], 38, 1, 0, 0, 0), call(1000), call(462 + 1),
])"""
    output, code, reports = sandboxed(body)
    assert (code, reports) == (0, []), output
    assert json.loads(output) == [38, 1, 38, 97, 97, 1, 1, 1, 1, 1, 1, 1, 38, 0, 0, 0, 38, 38]


@pytest.mark.parametrize("name", sorted(names_with("program", "SCMP_ACT_NOTIFY") - {"fcntl"}))
def test_escape_calls_are_reported(name: str) -> None:
    output, code, reports = sandboxed(f"call({NUMBERS[name]}, 0, 0, 0, 0)\nprint('went on')")
    assert (output, code) == ("", -9)
    assert [(arch, syscall_name(number)) for arch, number in reports] == [(X86_64, name)]


def test_x32_call_is_reported() -> None:
    assert sandboxed(f"call({39 | X32})\nprint('went on')") == ("", -9, [(X86_64, 39 | X32)])


INT80 = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid); int 0x80; ret
print(ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))() > 0)
"""


def test_i386_call_is_reported() -> None:
    if subprocess.run([sys.executable, "-c", INT80], capture_output=True, check=False).stdout != b"True\n":
        pytest.skip("this kernel has no i386 calls")
    assert sandboxed(INT80) == ("", -9, [(I386, 20)])
    assert sandboxed(INT80, "worker") == ("", -31, [])  # SIGSYS


def test_both_filters_together() -> None:
    """The inner filter's reports get past the outer filter."""
    code = base64.b64encode(to_bpf(load("program"))).decode()
    body = f"""
import base64, fcntl, select, struct
here, there = socket.socketpair()
LISTENER = 8
if pid := os.fork():
    listener = socket.recv_fds(here, 1, 1)[1][0]
    assert select.select([listener], [], [], 30)[0]
    notification = bytearray(80)
    fcntl.ioctl(listener, {NOTIF_RECV}, notification)
    os.kill(pid, 9)
    print(struct.unpack_from("=i", notification, 16)[0])
else:
    socket.send_fds(there, [b"x"], [load(base64.b64decode("{code}"))])
    call({NUMBERS["ptrace"]}, 0)
    os._exit(0)
"""
    assert sandboxed(body, "worker") == (f"{NUMBERS['ptrace']}\n", 0, [])
