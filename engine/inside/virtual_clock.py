"""A clock that starts at a given time and advances with the process's CPU time and its sleeps.

``time``, ``datetime`` and everything built on them use this clock. It is set up in the program's own interpreter, so it
is not a wall. The supervisor measures time outside, with the kernel's clock.
"""

import time

_NANOSECONDS = 10**9
_MONOTONIC_RANGE = 10**6


def start(at):
    """Start the clock at ``at`` seconds since the epoch."""
    import ctypes
    import datetime
    import gc

    cpu_ns, sleep_really, clock_gettime_ns = time.process_time_ns, time.sleep, time.clock_gettime_ns
    epoch_ns = round(at * _NANOSECONDS) - cpu_ns()
    # The start of a monotonic clock has no meaning; here it varies with ``at``.
    monotonic_ns = round(at % _MONOTONIC_RANGE * _NANOSECONDS) - cpu_ns()
    beginnings = {
        time.CLOCK_REALTIME: epoch_ns,
        time.CLOCK_TAI: epoch_ns,
        time.CLOCK_MONOTONIC: monotonic_ns,
        time.CLOCK_MONOTONIC_RAW: monotonic_ns,
        time.CLOCK_BOOTTIME: monotonic_ns,
    }
    slept_ns = 0

    def clock_ns(clock):
        return beginnings[clock] + cpu_ns() + slept_ns if clock in beginnings else clock_gettime_ns(clock)

    def sleep(seconds, /):
        nonlocal slept_ns
        sleep_really(seconds)
        slept_ns += round(seconds * _NANOSECONDS)

    def clock_and_ns(clock):
        return (lambda: clock_ns(clock) / _NANOSECONDS), (lambda: clock_ns(clock))

    def at_now(function):
        return lambda seconds=None, /: function(time.time() if seconds is None else seconds)

    time.time, time.time_ns = clock_and_ns(time.CLOCK_REALTIME)
    time.monotonic, time.monotonic_ns = clock_and_ns(time.CLOCK_MONOTONIC)
    time.perf_counter, time.perf_counter_ns = clock_and_ns(time.CLOCK_MONOTONIC)
    time.clock_gettime = lambda clock, /: clock_ns(clock) / _NANOSECONDS
    time.clock_gettime_ns = lambda clock, /: clock_ns(clock)
    time.sleep = sleep
    time.gmtime, time.localtime, time.ctime = map(at_now, (time.gmtime, time.localtime, time.ctime))
    asctime, strftime = time.asctime, time.strftime
    time.asctime = lambda *when: asctime(*(when or (time.localtime(),)))
    time.strftime = lambda form, *when: strftime(form, *(when or (time.localtime(),)))

    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

    def utcnow(cls):
        return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

    # date.today calls time.time; datetime.now calls the C library, and attributes of its type cannot be assigned.
    namespace = gc.get_referents(datetime.datetime.__dict__)[0]
    namespace["now"], namespace["utcnow"] = classmethod(now), classmethod(utcnow)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))
