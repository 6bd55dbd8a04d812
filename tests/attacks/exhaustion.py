"""Programs that exhaust something, for the tests of section A and for the counter-tests that take a wall away.

Each prints how far it came. Where no wall stops it, it comes to its end.
"""

from __future__ import annotations

THREADS = """
import threading, time
started = 0
try:
    while started < 100:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        started += 1
except RuntimeError as error:
    print(error)
print(started)
"""

ORPHANS = """
import os
born = 0
for _ in range(300):
    if os.fork() == 0:
        try: os.fork()
        except OSError: os._exit(1)
        os._exit(0)
    born += os.wait()[1] == 0
print(born, "of 300 orphans")
"""

MEMORY_IN_CHILDREN = """
import os, select, time
ready, tell = os.pipe()
for _ in range(6):
    if os.fork() == 0:
        kept = bytearray(b"x") * (15 << 20)
        os.write(tell, b".")
        time.sleep(60)
told = b""
while len(told) < 6 and select.select([ready], [], [], 0.7)[0]:
    told += os.read(ready, 1)
died = sum(os.waitpid(-1, os.WNOHANG)[0] > 0 for _ in range(6))
print(6 - died, "of 6 children hold 15 MiB")
"""

MEMORY_OF_A_CHILD = """
import os
if os.fork() == 0:
    kept = bytearray(b"x") * (100 << 20)
    os._exit(0)
print("the child ended with", os.waitstatus_to_exitcode(os.wait()[1]))
"""

FILE = """
import os
file = os.open("/tmp/big", os.O_CREAT | os.O_WRONLY)
written = 0
try:
    while written < 100:
        written += os.write(file, b"x" * (1 << 20)) >> 20
except OSError as error:
    print(error.strerror)
print(written, "MiB")
"""

INODES = """
import os
made = 0
try:
    while made < 5000:
        os.mkdir(f"/tmp/{made}")
        made += 1
except OSError as error:
    print(error.strerror)
print(made)
"""

DESCRIPTORS = """
import errno, os, select, socket
def exhaust(make):
    kept = []
    try:
        while len(kept) < 500:
            kept.append(make())
    except OSError as error:
        print(errno.errorcode[error.errno])
    for each in kept:
        for part in each if isinstance(each, tuple) else [each]:
            part.close() if hasattr(part, "close") else os.close(part)
for make in (lambda: os.open("/dev/null", os.O_RDONLY), os.pipe, socket.socketpair, select.epoll):
    exhaust(make)
"""

CPU_IN_MANY_CHILDREN = """
import os, time
for _ in range(10):
    if os.fork() == 0:
        while time.process_time() < 0.1: pass
        os._exit(0)
    os.wait()
print("1 s spun, 0.1 s a process")
"""

STDOUT = """
import os
for _ in range(100): os.write(1, b"x" * (1 << 20))
"""

DAEMON = """
import os, time
born, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(tell, b"x")
        time.sleep(60)
    os._exit(0)
os.wait()
os.read(born, 1)
print("daemon left behind")
"""

CORE_OF_A_FRESH_PROCESS = """
import os, subprocess, sys
crashed = subprocess.Popen([sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"])
status = os.waitpid(crashed.pid, 0)[1]
print(os.WTERMSIG(status), os.WCOREDUMP(status))
"""

MESSAGE_QUEUE = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
made = libc.mq_open(b"/queue", os.O_CREAT | os.O_RDWR, 0o600, None)
print("made" if made >= 0 else errno.errorcode[ctypes.get_errno()])
"""

IN_FLIGHT = """
import errno, os, socket
kept = os.memfd_create("kept")
os.write(kept, bytes(64 << 20))
ours, theirs = socket.socketpair()
try: socket.send_fds(ours, [b"x"], [kept, ours.fileno(), theirs.fileno()])
except OSError as error: print(errno.errorcode[error.errno], flush=True)
else: print("sent", flush=True)
os._exit(0)
"""
