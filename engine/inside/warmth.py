"""What makes a run of the zygote's cheap: everything here could be left out, and runs would only take longer.

A fork shares the zygote's memory until one of the two writes to it; each page written to is copied, and that is what a
fork costs. So what programs are likely to need is there before, and what nobody has to write is not written.
"""

import ctypes
import gc
import os
import socket

import python_program

# What programs import most often. A module more is 0.1 to 0.4 MiB more heap, and so a slower fork.
PRELOADED = (
    "bisect",
    "collections",
    "copy",
    "functools",
    "heapq",
    "itertools",
    "math",
    "operator",
    "random",
    "re",
    "string",
    "typing",
)
_IMMORTAL = 0xFFFFFFFF

_libc = ctypes.PyDLL(None)


def preload():
    """Import what programs import most often."""
    for name in PRELOADED:
        __import__(name)


def rehearse(job):
    """Do a few times what every child will do: the interpreter then rewrites its code here, once, and not in each run.

    (PEP 659: code specialises itself when it is first used, and each such write copies a page after a fork.)

    Args:
        job: the ``struct.Struct`` of a job.
    """
    ours, theirs = socket.socketpair()
    for _ in range(20):
        compile("def f(x):\n    return [x]\nprint(int(input()) * 2)", "rehearsal", "exec")
        socket.send_fds(ours, [b"x"], [0])
        _, descriptors, _, _ = socket.recv_fds(theirs, job.size, 5)
        job.unpack(bytes(job.size))
        sorted((descriptors[0], 0))
        os.close(descriptors[0])
        python_program.flush_all()
    ours.close()
    theirs.close()


def immortalise():
    """Fix the reference count of everything that exists (PEP 683), so that a fork does not copy what it only looks at.

    Counting references writes to objects. Nothing made later is affected. Containers that the collector does not track,
    such as tuples of strings, are reached through what holds them.
    """
    gc.collect()
    pending = gc.get_objects()
    while pending:
        each = pending.pop()
        count = ctypes.c_uint32.from_address(id(each))
        if count.value != _IMMORTAL:
            count.value = _IMMORTAL
            pending += gc.get_referents(each)
    gc.freeze()


def current_core():
    """The number of the core this process runs on (sched_getcpu(3))."""
    return _libc.sched_getcpu()
