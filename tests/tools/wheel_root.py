"""Install a finished wheel into a bare Debian root and stream with it there.

The root has python3 and python3-venv and nothing of ours: no compiler, no
libcurl, no libwebsockets; the CA certificates are taken away.  Needs root and
debootstrap.

    python3 tests/tools/wheel_root.py dist/*.whl [--suite bookworm] [--dir D]
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import test_roots

from sgostream.sim import Simulator

SUITE = "bookworm"
INCLUDE = "python3,python3-venv"

PROGRAM = """
import json, os, ssl, sys, sysconfig
import sgostream
from sgostream import _core

told = json.loads(sys.argv[1])
event_id, key, url = told["event_id"], told["key"], told["url"]
print("  " + _core.version_text)

# 1. No CA certificates anywhere: the error says what to do.
assert _core.default_ca_file() is None, _core.default_ca_file()
assert not told["certifi"] or __import__("certifi")
client = sgostream.Client(api_key=key, base_url=url, proxy="")
try:
    client.fetch(event_id, timeout=20)
except sgostream.ConfigurationError as error:
    assert not told["certifi"], error
    assert "certifi" in str(error) and "ca-certificates" in str(error), error
    print("  without CA certificates: " + str(error))
except sgostream.TransportError as error:
    # 2. certifi's roots: real ones, so not our private authority's.
    assert told["certifi"], error
    print("  with certifi's: " + str(error))
else:
    raise AssertionError("trusted a private authority")
client.close()

# 3. The right root: https and wss, fetch and stream.
if told["certifi"]:
    with sgostream.stream(
        "events:live", api_key=key, base_url=url, proxy="", ca_file=told["ca_file"]
    ) as live:
        with live.subscribe() as updates:
            print("  " + repr(updates.get(timeout=20)))
            live.wait_live(timeout=20)
            print("  live")
            print("  " + repr(updates.get(timeout=20)))
"""


def in_root(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the root, with an environment of its own."""
    inner = ["chroot", str(folder), "env", "-i", "PATH=/usr/bin:/bin", "LANG=C.UTF-8"]
    return subprocess.run(
        [*inner, *command], text=True, stdin=subprocess.DEVNULL, check=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--suite", default=SUITE)
    parser.add_argument("--dir", type=Path, help="keep the root in this folder")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("debootstrap and chroot need root")
    place = args.dir or Path(tempfile.mkdtemp(prefix="sgostream-root-"))
    folder = place.resolve() / f"bare-{args.suite}"
    try:
        test_roots.bootstrap(args.suite, folder, include=INCLUDE)
        check(folder, args.wheel)
    finally:
        if args.dir is None:
            shutil.rmtree(place, ignore_errors=True)
    print(f"--- {args.wheel.name} works in a bare {args.suite}")


def check(folder: Path, wheel: Path) -> None:
    if (folder / "usr/bin/gcc").exists():
        sys.exit(f"{folder} is not bare: it has a compiler")
    # python3-venv brings them; an image that was made for one program has none.
    (folder / "etc/ssl/certs/ca-certificates.crt").unlink(missing_ok=True)
    home = folder / "root" / "try"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    shutil.copy(wheel, home)
    subprocess.run(
        [sys.executable, "-m", "pip", "-q", "download", "--no-deps", "certifi"],
        cwd=home,
        check=True,
    )
    (home / "program.py").write_text(PROGRAM)
    in_root(folder, "python3", "-m", "venv", "/root/try/venv")
    install = ["/root/try/venv/bin/pip", "-q", "install", "--no-index"]
    in_root(folder, *install, f"/root/try/{wheel.name}")
    with Simulator(seed=1) as sim:
        event_id = sim.add_event(league="NBA", live=True)
        sim.add_slate(4, size=30_000, live=1.0, intensity=0.9)
        shutil.copy(sim.ca_file, home / "ca.pem")
        for certifi in (False, True):
            if certifi:
                (archive,) = home.glob("certifi-*.whl")
                in_root(folder, *install, f"/root/try/{archive.name}")
                sim.play(rate=20)
            told = {
                "event_id": event_id,
                "key": sim.api_key,
                "url": sim.https_base_url.replace("127.0.0.1", "localhost"),
                "ca_file": "/root/try/ca.pem",
                "certifi": certifi,
            }
            python = "/root/try/venv/bin/python"
            in_root(folder, python, "/root/try/program.py", json.dumps(told))
        schemes = {c.scheme for c in sim.requests()}
        if schemes != {"https"}:
            sys.exit(f"not all of it went over TLS: {schemes}")
    print(f"  size: {wheel.stat().st_size / 1e6:.2f} MB, of {shlex.quote(wheel.name)}")


if __name__ == "__main__":
    main()
