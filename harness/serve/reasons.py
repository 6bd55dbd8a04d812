"""Why the sandbox failed, as one of a few words.

Reasons are free text, with paths in it. Labels of metrics must be few, and who shows no token learns no more than this.
"""

from __future__ import annotations

# The first whose words are in the reason counts; the engine and the kernel chose these words.
_WORDS = {
    "open files": ("too many open files", "emfile", "enfile", "open files"),
    "bpf": ("seccomp", "bpf"),
    "memory": ("cannot allocate memory", "enomem", "out of memory"),
    "processes": ("resource temporarily unavailable", "eagain", "pids", "no child processes"),
    "disk": ("no space left", "enospc", "read-only file system"),
    "control group": ("control group", "cgroup"),
    "killed": ("killed from outside",),
    "no sandbox": ("no sandbox came", "sandbox is gone", "sandbox ended before"),
    "service": ("service",),
    "worker": ("worker", "zygote", "jail"),
}
OTHER = "other"
CLASSES = (*_WORDS, OTHER)


def reason_class(detail: str) -> str:
    """The class of a reason, one of ``CLASSES``."""
    told = detail.lower()
    return next((name for name, words in _WORDS.items() if any(each in told for each in words)), OTHER)
