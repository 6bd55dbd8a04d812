"""System-call policies: read from JSON, checked, and compiled for the kernel (classic BPF).

Theory of operation. A policy is data: a file in the OCI runtime-spec seccomp format, an allow-list with a default
action. For one system call its rules are tried in the order of the file; the first whose arguments all match decides,
and the default action decides when none does. ``worker`` is the outer filter of a jail, ``program`` the inner filter of
one run, and ``sealed`` is added when the run's child has registered; the comments in the files give the reasons.

``to_bpf`` lays the policy out as a balanced binary search over ranges of call numbers that share a decision, behind a
check of the ABI: i386 calls come with a foreign ``arch``, x32 calls with bit 30 of the number set, and under either a
number means another call, so neither ever reaches a rule. Rules that follow each other and look at the same word of an
argument share its load: one load, and one comparison for each value or two for a run of three and more. So a list of
(level, option) pairs costs one comparison for each level and at most one for each option. Classic BPF only jumps
forward, so the program is built from its last instruction to its first: whatever a jump names exists already and its
distance is known. A conditional jump passes at most 255 instructions; where more are in between it goes by a relay: an
unconditional jump, which has 32 bits, or another copy of a RET. Filters are kept short all the same: the kernel checks,
compiles and emulates the filter on every load, and every run loads it.

Sources: seccomp(2), seccomp_unotify(2), the kernel's Documentation/networking/filter.rst, the OCI runtime-spec
(config-linux.md, "Seccomp").
"""

from __future__ import annotations

import platform
import struct
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import msgspec

from semi_instruct.engine.errors import InvalidPolicy

