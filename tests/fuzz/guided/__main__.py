"""One target for some seconds: bytes that reach new code are kept and changed further.

    python -m tests.fuzz.guided TARGET [SECONDS]      (values, policy or problems)

``make fuzz`` runs all of them in an environment of its own. An input that breaks a promise is written to a file
``crash-...`` in the working directory, and the exit status is not 0.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["engine", "harness"]):
    from semi_instruct.engine import policy
    from semi_instruct.engine.errors import InvalidPolicy
    from semi_instruct.engine.inside import values
    from semi_instruct.harness.errors import BadFile, BadRow
    from semi_instruct.harness.problems.reader import ProblemFile
    from semi_instruct.harness.problems.schema import Problem

_MAX_INPUT_BYTES = 4096
_OPS = [f"SCMP_CMP_{name}" for name in ("EQ", "MASKED_EQ")]
_ACTIONS = [f"SCMP_ACT_{name}" for name in ("ALLOW", "ERRNO", "KILL_PROCESS", "NOTIFY")]
_CALLS = [*policy.syscall_numbers(), "no_such_call"]
_SLOWEST_INPUT_SECONDS = 5
_SEEDS = {
    "values": [
        values.dumps([None, True, 1, -(2**2000), 0.5, float("nan"), 1j, "\ud800", b"\0", bytearray(b"1")]),
        values.dumps({"a": (1, {2, 3}), 4: frozenset({(5,)}), "$": [[[]]]}),
        b'{"$opaque":"a.B"}',
    ],
    "policy": [(policy.folder() / f"{name}.json").read_bytes()[:_MAX_INPUT_BYTES] for name in ("program", "worker")]
    + [
        b'{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64"],"syscalls":'
        b'[{"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"valueTwo":0,'
        b'"op":"SCMP_CMP_MASKED_EQ"}]},{"names":["read","write"],"action":"SCMP_ACT_ALLOW"}]}'
    ],
    "problems": [
        (Path(__file__).parents[3] / "examples" / "corpus.jsonl").read_bytes()[:_MAX_INPUT_BYTES],
        b'{"id":"a","kind":"function","entry":"f","oracles":["def f(x): return x"],"candidates":[{"id":"b","source":"",'
        b'"expect":["accepted"]}],"examples":[{"input":[{"$tuple":[1]}],"output":null}],"time_limit_s":1}\n\n{}\n',
    ],
}


def values_target(data: bytes) -> None:
    """Anything decodes or is refused; what decodes crosses again, and is the same the second time."""
    try:
        value = values.loads(data)
    except values.ValueRefused:
        return
    once = values.dumps(value)
    assert values.dumps(values.loads(once)) == once


def policy_target(data: bytes) -> None:
    """Any text is a policy that compiles, or is refused. Bytes that do not begin like JSON stand for a policy."""
    text = data.decode(errors="replace") if data.startswith(b"{") else _policy_of(data)
    try:
        policy.to_bpf(policy.parse(text, "fuzz"))
    except InvalidPolicy:
        return


def _policy_of(data: bytes) -> str:
    """Almost a policy: the right shape, with words and numbers that may not fit each other."""
    choose = atheris.FuzzedDataProvider(data)

    def number() -> object:
        return choose.PickValueInList([0, 1, 2**32, 2**64 - 1, 2**70, choose.ConsumeUInt(8), choose.ConsumeInt(8)])

    def args() -> list[object]:
        return [
            {"index": choose.ConsumeIntInRange(0, 5), "value": number(), "op": choose.PickValueInList(_OPS)}
            | ({"valueTwo": number()} if choose.ConsumeBool() else {})
            for _ in range(choose.ConsumeIntInRange(0, 3))
        ]

    def rule() -> dict[str, object]:
        names = [choose.PickValueInList(_CALLS) for _ in range(choose.ConsumeIntInRange(1, 4))]
        made = {"names": names, "action": choose.PickValueInList(_ACTIONS), "args": args()}
        return made | ({"errnoRet": number()} if choose.ConsumeIntInRange(0, 9) == 0 else {})

    return json.dumps(
        {
            "defaultAction": choose.PickValueInList(_ACTIONS),
            "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [rule() for _ in range(choose.ConsumeIntInRange(0, 12))],
        }
    )


def problems_target(data: bytes) -> None:
    """Any file is read to its end, row by row, or is refused."""
    _FILE.write_bytes(data)
    try:
        with ProblemFile(_FILE) as file:
            for row in file.rows():
                assert isinstance(row, Problem | BadRow)
                str(row)
    except BadFile:
        return


_TARGETS = {"values": values_target, "policy": policy_target, "problems": problems_target}
_FILE = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)) / "problems.jsonl"


def main() -> None:
    """Hand over to libFuzzer, which ends the process."""
    name, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "60"
    with tempfile.TemporaryDirectory() as folder:
        corpus, dictionary = Path(folder, "corpus"), Path(folder, "dictionary")
        corpus.mkdir()
        for number, seed in enumerate(_SEEDS[name]):
            (corpus / f"seed-{number}").write_bytes(seed)
        # Every quoted word of the seeds, with its quotes, in libFuzzer's notation.
        words = {word for seed in _SEEDS[name] for word in re.findall(rb'"([\w$ .-]{1,40})"', seed)}
        dictionary.write_bytes(b"".join(b'"\\"%b\\""\n' % word for word in sorted(words)))
        options = {
            "max_total_time": seconds,
            "max_len": _MAX_INPUT_BYTES,
            "timeout": _SLOWEST_INPUT_SECONDS,
            "dict": dictionary,
            "print_final_stats": 1,
        }
        arguments = [f"-{key}={value}" for key, value in options.items()]
        atheris.Setup([sys.argv[0], *arguments, str(corpus)], _TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
