"""Programs of the standard library's everyday kind run as they do outside: no filter by argument is in their way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from semi_instruct.engine import Engine, Limits, Program, Status
from semi_instruct.engine.limits import MIB
from tests.timing import allow_seconds

_LIMITS = Limits(cpu_time=allow_seconds(20), wall_time=allow_seconds(60), memory=512 * MIB)
_PROGRAMS = {
    "socket pair": """
import socket
ours, theirs = socket.socketpair()
ours.sendall(b"x" * 1000); print(len(theirs.recv(2000)), ours.family, ours.type, ours.proto)
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
    for each in socket.socketpair(socket.AF_UNIX, kind): each.close()
again = socket.socket(fileno=theirs.detach())
print(again.type == socket.SOCK_STREAM, again.family == socket.AF_UNIX, again.proto == 0)
""",
    "socket options": """
import socket
for family in (socket.AF_INET, socket.AF_INET6):
    for kind, protocol in ((socket.SOCK_STREAM, 0), (socket.SOCK_STREAM, 6), (socket.SOCK_DGRAM, 17)):
        with socket.socket(family, kind, protocol) as own:
            own.settimeout(1); own.setblocking(False)
            for option in ("SO_REUSEADDR", "SO_REUSEPORT", "SO_KEEPALIVE"):
                own.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
                assert own.getsockopt(socket.SOL_SOCKET, getattr(socket, option))
            own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes(8))
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bytes(16))
            assert own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            assert own.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == kind
            if kind == socket.SOCK_STREAM:
                own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                own.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
                own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 200)
            else:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            own.bind(("", 0))
try: own = socket.create_connection(("127.0.0.1", 9), 1)
except OSError as error: print(error.strerror)
print(socket.has_dualstack_ipv6())
""",
    "servers": """
import http.server, socketserver, socket, xmlrpc.server, threading, logging.config, os
for server in (socketserver.TCPServer, socketserver.ThreadingTCPServer, socketserver.UDPServer, http.server.HTTPServer):
    server(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler).server_close()
xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0)).server_close()
socket.create_server(("", 0), reuse_port=True).close()
socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True).close()
class Echo(socketserver.StreamRequestHandler):
    def handle(self): self.wfile.write(self.rfile.readline().upper())
with socketserver.ThreadingUnixStreamServer("/tmp/server", Echo) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("/tmp/server"); client.sendall(b"hello\\n"); print(client.makefile().readline())
    server.shutdown()
""",
    "asyncio": """
import asyncio, signal, socket, sys
async def main():
    async def serve(reader, writer):
        writer.write((await reader.readline()).upper()); await writer.drain(); writer.close()
    server = await asyncio.start_unix_server(serve, "/tmp/server")
    reader, writer = await asyncio.open_unix_connection("/tmp/server")
    writer.write(b"hello\\n"); print(await reader.read()); writer.close()
    server.close()
    other = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0, reuse_port=True)
    other.close()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, ("127.0.0.1", 0), allow_broadcast=True)
    transport.close()
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(6 * 7)", stdout=asyncio.subprocess.PIPE)
    print((await child.communicate())[0])
    print(await asyncio.to_thread(sum, [1, 2]))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print, "signal")
    signal.raise_signal(signal.SIGUSR1); await asyncio.sleep(0.05)
asyncio.run(main())
""",
    "multiprocessing": """
import multiprocessing as mp, multiprocessing.shared_memory as shm
def square(n): return n * n
def work(queue, value, lock):
    for _ in range(100):
        with lock: value.value += 1
    queue.put("done")
if __name__ == "__main__":
    for method in ("fork", "spawn"):
        context = mp.get_context(method)
        with context.Pool(2) as pool: print(pool.map(square, range(4)))
    context = mp.get_context("fork")
    queue, value, lock = context.Queue(), context.Value("i", 0), context.Lock()
    children = [context.Process(target=work, args=(queue, value, lock)) for _ in range(2)]
    for each in children: each.start()
    print(queue.get(), queue.get(), [each.join() for each in children], value.value)
    ours, theirs = context.Pipe(); ours.send({1: 2}); print(theirs.recv())
    with context.Manager() as manager:
        shared = manager.dict(a=1); shared["b"] = 2; print(dict(shared))
    event, barrier, condition = context.Event(), context.Barrier(1), context.Condition()
    event.set(); barrier.wait(); print(event.wait(1))
    memory = shm.SharedMemory(create=True, size=4096); memory.buf[0] = 7; memory.close(); memory.unlink()
""",
    "processes and threads": """
import concurrent.futures, os, queue, signal, subprocess, sys, threading
print(subprocess.run([sys.executable, "-c", "print(input())"], input="x", capture_output=True, text=True).stdout)
print(subprocess.check_output([sys.executable, "-c", "import sys; sys.exit(0)"], close_fds=False))
with concurrent.futures.ThreadPoolExecutor(4) as pool: print(list(pool.map(abs, (-1, -2))))
with concurrent.futures.ProcessPoolExecutor(2) as pool: print(list(pool.map(abs, (-1, -2))))
read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
signal.set_wakeup_fd(write); signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause(); print(os.read(read, 1) == bytes([signal.SIGALRM]))
os.set_inheritable(read, True); os.set_inheritable(read, False); os.set_blocking(read, True)
print(os.nice(0), os.sched_getaffinity(0) == os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0))
""",
    "files": """
