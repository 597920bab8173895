#!/usr/bin/python3
"""docs/complaints.md names tests that exist, and each reference of a complaint stands in the name of
one of its tests; no test carries one that the page does not know. One argument: the root of the repository."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import re
import sys

CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
METHOD = re.compile(r'def test_(\w+)\(self\):\s*"""(\[[^\n]*)')
REFERENCES = re.compile(r"^((?:\[[a-z][\w-]*\] )+)(.*)$")


def tests_of(root):
    """Sentence of each test that carries references → the references."""
    found = {}
    for file in sorted((root / "tests").rglob("*_test.*")):
        text = file.read_text(encoding="utf-8")
        names = ["".join(LITERAL.findall(case)).replace('\\"', '"') for case in CASE.findall(text)]
        names += [re.match(r"((?:\[[a-z][\w-]*\] )+)", tags)[1] + name.replace("_", " ") for name, tags in METHOD.findall(text)]
        for name in names:
            if match := REFERENCES.match(name):
                found.setdefault(match[2], set()).update(re.findall(r"\[([^\]]+)\]", match[1]))
    return found


def rows_of(page):
    """Number, references and tests of each row."""
    for line in page.splitlines():
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if cells[0].isdigit():
            yield cells[0], set(re.findall(r"`([^`]+)`", cells[2])), [] if cells[4] == "–" else cells[4].split("<br>")


def main():
    root = pathlib.Path(sys.argv[1])
    tests = tests_of(root)
    faults, known, rows = [], set(), 0
    for number, references, named in rows_of((root / "docs/complaints.md").read_text(encoding="utf-8")):
        rows += 1
        carried = set()
        for sentence in named:
            if sentence not in tests:
                faults.append(f"row {number} names a test that does not exist, or carries no reference: {sentence}")
            carried |= tests.get(sentence, set())
        if not references <= carried:
            faults.append(f"row {number}: no test of it carries {', '.join(sorted(references - carried))}")
        known |= references
    for sentence, carried in tests.items():
        if not carried <= known:
            faults.append(f"docs/complaints.md does not know {', '.join(sorted(carried - known))} of the test: {sentence}")
    if rows < 24:
        faults.append(f"docs/complaints.md has {rows} rows: has its table another form?")
    print("\n".join(faults) or f"{rows} complaints, {len(tests)} tests")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
