"""The warm interpreter of one worker, from which every run is forked.

Theory of operation
===================

Four kinds of process live in a worker's jail. Each trusts only those above it.

    nsjail      on the host. Built the outer wall, waits for the zygote, and does nothing else.
    zygote      this file, pid 1 of the jail. Root of the jail's user namespace, with every capability there and none
                outside. Single-threaded, standard library only. It never reads a byte that belongs to a program: it
                makes one run's init and child after the other, waits for the child to end, ends init, and tells the
                supervisor how the child ended.
    init        pid 1 of one run's pid namespace. It runs no code: it shares the zygote's memory and waits in one system
                call for ever. The kernel reaps for it whatever is orphaned in the run, and kills all that
                is left in the run when it is killed.
    child       pid 2 of one run (``sandbox.py``). Makes the run's mount and ipc namespaces, mounts its tmpfs and /proc,
                gives up its uid, every capability and every descriptor, loads the seccomp filter, and only then is
                handed the program.

One socket joins a worker to its supervisor: SOCK_SEQPACKET, so a message is whole or absent. In the order of a run:

    child  -> supervisor   READY     with three descriptors: a pidfd of init, to kill the run by; the listener of the
                                     seccomp filter, on which forbidden system calls are reported; and the reading end
                                     of a pipe on which the child says how far it got: that it has its job, and
                                     that the source does not compile
    supervisor -> child    JOB       rlimits and the manner of the run, with the descriptors of program, stdin, stdout,
                                     stderr and value
    zygote -> supervisor   REPORT    wait status and usage of the program's first process, and what the kernel said
                                     of init then; by now everything in the run is dead and reaped

The child closes the socket before it reads the program, so nothing untrusted can ever write on it. The namespaces and
the child of a run are made before its job arrives: what a caller waits for is only the program itself.

The zygote's heap is the same at every fork (it allocates the same few objects in every round), and the jail has no
address randomisation: that is why ``id(object())`` repeats in every run of every worker.

When the supervisor dies the socket hangs up; the zygote sees that, exits, and the kernel kills all that is in its pid
namespace.
"""

import contextlib
import os
import select
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(__file__))  # -P keeps it out, and programs are not to find it

import fixed_random
import python_program
import sandbox
import warmth
import wire

CONTROL_FD = 3


def main():
    """Be the zygote: introduce yourself, receive the filters, then make one run after the other, for ever."""
    control = socket.socket(fileno=CONTROL_FD)
    # The shell that started nsjail left these ignored; programs are to find them as they always are.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    control.send(wire.HELLO)
    walls = sandbox.Walls(control.recv(1 << 16))
    os.unshare(os.CLONE_NEWCGROUP)
    sandbox.seal_mounts()
    walls.narrow_zygote()
    warmth.preload()
    python_program.prepare_interpreter()
    fixed_random.fix()
    warmth.rehearse(wire.JOB)
    _leave_small_pids()
    own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    cores = os.sched_getaffinity(0)
    control.send(wire.BORN)
    warmth.immortalise()
    while True:
        # A sandbox is made on one core: moving to an idle one at each fork would cost more than it gains.
        os.sched_setaffinity(0, (warmth.current_core(),))
        init = walls.start_init()
        init_handle = os.pidfd_open(init)
        os.setns(init_handle, os.CLONE_NEWPID)
        child = sandbox.fork()
        if child == 0:
            sandbox.be_child(control, walls, cores, init_handle)
        os.setns(own_namespace, os.CLONE_NEWPID)
        os.sched_setaffinity(0, cores)
        await_end(child)
        walls.end(child, init, CONTROL_FD)
        os.close(init_handle)


def _leave_small_pids():
    """Begin where pids are no longer among the integers Python keeps ready, so that every round allocates alike.

    The file is there on kernels with checkpoint and restore, which distributions' are.
    """
    # Where the file is not there, ids are small and runs as alike as they can be.
    with contextlib.suppress(FileNotFoundError), open("/proc/sys/kernel/ns_last_pid", "w") as last:
        last.write("1000")


def await_end(child):
    """Wait until a run's first process has ended. Leave, and take the jail along, when the supervisor is gone."""
    ended = os.pidfd_open(child)
    poller = select.poll()
    poller.register(ended, select.POLLIN)
    poller.register(CONTROL_FD, 0)
    for descriptor, _ in poller.poll():
        if descriptor == CONTROL_FD:
            os._exit(0)
    os.close(ended)


if __name__ == "__main__":
    main()
