"""The warm interpreter of one worker, from which every run is forked.

Theory of operation
===================

A worker's jail has four kinds of processes. Each trusts only those above it.

    nsjail      on the host. Builds the outer wall, waits for the zygote, and does nothing else.
    zygote      this file, pid 1 of the jail. Root of the jail's user namespace, with every capability there and none
                outside. Single-threaded, standard library only. It never reads a byte that belongs to a program: it
                makes the init and child of one run after the other, waits for the child to end, ends init, and
                reports to the supervisor how the child ended.
    init        pid 1 of one run's pid namespace. It runs no code: it shares the zygote's memory and waits in one system
                call for ever. The kernel reaps for it whatever is orphaned in the run, and kills all that
                is left in the run when it is killed.
    child       pid 2 of one run (``sandbox.py``). Makes the run's mount and ipc namespaces, mounts its tmpfs and /proc,
                gives up its uid, every capability and every descriptor, loads the seccomp filter, and only then
                receives the program.

One socket connects a worker to its supervisor. It is a SOCK_SEQPACKET, so a message is complete or absent. In the order
of a run:

    child  -> supervisor   READY     with three descriptors: a pidfd of init, to kill the run by; the listener of the
                                     seccomp filter, on which forbidden system calls are reported; and the reading end
                                     of a pipe on which the child says how far it got: that it has its job, and
                                     that the source does not compile
    supervisor -> child    JOB       rlimits and the manner of the run, with the descriptors of program, stdin, stdout,
                                     stderr and value
    zygote -> supervisor   REPORT    wait status and usage of the program's first process, and what the kernel said
                                     of init then; by now everything in the run is dead and reaped

The child closes the socket before it reads the program, so nothing untrusted can write to it. The namespaces and the
child of a run are created before its job arrives, so a caller waits only for the program itself.

The zygote's heap is the same at every fork (it allocates the same few objects in every round), and the jail has no
address randomisation. Therefore ``id(object())`` is the same in every run of every worker.

When the supervisor dies, the socket hangs up, the zygote exits, and the kernel kills everything in its pid namespace.
"""

import contextlib
import os
import select
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(__file__))  # -P excludes it, and programs must not find it

import fixed_random
import python_program
import sandbox
import warmth
import wire

CONTROL_FD = 3


def main():
    """The zygote: register with the supervisor, receive the filters, then make one run after the other, for ever."""
    control = socket.socket(fileno=CONTROL_FD)
    # The shell that started nsjail left these signals ignored; programs need the defaults.
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
        # Create a sandbox on one core: moving to an idle core at each fork would cost more than it gains.
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
    """Start with pids beyond Python's cached small integers, so that every round allocates the same objects.

    The file exists on kernels with checkpoint and restore, as those of distributions are.
    """
    # Without the file, pids start small, and runs are as similar as possible.
    with contextlib.suppress(FileNotFoundError), open("/proc/sys/kernel/ns_last_pid", "w") as last:
        last.write("1000")


def await_end(child):
    """Wait until a run's first process has ended. Exit, which ends the jail, when the supervisor is gone."""
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
