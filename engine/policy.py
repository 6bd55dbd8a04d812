"""System-call policies: read from JSON, checked, and compiled for the kernel (classic BPF) and for nsjail (Kafel).

Theory of operation. A policy is data: a file in the OCI runtime-spec seccomp format, an allow-list with a default
action. For one system call its rules are tried in the order of the file; the first whose arguments all match decides,
and the default action decides when none does. ``program`` is the inner filter of one run, ``worker`` the outer filter
of a jail; their own comments say what they allow and why.

``to_bpf`` lays the policy out as a balanced binary search over ranges of call numbers that share a decision, behind a
check of the ABI: i386 calls come with a foreign ``arch``, x32 calls with bit 30 of the number set, and under either a
number means another call, so neither ever reaches a rule. Classic BPF only jumps forward, so the program is built
from its last instruction to its first: whatever a jump names exists already and its distance is known. A distance
that does not fit the 8 bits of a conditional jump gets a copy of the RET, or a JA, in between. The order costs
nothing and the filter stays short: the kernel checks, compiles and emulates it on every load, and every run loads it.

Sources: seccomp(2), seccomp_unotify(2), the kernel's Documentation/networking/filter.rst, the OCI runtime-spec
(config-linux.md, "Seccomp"), Kafel's README.
"""

from __future__ import annotations

import json
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from engine.errors import InvalidPolicy

# Return values, linux/seccomp.h. ERRNO carries its number in the low 16 bits.
_ACTIONS = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
_KAFEL = {
    "SCMP_ACT_KILL": "KILL",
    "SCMP_ACT_KILL_THREAD": "KILL",
    "SCMP_ACT_KILL_PROCESS": "KILL_PROCESS",
    "SCMP_ACT_TRAP": "TRAP(0)",
    "SCMP_ACT_ERRNO": "ERRNO({errno})",
    "SCMP_ACT_LOG": "LOG",
    "SCMP_ACT_ALLOW": "ALLOW",
}
_COMPARE = {
    "SCMP_CMP_EQ": "==",
    "SCMP_CMP_NE": "!=",
    "SCMP_CMP_LT": "<",
    "SCMP_CMP_LE": "<=",
    "SCMP_CMP_GE": ">=",
    "SCMP_CMP_GT": ">",
    "SCMP_CMP_MASKED_EQ": "& ==",
}
_EPERM = 1  # what the runtime-spec answers when no errnoRet is given
_MAX_ERRNO = 4095
_ARCHITECTURE = "SCMP_ARCH_X86_64"
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32_BIT = 0x40000000
_NR, _ARCH, _ARGS = 0, 4, 16  # offsets in struct seccomp_data
_LOAD, _AND, _RET, _JA = 0x20, 0x54, 0x06, 0x05
_JEQ, _JGT, _JGE, _JSET = 0x15, 0x25, 0x35, 0x45
_WORD = 0xFFFFFFFF
_FAR = 254  # one less than jt and jf hold: the second target's copy may push the first one away by one
_MAX_INSTRUCTIONS = 4096  # BPF_MAXINSNS


