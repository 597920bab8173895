#!/usr/bin/python3
"""How long one package takes: `tiercel build` and rpmbuild, the same 2,000 files, the same zstd level, in turn, in one run.
rpmbuild gets its build root ready-made and all its checks of the content switched off; our packages are signed, its are not.
Prints seconds (the least of the rounds), sizes, and rpmbuild's time as a multiple of ours."""
# SPDX-License-Identifier: Apache-2.0
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

RECIPE = """name = "bench-app"
kind = "app"
summary = "Bench"
license = "Apache-2.0"

[[files]]
from = "dist/"
to = "/opt/bench-app/"
"""
SPEC = """Name: bench-app
Version: 1.0
Release: 1
Summary: Bench
License: Apache-2.0
BuildArch: noarch
AutoReqProv: no
%description
Bench
%files
/opt/bench-app
"""
WORDS = [b"order", b"basket", b"customer", b"price", b"{", b"}", b": ", b", ", b"true", b"shop/", b"0001", b"\n"]


def generate(directory, files, megabytes):
    """Text that compresses about four to one, and every fourth file noise; the same on every machine."""
    dice = random.Random(2026)
    text = b"".join(dice.choices(WORDS, k=200_000))
    each = megabytes * 1_000_000 // files
    for number in range(files):
        bytes_ = each // 2 + dice.randrange(each)
        if number % 4 == 0:
            content = dice.randbytes(bytes_)
        else:
            start = dice.randrange(len(text))
            content = (text[start:] + text * (1 + bytes_ // len(text)))[:bytes_]
        file = directory / f"lib/{number % 20:02}/{number:05}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def seconds(argv, **how):
    start = time.monotonic()
    done = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **how)
    taken = time.monotonic() - start
    if done.returncode != 0:
        sys.exit(f"{argv[0]} failed:\n{done.stdout}")
    return taken


class Bench:
    def __init__(self, tiercel, directory, level):
        self.tiercel, self.dir, self.level = tiercel, directory, level
        self.environment = dict(os.environ, SOURCE_DATE_EPOCH="1700000000", HOME=str(directory))
        self.project = directory / "project"
        self.dist = self.project / "packages/bench-app/dist"
        self.buildroot = directory / "buildroot"

    def prepare(self, files, megabytes):
        generate(self.dist, files, megabytes)
        (self.project / "packages/bench-app/package.toml").write_text(RECIPE)
        (self.project / "tiercel.toml").write_text(
            'project = "bench"\n\n[keys]\npackage = "keys/package.key"\nrelease = "keys/release.key"\n\n[repository]\npath = "repository"\n')
        seconds([self.tiercel, "-C", self.project, "key", "new", "package", "--out", self.project / "keys/package.key"], env=self.environment)
        shutil.copytree(self.dist, self.buildroot / "opt/bench-app")
        (self.dir / "bench.spec").write_text(SPEC)
        (self.dir / "fileattrs").mkdir()
        (self.dir / "fileattrs/none.attr").write_text("%__none_path ^/none$\n")

    def ours(self, *words):
        out = self.dir / "ours"
        taken = seconds([self.tiercel, "-C", self.project, "build", "--version", "1.0", "--level", self.level, "--out", out, *words],
                        env=self.environment)
        return taken, next(out.glob("*.rpm")).stat().st_size

    def theirs(self, payload):
        top = self.dir / "top"
        defines = {"_topdir": top, "_dbpath": self.dir / "no-rpmdb", "_binary_payload": payload, "_fileattrsdir": self.dir / "fileattrs",
                   "__os_install_post": "%{nil}", "__spec_install_pre": "exit 0", "_build_id_links": "none"}
        argv = ["rpmbuild", "-bb", "--quiet", "--noclean", "--buildroot", self.buildroot]
        for name, value in defines.items():
            argv += ["--define", f"{name} {value}"]
        taken = seconds([*argv, self.dir / "bench.spec"], env=self.environment)
        return taken, next(top.glob("RPMS/*/*.rpm")).stat().st_size


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tiercel", type=pathlib.Path)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--level", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="tiercel-bench-") as name:
        bench = Bench(options.tiercel.resolve(), pathlib.Path(name), options.level)
        bench.prepare(options.files, options.megabytes)
        ways = {
            f"tiercel build, {cores} threads": lambda: bench.ours("--no-cache"),
            "tiercel build, 1 thread": lambda: bench.ours("--no-cache", "--threads", "1"),
        }
        if shutil.which("rpmbuild"):
            ways[f"rpmbuild, w{options.level}T{cores}.zstdio"] = lambda: bench.theirs(f"w{options.level}T{cores}.zstdio")
            ways[f"rpmbuild, w{options.level}.zstdio"] = lambda: bench.theirs(f"w{options.level}.zstdio")
        else:
            print("rpmbuild is not installed: nothing to compare with")
        best = {}
        for _ in range(options.rounds):
            for way, run in ways.items():
                best[way] = min(best.get(way, (9e9, 0)), run())
        bench.ours()
        changed = next(bench.dist.glob("lib/07/*"))
        for number in range(options.rounds):
            changed.write_bytes(b"changed %d\n" % number * 1000)
            best["tiercel build, 1 file changed"] = min(best.get("tiercel build, 1 file changed", (9e9, 0)), bench.ours())
        base = best[f"tiercel build, {cores} threads"][0]
        print(f"{options.files} files, {options.megabytes} MB, zstd level {options.level}, {cores} cores, least of {options.rounds} rounds")
        for way, (taken, size) in best.items():
            print(f"  {way:32} {taken:7.3f} s  {size / 1e6:7.1f} MB  {taken / base:5.2f} x")


if __name__ == "__main__":
    main()