NAMES = ("worker", "program", "sealed")  # in the order in which they are loaded
# Return values, linux/seccomp.h. ERRNO carries its number in the low 16 bits.
_ACTIONS = {
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
_EPERM = 1  # what the runtime-spec answers when no errnoRet is given
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32_BIT = 0x40000000
_NR, _ARCH, _ARGS = 0, 4, 16  # offsets in struct seccomp_data
_LOAD, _AND, _RET, _JUMP, _JEQ, _JGE, _JSET = 0x20, 0x54, 0x06, 0x05, 0x15, 0x35, 0x45
_WORD = 0xFFFFFFFF
_MAX_JUMP = 255
_MAX_INSTRUCTIONS = 1024  # the kernel takes four times as many, and every run would pay for them

type _Action = Literal["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_ERRNO", "SCMP_ACT_NOTIFY", "SCMP_ACT_ALLOW"]
type _Errno = Annotated[int, msgspec.Meta(ge=0, le=4095)]
type _Natural = Annotated[int, msgspec.Meta(ge=0)]


class Arg(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A condition on an argument of a system call, an unsigned 64-bit number.

    Attributes:
        index: index of the argument, 0 to 5.
        value: for ``SCMP_CMP_EQ`` the required value; for ``SCMP_CMP_MASKED_EQ`` the mask.
        value_two: for ``SCMP_CMP_MASKED_EQ`` the required value of the masked argument.
    """

    index: Annotated[int, msgspec.Meta(ge=0, le=5)]
    value: _Natural
    op: Literal["SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"]
    value_two: _Natural = 0

    @property
    def mask_and_result(self) -> tuple[int, int]:
        """The condition as a mask and the required masked value."""
        return (self.value, self.value_two) if self.op == "SCMP_CMP_MASKED_EQ" else (2**64 - 1, self.value)

    def tests(self) -> tuple[_Test, ...]:
        """The condition on the argument's two words, little endian, without those that the mask leaves out."""
        mask, result = self.mask_and_result
        low = _ARGS + 8 * self.index
        words = ((low, mask & _WORD, result & _WORD), (low + 4, mask >> 32, result >> 32))
        return tuple(((offset, word_mask), word) for offset, word_mask, word in words if word_mask)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The action for the system calls ``names`` if all conditions on their arguments hold; always if there are none."""

    names: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    action: _Action
    errno_ret: _Errno | None = None
    args: tuple[Arg, ...] = ()
    comment: str = ""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One checked policy: rules in the order in which they are tried, and the action for calls that match none."""

    default_action: _Action
    architectures: tuple[Literal["SCMP_ARCH_X86_64"]]
    syscalls: tuple[Rule, ...]
    default_errno_ret: _Errno | None = None
    comment: str = ""

    @property
    def notifies(self) -> bool:
        """Whether any call is reported to the supervisor; the filter must then be loaded with a listener."""
        return "SCMP_ACT_NOTIFY" in (self.default_action, *(rule.action for rule in self.syscalls))


class _Table(msgspec.Struct, frozen=True):
    syscalls: dict[str, _Natural]
    comment: str = ""


# A word of an argument: its offset in struct seccomp_data, and the mask under which it is compared.
type _Word = tuple[int, int]
# A word, and what it must equal.
type _Test = tuple[_Word, int]
# What is left of the rules of a call: their tests and return values; the last one has no test.
type _Decision = tuple[tuple[tuple[_Test, ...], int], ...]


def load(name: str) -> Policy:
    """Read one of the project's own policies, named in ``NAMES``.

    Raises:
        InvalidPolicy: there is no such policy, it is malformed, or this machine is not x86_64.
    """
    path = folder() / f"{name}.json"
    return parse(_read(path), str(path))


def parse(text: str, source: str) -> Policy:
    """Parse and check a policy in OCI runtime-spec JSON. Unknown, unreachable and ambiguous parts are errors.

    Args:
        text: the JSON.
        source: the name of the source, for messages.

    Raises:
        InvalidPolicy: the policy is invalid, or this machine is not x86_64. The message gives the position in
            ``source`` and what was expected.
    """
    if platform.machine() != "x86_64":
        _fail(source, f"policies name x86_64 system calls and this machine is {platform.machine()!r}; run on x86_64")
    policy = _decode(text, Policy, source)
    _check_errno(policy.default_action, policy.default_errno_ret, source)
    numbers = syscall_numbers()
    decided: set[str] = set()
    for position, rule in enumerate(policy.syscalls):
        where = f"{source}: syscalls[{position}]"
        _check_errno(rule.action, rule.errno_ret, where)
        if unknown := sorted(set(rule.names) - numbers.keys()):
            _fail(where, f"names: {', '.join(unknown)} not in syscalls_x86_64.json")
        if unreachable := sorted(decided.intersection(rule.names)):
            _fail(where, f"never reached for {', '.join(unreachable)}: an earlier rule without args decides already")
        if len({arg.index for arg in rule.args}) < len(rule.args):
            _fail(where, "args: expected each index once (container runtimes read a repeated index as 'or')")
        for arg in rule.args:
            mask, result = arg.mask_and_result
            if not mask or result & ~mask or mask >= 2**64:
                _fail(
                    where, f"args: expected a mask of 64 bits and no bits outside it, found {mask:#x} and {result:#x}"
                )
        if not rule.args:
            decided.update(rule.names)
    return policy


def syscall_name(number: int) -> str:
    """The name of an x86_64 system call for a message: ``ptrace``, or ``system call 999`` if it is unknown."""
    names = {known: name for name, known in syscall_numbers().items()}
    return names.get(number, f"x32 system call {number - _X32_BIT}" if number & _X32_BIT else f"system call {number}")


def syscall_numbers() -> dict[str, int]:
    """The number of every x86_64 system call by its name."""
    path = folder() / "syscalls_x86_64.json"
    return _decode(_read(path), _Table, str(path)).syscalls


def folder() -> Path:
    """The folder of the policies. The wheel has the repository's ``seccomp/`` as ``engine/policies/``."""
    here = Path(__file__).resolve().parent
    packaged = here / "policies"
    return packaged if packaged.is_dir() else here.parent / "seccomp"


def to_bpf(policy: Policy) -> bytes:
    """Compile for seccomp(2): an array of ``struct sock_filter``, 8 bytes each, in this machine's byte order.

    A call of a foreign ABI (i386, x32) is reported like a forbidden call if the policy reports any, and kills the
    process otherwise.

    Raises:
        InvalidPolicy: the program has too many instructions; every run would pay for them.
    """
    code = _Assembler()
    starts, decisions = _ranges(policy)
    foreign = code.ret(_ACTIONS["SCMP_ACT_NOTIFY" if policy.notifies else "SCMP_ACT_KILL_PROCESS"])
    root = code.search(starts, decisions)
    code.test(_JSET, _X32_BIT, foreign, root)
    native = code.put(_LOAD, _NR)
    code.test(_JEQ, _AUDIT_ARCH_X86_64, native, foreign)
    code.put(_LOAD, _ARCH)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in reversed(code.reversed))


def _ranges(policy: Policy) -> tuple[list[int], list[_Decision]]:
    """The start of each range of call numbers with one decision, and the decisions. The last range has no end."""
    numbers = syscall_numbers()
    default: _Decision = (((), _return_value(policy.default_action, policy.default_errno_ret)),)
    rules: dict[int, _Decision] = {}
    for rule in policy.syscalls:
        for name in rule.names:
            tests = tuple(test for arg in rule.args for test in arg.tests())
            step = (tests, _return_value(rule.action, rule.errno_ret))
            rules[numbers[name]] = (*rules.get(numbers[name], ()), step)
    starts: list[int] = []
    decisions: list[_Decision] = []
    for number in range(max(rules, default=0) + 2):
        decision = rules.get(number, ())
        if not decision or decision[-1][0]:
            decision += default
        if not decisions or decision != decisions[-1]:
            starts.append(number)
            decisions.append(decision)
    return starts, decisions


def _return_value(action: str, errno: int | None) -> int:
    if action == "SCMP_ACT_ERRNO":
        return _ACTIONS[action] | (_EPERM if errno is None else errno)
    return _ACTIONS[action]


class _Assembler:
    """A BPF program under construction, last instruction first.

    A label is an instruction's position counted from the program's end, starting with 1 for the last one, so it never
    changes. The next instruction jumps over ``len(self.reversed) - label`` others to reach it. Execution falls through
    to the newest one.
    """

    def __init__(self) -> None:
        self.reversed: list[tuple[int, int, int, int]] = []  # code, jt, jf, k
        self._returns: dict[int, int] = {}  # return value -> label of its RET
        self._relays: dict[int, int] = {}  # label -> the newest relay to it
        self._labels: dict[tuple[_Decision, int], int] = {}  # rules and where they end -> where they begin

    def put(self, code: int, k: int, jt: int = 0, jf: int = 0) -> int:
        if len(self.reversed) == _MAX_INSTRUCTIONS:
            raise InvalidPolicy(f"more than {_MAX_INSTRUCTIONS} BPF instructions; use fewer rules with args")
        self.reversed.append((code, jt, jf, k))
        return len(self.reversed)

    def ret(self, value: int) -> int:
        if value not in self._returns:
            self._returns[value] = self.put(_RET, value)
        return self._returns[value]

    def test(self, jump: int, k: int, yes: int, no: int) -> int:
        yes = self._within_reach(yes)
        no = self._within_reach(no)
        return self.put(jump, k, len(self.reversed) - yes, len(self.reversed) - no)

    def _within_reach(self, label: int) -> int:
        """A label within reach of a conditional jump from the next instruction or the one after it.

        If ``label`` is too far, a relay is added, which all further jumps use: a jump, or another copy of a RET.
        """
        if len(self.reversed) - self._relays.get(label, label) >= _MAX_JUMP:
            code, _, _, k = self.reversed[label - 1]
            self._relays[label] = self.put(_RET, k) if code == _RET else self.put(_JUMP, len(self.reversed) - label)
        return self._relays.get(label, label)

    def search(self, starts: list[int], decisions: list[_Decision]) -> int:
        """Find the range of the call number in the accumulator, and continue with its decision."""
        if len(starts) == 1:
            return self.decide(decisions[0])
        if len(starts) == 3 and decisions[0] == decisions[2] and starts[2] - starts[1] == 1:
            return self.test(_JEQ, starts[1], self.decide(decisions[1]), self.decide(decisions[0]))
        middle = len(starts) // 2
        above = self.search(starts[middle:], decisions[middle:])
        below = self.search(starts[:middle], decisions[:middle])
        return self.test(_JGE, starts[middle], above, below)

    def decide(self, decision: _Decision) -> int:
        """Try the rules of one call in their order. Calls with the same rules share the code."""
        return self._first_match(decision, 0)

    def _first_match(self, rules: _Decision, otherwise: int) -> int:
        """Continue with the first rule whose tests all hold, or at a label if there is none. A rule is emitted once."""
        if not rules:
            return otherwise
        if (rules, otherwise) not in self._labels:
            tests, value = rules[0]
            self._labels[rules, otherwise] = self._switch(rules, tests[0][0], otherwise) if tests else self.ret(value)
        return self._labels[rules, otherwise]

    def _switch(self, rules: _Decision, word: _Word, otherwise: int) -> int:
        """Load one word, once for all leading rules that test it, and compare it with each of their values."""
        many = next((index for index, (tests, _) in enumerate(rules) if word not in dict(tests)), len(rules))
        otherwise = self._first_match(rules[many:], otherwise)
        by_value: dict[int, _Decision] = {}
        for tests, value in rules[:many]:
            tested = dict(tests)
            k = tested.pop(word)
            by_value[k] = (*by_value.get(k, ()), (tuple(tested.items()), value))
        goals = {k: self._first_match(group, otherwise) for k, group in by_value.items()}
        label = otherwise
        for first, last, goal in reversed(_runs(goals)):
            if last - first < 2:  # two tests would save nothing
                for k in range(last, first - 1, -1):
                    label = self.test(_JEQ, k, goal, label)
            elif last < _WORD:
                inside = self.test(_JGE, last + 1, label, goal)
                label = self.test(_JGE, first, inside, label)
            else:
                label = self.test(_JGE, first, goal, label)
        offset, mask = word
        if mask != _WORD:
            self.put(_AND, mask)
        return self.put(_LOAD, offset)


def _runs(goals: dict[int, int]) -> list[tuple[int, int, int]]:
    """First value, last value and goal of every run of values without a gap that have the same goal."""
    runs: list[tuple[int, int, int]] = []
    for value, goal in sorted(goals.items()):
        if runs and runs[-1][1:] == (value - 1, goal):
            runs[-1] = (runs[-1][0], value, goal)
        else:
            runs.append((value, value, goal))
    return runs


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        _fail(str(path), f"cannot be read ({error}); reinstall the package")


def _decode[T](text: str, kind: type[T], source: str) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        _fail(source, str(error))


def _check_errno(action: str, errno: int | None, where: str) -> None:
    if errno is not None and action != "SCMP_ACT_ERRNO":
        _fail(where, f"errnoRet: only SCMP_ACT_ERRNO has one, and the action is {action}")


def _fail(where: str, what: str) -> NoReturn:
    raise InvalidPolicy(f"{where}: {what}")