@dataclass(frozen=True, slots=True)
class Arg:
    """One condition on an argument of a system call, compared as unsigned 64 bits.

    Attributes:
        index: which argument, 0 to 5.
        value: what it is compared with; for ``SCMP_CMP_MASKED_EQ`` the mask.
        value_two: for ``SCMP_CMP_MASKED_EQ`` what the masked argument must equal; otherwise 0.
        op: ``SCMP_CMP_EQ``, ``NE``, ``LT``, ``LE``, ``GE``, ``GT`` or ``MASKED_EQ``.
    """

    index: int
    value: int
    value_two: int
    op: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to some system calls when all conditions on their arguments hold.

    Attributes:
        names: the calls.
        action: an ``SCMP_ACT_...`` name.
        errno: the error number that ``SCMP_ACT_ERRNO`` answers; 0 for other actions.
        args: the conditions; none means always.
    """

    names: tuple[str, ...]
    action: str
    errno: int
    args: tuple[Arg, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """One checked policy.

    Attributes:
        source: the file it came from, for messages.
        default_action: what happens to a call that no rule matches.
        default_errno: the error number when that action is ``SCMP_ACT_ERRNO``.
        rules: in the order in which they are tried.
    """

    source: str
    default_action: str
    default_errno: int
    rules: tuple[Rule, ...]

    @property
    def notifies(self) -> bool:
        """Whether any call is reported to a supervisor, so that the filter must be loaded with a listener."""
        return "SCMP_ACT_NOTIFY" in (self.default_action, *(rule.action for rule in self.rules))


# A decision: rules as (conditions, return value), the last one without conditions.
type _Decision = tuple[tuple[tuple[Arg, ...], int], ...]


def load(name: str) -> Policy:
    """Read one of the project's own policies: ``program`` or ``worker``.

    Raises:
        InvalidPolicy: there is no such policy, it is malformed, or this machine is not x86_64.
    """
    path = _folder() / f"{name}.json"
    return parse(_read(path), str(path))


def parse(text: str, source: str) -> Policy:
    """Check a policy in OCI runtime-spec JSON. Nothing unknown, unreachable or ambiguous passes.

    Args:
        text: the JSON.
        source: where it is from, for messages.

    Raises:
        InvalidPolicy: says where in ``source`` and what was expected, or that this machine is not x86_64.
    """
    if platform.machine() != "x86_64":
        _fail(
            source,
            f"policies name x86_64 system calls and this machine is {platform.machine()!r}; run on x86_64, or add "
            "a table and policies for this architecture to seccomp/",
        )
    top = _object(
        _json(text, source), {"defaultAction", "architectures", "syscalls"}, {"comment", "defaultErrnoRet"}, source
    )
    if top["architectures"] != [_ARCHITECTURE]:
        _fail(source, f'architectures: expected ["{_ARCHITECTURE}"], found {json.dumps(top["architectures"])}')
    default_action, default_errno = _action(top, "defaultAction", "defaultErrnoRet", source)
    numbers = _numbers()
    rules: list[Rule] = []
    decided: set[str] = set()
    for position, item in enumerate(_list(top["syscalls"], f"{source}: syscalls")):
        where = f"{source}: syscalls[{position}]"
        entry = _object(item, {"names", "action"}, {"errnoRet", "args", "comment"}, where)
        action, errno = _action(entry, "action", "errnoRet", where)
        names = tuple(_choice(name, numbers, f"{where}.names") for name in _list(entry["names"], f"{where}.names"))
        if not names or len(set(names)) < len(names):
            _fail(where, "names: expected at least one name and none twice")
        if unreachable := sorted(decided.intersection(names)):
            _fail(where, f"never reached for {', '.join(unreachable)}: an earlier rule without args decides already")
        args = tuple(_arg(arg, f"{where}.args[{i}]") for i, arg in enumerate(_list(entry.get("args", []), where)))
        if len({arg.index for arg in args}) < len(args):
            _fail(where, "args: expected each index once (container runtimes read a repeated index as 'or')")
        if not args:
            decided.update(names)
        rules.append(Rule(names, action, errno, args))
    return Policy(source, default_action, default_errno, tuple(rules))


def syscall_name(number: int) -> str:
    """The name of an x86_64 system call for a message: ``ptrace``, or ``system call 999`` when it has none here."""
    names = {known: name for name, known in _numbers().items()}
    return names.get(number, f"x32 system call {number - _X32_BIT}" if number & _X32_BIT else f"system call {number}")


def to_bpf(policy: Policy) -> bytes:
    """Compile for seccomp(2): an array of ``struct sock_filter``, 8 bytes each, in this machine's byte order.

    A call of a foreign ABI (i386, x32) is reported like a forbidden call if the policy reports any, and kills the
    process otherwise.

    Raises:
        InvalidPolicy: more instructions than the kernel takes.
    """
    code = _Assembler()
    starts, decisions = _ranges(policy)
    foreign = code.ret(_ACTIONS["SCMP_ACT_NOTIFY" if policy.notifies else "SCMP_ACT_KILL_PROCESS"])
    root = code.search(starts, decisions)
    code.test(_JSET, _X32_BIT, foreign, root)
    native = code.put(_LOAD, _NR)
    code.test(_JEQ, _AUDIT_ARCH_X86_64, native, foreign)
    code.put(_LOAD, _ARCH)
    if len(code.reversed) > _MAX_INSTRUCTIONS:
        _fail(policy.source, f"{len(code.reversed)} BPF instructions, the kernel takes {_MAX_INSTRUCTIONS}; use fewer")
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in reversed(code.reversed))


def to_kafel(policy: Policy) -> str:
    """Translate to Kafel, the language of nsjail's ``seccomp_string``.

    Calls are written by number, because Kafel's own table lacks the newest names. Kafel kills a thread that makes an
    i386 call, and gives x32 numbers to the default action.

    Raises:
        InvalidPolicy: the policy reports calls (nsjail has nobody to report them to), or allows by default (which
            would let x32 calls pass).
    """
    if policy.notifies:
        _fail(policy.source, "SCMP_ACT_NOTIFY cannot be given to nsjail; load this policy with to_bpf and a listener")
    if policy.default_action in ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG"):
        _fail(policy.source, f"defaultAction {policy.default_action} would let x32 calls pass in nsjail; deny instead")
    numbers = _numbers()
    blocks = []
    for rule in policy.rules:
        condition = " && ".join(map(_kafel_condition, rule.args))
        suffix = f"(a0, a1, a2, a3, a4, a5) {{ {condition} }}" if rule.args else ""
        calls = ", ".join(f"SYSCALL[{numbers[name]}]{suffix}" for name in rule.names)
        blocks.append(f"  {_KAFEL[rule.action].format(errno=rule.errno)} {{ {calls} }}")
    default = _KAFEL[policy.default_action].format(errno=policy.default_errno)
    return "POLICY jail {\n" + ",\n".join(blocks) + f"\n}}\nUSE jail DEFAULT {default}\n"


def _kafel_condition(arg: Arg) -> str:
    if arg.op == "SCMP_CMP_MASKED_EQ":
        return f"(a{arg.index} & {arg.value:#x}) == {arg.value_two:#x}"
    return f"a{arg.index} {_COMPARE[arg.op]} {arg.value:#x}"


def _ranges(policy: Policy) -> tuple[list[int], list[_Decision]]:
    """Where each range of call numbers with one decision begins, and the decision; the last one has no end."""
    numbers = _numbers()
    default: _Decision = (((), _return_value(policy.default_action, policy.default_errno)),)
    rules: dict[int, _Decision] = {}
    for rule in policy.rules:
        for name in rule.names:
            step = (rule.args, _return_value(rule.action, rule.errno))
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


def _return_value(action: str, errno: int) -> int:
    return _ACTIONS[action] | errno


class _Assembler:
    """A BPF program under construction, last instruction first.

    A label is an instruction's place counted from the program's end, the last one being 1, so it never changes.
    The next instruction put jumps over ``len(self.reversed) - label`` others to reach it; execution falls through to
    the newest one.
    """

    def __init__(self) -> None:
        self.reversed: list[tuple[int, int, int, int]] = []  # code, jt, jf, k
        self._returns: dict[int, int] = {}  # return value -> label of its newest RET
        self._decisions: dict[_Decision, int] = {}

    def put(self, code: int, k: int, jt: int = 0, jf: int = 0) -> int:
        self.reversed.append((code, jt, jf, k))
        return len(self.reversed)

    def ret(self, value: int) -> int:
        if value not in self._returns:
            self._returns[value] = self.put(_RET, value)
        return self._returns[value]

    def test(self, jump: int, k: int, yes: int, no: int) -> int:
        yes, no = self._near(yes), self._near(no)
        return self.put(jump, k, len(self.reversed) - yes, len(self.reversed) - no)

    def _near(self, label: int) -> int:
        """The same destination within reach of the next instruction."""
        code, _, _, k = self.reversed[label - 1]
        if code == _RET:
            label = self._returns[k]
        if len(self.reversed) - label <= _FAR:
            return label
        if code == _RET:
            self._returns[k] = self.put(_RET, k)
            return self._returns[k]
        return self.put(_JA, len(self.reversed) - label)

    def search(self, starts: list[int], decisions: list[_Decision]) -> int:
        """Find the range of the call number in the accumulator, and go on to its decision."""
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
        if decision not in self._decisions:
            label = self.ret(decision[-1][1])
            for args, value in reversed(decision[:-1]):
                otherwise, label = label, self.ret(value)
                for arg in reversed(args):
                    label = self.compare(arg, label, otherwise)
            self._decisions[decision] = label
        return self._decisions[decision]

    def compare(self, arg: Arg, yes: int, no: int) -> int:
        """One condition: two words, little endian; words that a mask leaves out are not looked at."""
        low, high = _ARGS + 8 * arg.index, _ARGS + 8 * arg.index + 4
        if arg.op == "SCMP_CMP_MASKED_EQ":
            if arg.value & _WORD:
                yes = self._word(low, arg.value & _WORD, _JEQ, arg.value_two & _WORD, yes, no)
            return self._word(high, arg.value >> 32, _JEQ, arg.value_two >> 32, yes, no) if arg.value >> 32 else yes
        if arg.op in ("SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE"):  # the opposites of EQ, GE and GT
            yes, no = no, yes
        if arg.op in ("SCMP_CMP_EQ", "SCMP_CMP_NE"):
            equal = self._word(low, _WORD, _JEQ, arg.value & _WORD, yes, no)
            return self._word(high, _WORD, _JEQ, arg.value >> 32, equal, no)
        jump = _JGE if arg.op in ("SCMP_CMP_GE", "SCMP_CMP_LT") else _JGT
        equal = self._word(low, _WORD, jump, arg.value & _WORD, yes, no)
        unequal = self.test(_JGT, arg.value >> 32, yes, no)
        return self._word(high, _WORD, _JEQ, arg.value >> 32, equal, unequal)

    def _word(self, offset: int, mask: int, jump: int, k: int, yes: int, no: int) -> int:
        """Load one word, mask it, test it; a target that would load the very same word again is entered after that."""
        if mask == _WORD:
            yes, no = (label - (self.reversed[label - 1] == (_LOAD, 0, 0, offset)) for label in (yes, no))
        self.test(jump, k, yes, no)
        if mask != _WORD:
            self.put(_AND, mask)
        return self.put(_LOAD, offset)


def _folder() -> Path:
    """The wheel carries the repository's ``seccomp/`` as ``engine/policies/``."""
    here = Path(__file__).resolve().parent
    packaged = here / "policies"
    return packaged if packaged.is_dir() else here.parent / "seccomp"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        _fail(str(path), f"cannot be read ({error}); reinstall the package")


