"""Run make targets in a fresh Debian root: nothing but git, make and python3.

Needs root and debootstrap.  The clone is of HEAD.  The root gets this
machine's apt and pip settings and certificates, so that it reaches the same
mirrors; the project itself is left as cloned.

    python3 tests/tools/test_roots.py                 # newer Debian, make test
    python3 tests/tools/test_roots.py bookworm --make demo test
    python3 tests/tools/test_roots.py bookworm --run 'python3 program'
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUITES = ("trixie", "sid")
INCLUDE = "git,make,python3"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def run(*command: object) -> None:
    words = [str(word) for word in command]
    print(f"+ {shlex.join(words)}", flush=True)
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def mirror() -> str:
    """Return DEBIAN_MIRROR, else the first archive that this machine's apt uses."""
    told = os.environ.get("DEBIAN_MIRROR")
    if told:
        return told
    uris = output("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)")
    for line in uris.splitlines():
        uri, _, origin = line.partition(" ")
        if origin == "Debian" and "security" not in uri:
            return uri
    sys.exit("no Debian archive among apt's sources: set DEBIAN_MIRROR")


def bootstrap(suite: str, folder: Path, include: str = INCLUDE) -> None:
    """Make the root, unless a kept one is there."""
    if (folder / "etc" / "debian_version").exists():
        return
    run(
        "debootstrap",
        "--variant=minbase",
        f"--include={include}",
        suite,
        folder,
        mirror(),
    )


def settings(folder: Path) -> dict[str, str]:
    """Give the root this machine's network settings; return its environment."""
    acquire = [
        line
        for line in output("apt-config", "dump").splitlines()
        if line.startswith("Acquire::") and not line.startswith("Acquire::Languages")
    ]
    (folder / "etc/apt/apt.conf.d/99host").write_text("\n".join(acquire) + "\n")
    for name in ("/etc/pip.conf", "/etc/resolv.conf", "/etc/npmrc"):
        if Path(name).exists():
            shutil.copy(name, folder / name[1:])
    env = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "WERROR": "",  # a newer compiler's new warnings are for another day
    }
    for name, value in os.environ.items():
        if name.lower().endswith("_proxy") or name.startswith(("PIP_", "npm_config_")):
            if "/" not in value or "://" in value:  # no paths of this machine
                env[name] = value
    bundle = Path(os.environ.get("SSL_CERT_FILE", CA_BUNDLE))
    if bundle.exists():
        shutil.copy(bundle, folder / "etc/host-ca.crt")
        for name in ("PIP_CERT", "NODE_EXTRA_CA_CERTS", "npm_config_cafile"):
            env[name] = "/etc/host-ca.crt"
    pip_conf = folder / "etc/pip.conf"
    if pip_conf.exists():
        pip_conf.write_text(pip_conf.read_text().replace(CA_BUNDLE, "/etc/host-ca.crt"))
    return env


def lay_clone(folder: Path) -> None:
    """Put a bare clone and the payload files where the root's clone finds them."""
    home = folder / "root"
    for name in ("origin.git", "sgostream", "shared"):
        shutil.rmtree(home / name, ignore_errors=True)
    run("git", "clone", "--quiet", "--bare", "--no-local", ROOT, home / "origin.git")
    samples = Path(os.environ.get("SGO_SAMPLES", ROOT.parent / "shared" / "samples"))
    if samples.is_dir():
        shutil.copytree(samples, home / "shared" / "samples")


def run_in_root(folder: Path, env: dict[str, str], commands: list[str]) -> None:
    """Clone and run, in a mount and process namespace that ends with it."""
    clone = "git -c safe.directory='*' clone --quiet origin.git sgostream"
    steps = ["cd /root", "t=$(date +%s)", clone, "cd sgostream"]
    steps += ['echo "  git clone: $(($(date +%s) - t)) s"', *commands]
    inner = " && ".join(steps)
    words = [f"{name}={value}" for name, value in env.items()]
    outer = (
        f"mount -t proc proc {folder}/proc && mount --rbind /dev {folder}/dev && "
        f"exec chroot {folder} env -i {shlex.join(words)} sh -c {shlex.quote(inner)}"
    )
    run("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", outer)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", default=SUITES)
    parser.add_argument("--make", nargs="+", default=["test"], metavar="TARGET")
    parser.add_argument("--run", metavar="COMMAND", help="instead of make")
    parser.add_argument("--dir", type=Path, help="keep the roots in this folder")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("debootstrap and chroot need root")
    commands = [args.run] if args.run else [f"make {name}" for name in args.make]
    failed = []
    for suite in args.suites:
        began = time.monotonic()
        place = args.dir or Path(tempfile.mkdtemp(prefix="sgostream-root-"))
        folder = place.resolve() / suite
        try:
            bootstrap(suite, folder)
            env = settings(folder)
            lay_clone(folder)
            run_in_root(folder, env, commands)
        except subprocess.CalledProcessError as error:
            print(f"{suite}: exit code {error.returncode}", flush=True)
            failed.append(suite)
        finally:
            if args.dir is None:
                shutil.rmtree(place, ignore_errors=True)
        word = "FAILED" if suite in failed else "ok"
        print(f"--- {suite}: {word}, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
