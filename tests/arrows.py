#!/usr/bin/python3
"""Arrows go one way: each folder includes only what the table of docs/architecture.md allows, and each foreign library's headers are
included by the folder that wraps it (a command line, by each program). Prints every other #include as file:line and fails."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import re
import sys

ROOMS = {
    "base": [],
    "rpm": ["base"],
    "templates": ["base"],
    "builder": ["base", "rpm", "templates"],
    "repo": ["base", "rpm"],
    "workflows": ["base", "rpm", "repo"],
    "dispatcher/protocol": ["base"],
    "dispatcher": ["base", "rpm", "repo", "templates", "workflows", "dispatcher/protocol"],
    "ctl-client": ["base", "rpm", "repo", "templates", "dispatcher/protocol"],
    "cli": ["base", "rpm", "repo", "templates", "builder", "workflows", "dispatcher", "dispatcher/protocol"],
}
# Headers of a foreign library → the folder that wraps it.
WRAPPED = {
    r"rpm/(?!about|package|version_order|signing_key|transaction)": ["rpm"],
    r"sqlite3\.h": ["base"],
    r"openssl/": ["base"],
    r"curl/": ["base"],
    r"lua(\.h|xlib\.h|lib\.h|\.hpp|5\.4/)": ["workflows"],
    r"zstd\.h": ["builder"],
    r"zlib\.h": ["repo"],
    r"toml\+\+/": ["base"],
    r"boost/json": ["base"],
    r"CLI/": ["cli", "ctl-client", "dispatcher"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    for room in sorted(ROOMS, key=len, reverse=True):
        if path == room or path.startswith(room + "/"):
            return room
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    wrong, seen = [], 0
    for top in {room.split("/")[0] for room in ROOMS}:
        for file in sorted((root / top).rglob("*.?pp")):
            path = file.relative_to(root).as_posix()
            here = room_of(path)
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                seen += 1
                kind, header = match.groups()
                place = f"{path}:{number}: "
                if kind == '"':
                    there = room_of(header)
                    if there is None or not (root / header).exists():
                        wrong.append(place + f'"{header}" is not a path from the root of the project')
                    elif there != here and there not in ROOMS[here]:
                        wrong.append(place + f"{here} may not use {there}")
                else:
                    for pattern, owners in WRAPPED.items():
                        if re.match(pattern, header) and here.split("/")[0] not in owners:
                            wrong.append(place + f"<{header}> is wrapped by {' and '.join(owners)} alone")
    print("\n".join(wrong) or f"{seen} includes, all arrows go one way")
    # A scan that saw nothing has proved nothing.
    return 1 if wrong or seen < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