import fcntl, io, os, pathlib, shutil, tempfile, zipfile, tarfile
with tempfile.TemporaryDirectory() as folder:
    one, two = pathlib.Path(folder, "one"), pathlib.Path(folder, "two")
    one.write_bytes(b"x" * 100_000)
    for copy in (shutil.copyfile, shutil.copy, shutil.copy2): copy(one, two)
    shutil.copy2(os.__file__, two); shutil.copystat(os.__file__, two); shutil.copytree(folder, "/tmp/2")
    print(os.listxattr(one), one.read_bytes() == b"x" * 100_000)
    with open(one, "r+b") as file:
        file.write(b"y"); file.flush(); os.fsync(file.fileno()); os.fdatasync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL); os.posix_fallocate(file.fileno(), 0, 200_000)
        fcntl.flock(file, fcntl.LOCK_EX); fcntl.lockf(file, fcntl.LOCK_EX); fcntl.lockf(file, fcntl.LOCK_UN)
        print(os.preadv(file.fileno(), [bytearray(1)], 0), os.pwritev(file.fileno(), [b"z"], 0), file.isatty())
    print(os.sendfile(os.open(two, os.O_WRONLY), os.open(one, os.O_RDONLY), 0, 10))
    print(os.copy_file_range(os.open(one, os.O_RDONLY), os.open(two, os.O_WRONLY), 10))
    with zipfile.ZipFile(pathlib.Path(folder, "z"), "w") as archive: archive.write(one)
    with tarfile.open(pathlib.Path(folder, "t"), "w:gz") as archive: archive.add(one)
    os.sync()
with tempfile.NamedTemporaryFile() as named, tempfile.SpooledTemporaryFile() as spooled: named.write(b"x")
with open(os.memfd_create("x"), "w+b") as memory: memory.write(b"x")
""",
    "databases": """
import dbm.dumb, shelve, sqlite3
for mode in ("delete", "truncate", "persist", "wal"):
    with sqlite3.connect(f"/tmp/{mode}.db") as database:
        print(database.execute(f"pragma journal_mode={mode}").fetchone())
        database.execute("create table t (a integer primary key, b text)")
        database.executemany("insert into t (b) values (?)", ((str(n),) for n in range(1000)))
    other = sqlite3.connect(f"/tmp/{mode}.db")
    with other: other.execute("update t set b = 'x' where a % 2"); other.execute("delete from t where a = 1")
    print(other.execute("select count(*), min(b), max(a) from t").fetchone())
    other.execute("vacuum")
    for n in range(100):
        with other: other.execute("insert into t (b) values ('one more')")
with shelve.open("/tmp/shelf") as shelf: shelf["a"] = 1
""",
    "mappings": """
import ctypes, mmap, os
with open("/tmp/mapped", "w+b") as file:
    file.truncate(1 << 16)
    with mmap.mmap(file.fileno(), 1 << 16) as mapped:
        mapped[0] = 1; mapped.flush(); mapped.madvise(mmap.MADV_WILLNEED); mapped.resize(1 << 17)
        for advice in ("NORMAL", "RANDOM", "SEQUENTIAL", "DONTFORK", "DOFORK", "DONTNEED"):
            mapped.madvise(getattr(mmap, "MADV_" + advice))
anonymous = mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for advice in (mmap.MADV_HUGEPAGE, mmap.MADV_NOHUGEPAGE, mmap.MADV_FREE): anonymous.madvise(advice)
print(len(anonymous), len(mmap.mmap(os.open(os.__file__, os.O_RDONLY), 0, prot=mmap.PROT_READ)) > 0)
""",
    "terminals": """
import fcntl, getpass, io, os, shutil, sys, termios, tty
print([os.isatty(n) for n in range(3)], sys.stdin.isatty(), shutil.get_terminal_size())
for action in (termios.tcgetattr, tty.setraw, os.get_terminal_size, os.tcgetpgrp):
    try: action(1)
    except (OSError, termios.error) as error: print(error.args[0] in (22, 25))
import warnings; warnings.simplefilter("ignore")
sys.stdin = io.StringIO("secret\\n"); print(getpass.getpass(stream=sys.stdout))
read, write = os.pipe(); os.write(write, b"abc")
print(int.from_bytes(fcntl.ioctl(read, termios.FIONREAD, bytes(4)), sys.byteorder))
""",
    "waiting": """
import select, selectors, socket, os, time
ours, theirs = socket.socketpair()
for kind in (selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector):
    with kind() as selector:
        selector.register(ours, selectors.EVENT_READ | selectors.EVENT_WRITE); print(selector.select(1)[0][1])
counter = os.eventfd(1); print(os.eventfd_read(counter), select.select([], [theirs], [], 1)[1] == [theirs])
child = os.fork()
if not child: os._exit(0)
print(select.select([os.pidfd_open(child)], [], [], 5)[0] != [], os.waitpid(child, 0)[1])
""",
    "imports": """
import ctypes.util, curses, dbm, ensurepip, locale, platform, pty, readline, resource, ssl
import sqlite3, syslog, uuid, zoneinfo
ssl.create_default_context(); ssl.MemoryBIO(); print(uuid.uuid1().version, platform.system(), resource.getpagesize())
import hashlib, secrets; print(hashlib.scrypt(b"x", salt=b"y", n=2, r=1, p=1)[:2], len(secrets.token_bytes(8)))
""",
    "numpy": """
import numpy as np, numpy.linalg
big = np.ones((500, 500)); print((big @ big).sum(), np.linalg.inv(np.eye(3)).trace())
np.save("/tmp/x.npy", big); print(np.load("/tmp/x.npy", mmap_mode="r").sum())
""",
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=1) as made:
        yield made


@pytest.mark.parametrize("name", _PROGRAMS)
def test_an_honest_program_runs(engine: Engine, name: str) -> None:
    outcome = engine.run(Program(_PROGRAMS[name]), limits=_LIMITS)
    assert (outcome.status, outcome.stderr) == (Status.OK, b""), outcome