def _numbers() -> dict[str, int]:
    path = _folder() / "syscalls_x86_64.json"
    source = str(path)
    table = _object(_json(_read(path), source), {"syscalls"}, {"comment"}, source)["syscalls"]
    if not isinstance(table, dict):
        _fail(source, "syscalls: expected an object of names and numbers")
    return {name: _integer(number, _X32_BIT - 1, f"{source}: {name}") for name, number in table.items()}


def _fail(where: str, what: str) -> NoReturn:
    raise InvalidPolicy(f"{where}: {what}")


def _json(text: str, source: str) -> object:
    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) < len(pairs):  # json would silently keep the last one
            raise ValueError(f"a key is given twice among {[key for key, _ in pairs]}")
        return dict(pairs)

    try:
        document: object = json.loads(text, object_pairs_hook=members)
    except ValueError as error:
        _fail(source, f"expected JSON: {error}")
    return document


def _object(value: object, required: set[str], optional: set[str], where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        _fail(where, f"expected an object, found {value!r}")
    if missing := sorted(required - value.keys()):
        _fail(where, f"lacks {', '.join(missing)}")
    if unknown := sorted(value.keys() - required - optional):
        _fail(where, f"unknown {', '.join(unknown)}; expected {', '.join(sorted(required | optional))}")
    return value


def _list(value: object, where: str) -> Iterator[object]:
    if not isinstance(value, list):
        _fail(where, f"expected a list, found {value!r}")
    return iter(value)


def _integer(value: object, limit: int, where: str) -> int:
    if type(value) is not int or not 0 <= value <= limit:
        _fail(where, f"expected an integer from 0 to {limit}, found {value!r}")
    return value


def _choice(value: object, choices: dict[str, int] | dict[str, str], where: str) -> str:
    if not isinstance(value, str) or value not in choices:
        few = ", ".join(choices) if len(choices) < 20 else "a name in syscalls_x86_64.json"
        _fail(where, f"expected {few}; found {value!r}")
    return value


def _action(entry: dict[str, object], key: str, errno_key: str, where: str) -> tuple[str, int]:
    action = _choice(entry[key], _ACTIONS, f"{where}: {key}")
    if action == "SCMP_ACT_ERRNO":
        return action, _integer(entry.get(errno_key, _EPERM), _MAX_ERRNO, f"{where}: {errno_key}")
    if errno_key in entry:
        _fail(where, f"{errno_key}: only SCMP_ACT_ERRNO has one, and {key} is {action}")
    return action, 0


def _arg(value: object, where: str) -> Arg:
    entry = _object(value, {"index", "value", "op"}, {"valueTwo"}, where)
    op = _choice(entry["op"], _COMPARE, f"{where}: op")
    first = _integer(entry["value"], 2**64 - 1, f"{where}: value")
    second = _integer(entry.get("valueTwo", 0), 2**64 - 1, f"{where}: valueTwo")
    if op != "SCMP_CMP_MASKED_EQ" and second:
        _fail(where, f"valueTwo: only SCMP_CMP_MASKED_EQ has one, and op is {op}")
    if op == "SCMP_CMP_MASKED_EQ" and (not first or second & ~first):
        _fail(where, f"expected a mask as value and no bits outside it in valueTwo, found {first:#x} and {second:#x}")
    return Arg(_integer(entry["index"], 5, f"{where}: index"), first, second, op)
