"""D: the network, and channels between processes."""

from __future__ import annotations

import errno
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from semi_instruct.engine import Engine, Limits, Program, Status
from tests.attacks.conftest import Arena
from tests.attacks.hostile import CONNECT, TOOLS, ask
from tests.engine_processes import await_programs
from tests.timing import allow_seconds

DOES_NOT_APPLY: dict[str, str] = {}

SLOW = Limits(cpu_time=allow_seconds(4), wall_time=allow_seconds(10))
_NO_IPV6 = ("ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT")  # as the kernel has it: on, off, or not at all


@dataclass(frozen=True)
class Services:
    """Servers on the host, and who has knocked."""

    tcp: socket.socket
    udp: socket.socket
    abstract: socket.socket
    path: socket.socket

    @property
    def port(self) -> int:
        """The port of both internet services, which listen on all addresses."""
        port: int = self.tcp.getsockname()[1]
        return port

    def assert_nobody_came(self) -> None:
        for each in (self.tcp, self.abstract, self.path):
            with pytest.raises(BlockingIOError):
                each.accept()
        with pytest.raises(BlockingIOError):
            self.udp.recv(1)


def _on_one_port(stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    """A TCP and a UDP socket on a port that was free for both."""
    while True:
        with ExitStack() as tried:
            tcp = tried.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            udp = tried.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            tcp.bind(("0.0.0.0", 0))
            try:
                udp.bind(("0.0.0.0", tcp.getsockname()[1]))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            stack.enter_context(tried.pop_all())
            return tcp, udp


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """A service of each kind that a host may have, open to everybody."""
    with ExitStack() as stack:
        tcp, udp = _on_one_port(stack)
        abstract, path = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        abstract.bind(f"\0semi-instruct-{secrets.token_hex(4)}")
        path.bind(str(tmp_path / "service"))
        for each in (tcp, abstract, path):
            each.listen()
        for each in (tcp, udp, abstract, path):
            each.setblocking(False)
        yield Services(tcp, udp, abstract, path)


def test_d01_goes_out(arena: Arena) -> None:
    stream, datagram = "socket.AF_INET, socket.SOCK_STREAM", "socket.AF_INET, socket.SOCK_DGRAM"
    setup = f"""{CONNECT}
def resolve(name):
    try:
        return socket.getaddrinfo(name, 80)
    except socket.gaierror:
        return "unknown"
"""
    answers = ask(
        arena,
        f"{{connect({stream}, (host, 443)) for host in ('1.1.1.1', '10.0.0.1', '192.168.0.1', '172.17.0.1')}}",
        f"{{connect({datagram}, (host, 53)) for host in ('8.8.8.8', '127.0.0.53', '10.255.255.255', '224.0.0.1')}}",
        "{resolve(name) for name in ('example.org', 'localhost.localdomain', 'host.docker.internal')}",
        "{attempt(socket.socket, socket.AF_INET, kind, 1) for kind in (socket.SOCK_RAW, 10)}",  # ICMP, SOCK_PACKET
        "attempt(socket.socket, socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)",
        "open('/proc/self/net/route').read().splitlines()[1:]",
        f"connect(socket.AF_INET6, socket.SOCK_STREAM, ('2606:4700::1111', 443)) in {_NO_IPV6}",
        setup=setup,
    )
    assert answers == [{"ENETUNREACH"}, {"ENETUNREACH"}, {"unknown"}, {"EPERM"}, "EPROTONOSUPPORT", [], True]


def test_d02_services_of_the_host(arena: Arena, services: Services) -> None:
    addresses = ["127.0.0.1", "0.0.0.0", "127.1.2.3", "169.254.169.254"]
    interfaces = psutil.net_if_addrs().values()
    addresses += [each.address for group in interfaces for each in group if each.family == socket.AF_INET]
    port = services.port
    for host in ("127.0.0.1", "127.1.2.3"):  # which here, outside, answers
        socket.create_connection((host, port), 1).close()
        services.tcp.accept()[0].close()
    answers = ask(
        arena,
        f"{{connect(socket.AF_INET, socket.SOCK_STREAM, (host, {port})) for host in {addresses}}}",
        f"{{connect(socket.AF_INET, socket.SOCK_DGRAM, (host, {port})) for host in {addresses}}}",
        f"connect(socket.AF_INET6, socket.SOCK_STREAM, ('::1', {port})) in {_NO_IPV6}",
        "{connect(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', port)) for port in range(1, 1024)}",
        setup=CONNECT,
    )
    assert answers == [{"ENETUNREACH"}, {"ENETUNREACH"}, True, {"ENETUNREACH"}]
    services.assert_nobody_came()


def test_d03_unix_sockets_of_the_host(arena: Arena, services: Services) -> None:
    named = [services.abstract.getsockname(), services.path.getsockname()]
    abstract = [f"\0{line.split()[7][1:]}" for line in Path("/proc/net/unix").read_text().splitlines() if " @" in line]
    answers = ask(
        arena,
        f"[connect(socket.AF_UNIX, socket.SOCK_STREAM, name) for name in {named}]",
        f"{{connect(socket.AF_UNIX, kind, name) for name in {abstract} for kind in (1, 2, 5)}}",
        "[line.split()[7:] for line in open('/proc/self/net/unix').readlines()[1:]]",
        setup=CONNECT,
    )
    assert answers == [["ECONNREFUSED", "ENOENT"], {"ECONNREFUSED"}, []]
    services.assert_nobody_came()


def test_d04_the_hypervisor(arena: Arena) -> None:
    kinds = "[call(name, socket.AF_VSOCK, kind, 0) for name in ('socket', 'socketpair') for kind in (1, 2, 5)]"
    device = "attempt(os.open, '/dev/vsock', os.O_RDONLY)"
    dirty = "call('socket', socket.AF_VSOCK | 1 << 32, 1, 0)"
    answers = ask(arena, kinds, device, dirty, setup="import socket")
    assert answers == [["EAFNOSUPPORT"] * 6, "ENOENT", "EAFNOSUPPORT"]


def test_d05_families_nobody_needs(arena: Arena) -> None:
    families = "[family for family in range(256) if family not in (1, 2, 10)]"
    answers = ask(
        arena,
        f"{{call('socket', family, kind, 0) for family in {families} for kind in (1, 2, 3, 5, 10)}}",
        "{call('socket', family, 3, protocol) for family in (2, 10) for protocol in range(1, 256)}",
    )
    assert answers[0] == {"EAFNOSUPPORT"}
    assert answers[1] <= {"EPERM", "EPROTONOSUPPORT", "EAFNOSUPPORT"}
    assert "EPERM" in answers[1]


def test_d06_a_server_of_its_own() -> None:
    """Loopback is down, and no option changes it. UNIX sockets serve inside a run; ports of two runs do not clash."""
    source = f"""{TOOLS}{CONNECT}
import threading, time
began = time.monotonic()
server = socket.create_server(("0.0.0.0", 8080))
unix = socket.create_server("\\0server", family=socket.AF_UNIX)
threading.Thread(target=lambda: unix.accept()[0].recv(20), daemon=True).start()
print(connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 8080)))
print(connect(socket.AF_UNIX, socket.SOCK_STREAM, "\\0server"), flush=True)
time.sleep(0.8)
print(began, time.monotonic())
"""
    with Engine(workers=2) as two:
        both = [two.submit(Program(source), limits=SLOW).result for _ in range(2)]
        answers = [each().stdout.splitlines() for each in both]
    assert [each[:-1] for each in answers] == [[b"ENETUNREACH", b"connected"]] * 2
    first, second = (tuple(map(float, each[-1].split())) for each in answers)
    assert max(first[0], second[0]) < min(first[1], second[1]), "the two did not run at the same time"


def test_d07_passes_descriptors_out(arena: Arena, services: Services) -> None:
    send = """
import array, socket, stat

def pass_out(number):
    with socket.socket(fileno=os.dup(number), family=socket.AF_UNIX, type=socket.SOCK_STREAM) as out:
        return attempt(socket.send_fds, out, [b"x"], [0])
"""
    answers = ask(
        arena,
        "[number for number in range(1024) if attempt(os.fstat, number) != 'EBADF']",
        "[stat.S_ISSOCK(os.fstat(number).st_mode) for number in range(3)]",
        "[attempt(pass_out, number) for number in range(3)]",
        "attempt(socket.send_fds, socket.socketpair()[0], [b'x'], [0])",
        setup=send,
    )
    assert answers == [[0, 1, 2], [False] * 3, ["ENOTSOCK"] * 3, "ENOSYS"]
    source = f"{TOOLS}{send}\ndef f(): return attempt(pass_out, 3)"
    assert arena.attack(source, entry="f").value == "ENOTSOCK"


def test_d08_identity() -> None:
    """Programs of two workers differ in uid, inside nobody can claim to be another, outside nobody is anybody."""
    source = f"""{TOOLS}
import itertools, socket, struct, time
ours, theirs = socket.socketpair()
theirs.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
def claim(*who):
    credentials = [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack("3i", *who))]
    return attempt(ours.sendmsg, [b"x"], credentials)
print(set(itertools.starmap(claim, ((1, 0, 0), (2, 0, 0), (2, 1000, 0), (1, 1000, 1000), (2, 1000, 1000)))))
print(struct.unpack("3i", ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)), flush=True)
if os.fork() == 0: time.sleep(1000)
time.sleep(1000)
"""
    with Engine(workers=2) as two:
        both = [two.submit(Program(source), limits=Limits(wall_time=600)) for _ in range(2)]
        started = await_programs(two, 2)
        programs = [each.uids() for each in started]
        for each in started:
            each.parents()[0].kill()
        outcomes = [each.result() for each in both]
    assert [each.stdout for each in outcomes] == [b"{'ENOSYS'}\n(2, 1000, 1000)\n"] * 2
    assert len({each.real for each in programs}) == 2
    assert all(each.real == each.effective == each.saved for each in programs)
    assert not any(each.real in (os.geteuid(), *range(100_000)) for each in programs)


def test_d09_memory_in_sockets(arena: Arena) -> None:
    """What lies in socket buffers, and in sockets that lie in them, is the run's memory."""
    source = f"""{TOOLS}
import socket
kept = []
try:
    while True:
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        for each in pair:
            each.setblocking(False)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
        while attempt(pair[0].send, bytes(1 << 16)) != "EAGAIN": pass
        kept.append(pair)
except OSError as error:
    print(errno.errorcode[error.errno], len(kept))
"""
    few = arena.attack(source, limits=Limits(cpu_time=allow_seconds(2), open_files=16))
    assert few.stdout == b"EMFILE 6\n"
    assert few.peak_memory_bytes > 6 * (100 << 10)
    many = arena.attack(source, limits=Limits(cpu_time=allow_seconds(2), memory=32 << 20, open_files=4096))
    assert many.status is Status.MEMORY_LIMIT


def test_d10_buses_and_container_services(arena: Arena) -> None:
    paths = ["/run/dbus/system_bus_socket", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/udev/control"]
    paths += ["/run/systemd/private", "/run/systemd/notify", "/run/podman/podman.sock", "/run/user/0/bus", "/dev/log"]
    paths += ["/run/nscd/socket", "/tmp/.X11-unix/X0", "/run/snapd.socket", "/run/systemd/journal/stdout"]
    answers = ask(
        arena,
        f"{{connect(socket.AF_UNIX, socket.SOCK_STREAM, path) for path in {paths}}}",
        f"{{connect(socket.AF_UNIX, socket.SOCK_STREAM, '/var' + path) for path in {paths}}}",
        "[name for name in os.environ if 'BUS' in name or 'DOCKER' in name or 'DISPLAY' in name or 'SOCK' in name]",
        setup=CONNECT,
    )
    assert answers == [{"ENOENT"}, {"ENOENT"}, []]
