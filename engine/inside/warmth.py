"""Optimisations of the zygote. Without them, runs would only take longer.

A fork shares the zygote's memory until one of the two writes to it. Each page that is written is copied, which is the
main cost of a fork. So the zygote prepares what programs are likely to need and avoids unnecessary writes.
"""

import ctypes
import gc
import os
import socket

import python_program

# The modules that programs import most often. Each adds 0.1 to 0.4 MiB of heap and so makes a fork slower.
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
    """Import the modules that programs import most often."""
    for name in PRELOADED:
        __import__(name)


def rehearse(job):
    """Execute the code of a child a few times, so that the interpreter specialises it here instead of in each run.

    (PEP 659: code is specialised when it is first used, and each such write copies a page after a fork.)

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
    """Make all existing objects immortal (PEP 683), so that a fork does not copy objects that it only reads.

    Counting references writes to objects. Objects created later are not affected. Containers that the collector does
    not track, such as tuples of strings, are reached through their referrers.
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
    """The number of the core on which this process runs (sched_getcpu(3))."""
    return _libc.sched_getcpu()
