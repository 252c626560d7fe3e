"""What a machine can do to us: names that hang, ports that are dead, a proxy."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from rig import eventually

_NAMES_C = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
asked_to(const char *what)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", getenv("SGO_TEST_NAMES"), what);
    return access(path, F_OK) == 0;
}

int
getaddrinfo(const char *node, const char *service,
            const struct addrinfo *hints, struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *,
                struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    size_t len = node ? strlen(node) : 0;

    if (len > 9 && strcmp(node + len - 9, ".sim.test") == 0) {
        FILE *log;
        char path[4096];

        snprintf(path, sizeof(path), "%s/asked", getenv("SGO_TEST_NAMES"));
        if ((log = fopen(path, "a")) != NULL) {
            fprintf(log, "%s\n", node);
            fclose(log);
        }
        while (asked_to("hang")) {
            usleep(10000);
        }
        if (asked_to("fail")) {
            return EAI_AGAIN;
        }
        node = "127.0.0.1";
    }
    return real(node, service, hints, out);
}
"""


class Names:
    """A resolver for ``*.sim.test`` that can be told to fail or to hang.

    It is preloaded into a program; all such names are 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._library = _build(folder, "names", _NAMES_C)

    def environment(self) -> dict[str, str]:
        """For the program; a sanitizer's own library stays in front."""
        preload = [*os.environ.get("LD_PRELOAD", "").split(), str(self._library)]
        return {
            **os.environ,
            "LD_PRELOAD": " ".join(preload),
            "SGO_TEST_NAMES": str(self._folder),
        }

    def hang(self, on: bool = True) -> None:
        self._set("hang", on)

    def fail(self, on: bool = True) -> None:
        self._set("fail", on)

    def _set(self, what: str, on: bool) -> None:
        path = self._folder / what
        path.touch() if on else path.unlink()

    def asked(self) -> list[str]:
        """The names looked up so far."""
        path = self._folder / "asked"
        return path.read_text().split() if path.exists() else []


_SLEEP_C = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int timers[16]; /* of CLOCK_BOOTTIME, + 1 */

static int64_t
slept_s(void)
{
    FILE *f = fopen(getenv("SGO_TEST_SLEPT"), "r");
    long s = 0;

    if (f) {
        if (fscanf(f, "%ld", &s) != 1) {
            s = 0;
        }
        fclose(f);
    }
    return s;
}

int
clock_gettime(clockid_t clock, struct timespec *out)
{
    /* A sanitizer asks for the time before dlsym() may be called. */
    int result = (int)syscall(SYS_clock_gettime, clock, out);

    if (clock == CLOCK_BOOTTIME) {
        out->tv_sec += slept_s();
    }
    return result;
}

int
timerfd_create(int clock, int flags)
{
    int (*real)(int, int) = dlsym(RTLD_NEXT, "timerfd_create");
    int fd = real(clock, flags);

    for (int i = 0; clock == CLOCK_BOOTTIME && i < 16; i++) {
        if (timers[i] == 0) {
            timers[i] = fd + 1;
            break;
        }
    }
    return fd;
}

int
timerfd_settime(int fd, int flags, const struct itimerspec *to,
                struct itimerspec *old)
{
    int (*real)(int, int, const struct itimerspec *, struct itimerspec *) =
        dlsym(RTLD_NEXT, "timerfd_settime");
    struct itimerspec at = *to;

    for (int i = 0; i < 16; i++) {
        if (timers[i] == fd + 1 && (flags & TFD_TIMER_ABSTIME) &&
            at.it_value.tv_sec > slept_s()) {
            at.it_value.tv_sec -= slept_s();
        }
    }
    return real(fd, flags, &at, old);
}
"""


class Sleep:
    """A machine that sleeps, for one program: its clock jumps, nothing else.

    `CLOCK_BOOTTIME` is ahead of `CLOCK_MONOTONIC` by what was slept, which is
    how a suspended machine looks when it wakes up.
    """

    def __init__(self, folder: Path) -> None:
        self._slept = folder / "slept"
        self._slept.write_text("0")
        self._library = _build(folder, "sleep", _SLEEP_C)

    def environment(self) -> dict[str, str]:
        """For the program; a sanitizer's own library stays in front."""
        preload = [*os.environ.get("LD_PRELOAD", "").split(), str(self._library)]
        return {
            **os.environ,
            "LD_PRELOAD": " ".join(preload),
            "SGO_TEST_SLEPT": str(self._slept),
        }

    def sleep(self, seconds: int) -> None:
        """So much later, all at once."""
        new = self._slept.with_suffix(".new")
        new.write_text(str(int(self._slept.read_text()) + seconds))
        new.rename(self._slept)


def _build(folder: Path, name: str, source: str) -> Path:
    library, code = folder / f"{name}.so", folder / f"{name}.c"
    code.write_text(source, encoding="utf-8")
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-o", library, code, "-ldl"],
        check=True,
        env={k: v for k, v in os.environ.items() if k != "LD_PRELOAD"},
    )
    return library


@contextlib.contextmanager
def dead_port() -> Iterator[int]:
    """A port that takes no connection and refuses none: SYNs go nowhere."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        while True:
            client = stack.enter_context(socket.socket())
            client.settimeout(0.1)
            try:
                client.connect(address)
            except TimeoutError:
                break
        yield address[1]


@contextlib.contextmanager
def mute_port() -> Iterator[int]:
    """A port where TCP connects and nobody says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        yield listener.getsockname()[1]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Proxy:
    """A tinyproxy of its own."""

    def __init__(
        self,
        folder: Path,
        login: str = "",
        environment: dict[str, str] | None = None,
    ) -> None:
        plain = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        self._environment = environment or plain
        self.port = free_port()
        self._log = folder / "proxy.log"
        self._config = folder / "proxy.conf"
        lines = [
            f"Port {self.port}",
            "Listen 127.0.0.1",
            "Allow 127.0.0.1",
            "Timeout 60",
            "LogLevel Connect",
            f'LogFile "{self._log}"',
        ]
        if login:
            lines.append("BasicAuth {} {}".format(*login.split(":")))
        self._config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://{login + '@' if login else ''}127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["tinyproxy", "-d", "-c", self._config],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment,
        )
        eventually(self._is_up, "the proxy")

    def _is_up(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """End it; its connections are cut."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


class Program:
    """A Python program that talks by lines; killed at the end."""

    def __init__(
        self, code: str, *flags: str, environment: dict[str, str] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", *flags, "-c", code],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def line(self) -> str:
        """Its next line."""
        assert self.process.stdout is not None
        found = self.process.stdout.readline()
        if not found:
            assert self.process.stderr is not None
            raise AssertionError(f"it ended: {self.process.stderr.read()}")
        return found.rstrip("\n")

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def finish(self, timeout: float = 30.0) -> tuple[int, str, str]:
        """Wait for its end: status, output, errors."""
        try:
            out, errors = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.send_signal(6)  # tells where it hangs
            out, errors = self.process.communicate()
            raise AssertionError(f"it hangs: {out}{errors}") from None
        return self.process.returncode, out, errors


def finish_all(programs: Sequence[Program]) -> list[tuple[int, str, str]]:
    """Wait for the end of programs that run side by side."""
    return [program.finish() for program in programs]
