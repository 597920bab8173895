#!/usr/bin/python3
"""A six-node deploy, split into its phases: real dispatcher, six ctl-clients, real packages, all on this machine.

The phases come from the run's own journal (`tiercel run follow --json`): how long the run as a whole spent between its start and the end of
preflight, in updating each level, and, added up over all targets, in each step. Drain waits (300 ms each) and soaks (100 ms a batch) are set by
the test fleet and are part of what is measured; they are shown so that they can be subtracted.
"""
# SPDX-License-Identifier: Apache-2.0
import collections
import datetime
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

from fleet import Fleet  # noqa: E402


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def measure(fleet, release):
    run = fleet.deploy(release, background=True)
    document = fleet.finish(run)
    assert document["outcome"] == "succeeded", document
    events = [json.loads(line) for line in fleet.tiercel("run", "follow", run, "--json").splitlines()]
    begin, end = seconds(events[0]["time"]), seconds(events[-1]["time"])
    spans, steps, since = collections.OrderedDict(), collections.Counter(), {}
    level, level_since, preflight = None, begin, begin
    for event in events:
        at, fields = seconds(event["time"]), event.get("fields") or {}
        if event["message"] == "preflight passed":
            spans["preflight (download, verify, test transaction, render)"] = at - begin
            preflight = at
        elif event["message"] == "update started":
            if level is not None:
                spans[f"level {level}"] = at - level_since
            level, level_since = fields["level"], at
        elif event["message"] == "target changed":
            target = event["target"]
            if target in since:
                state, started = since[target]
                steps[state] += at - started
            since[target] = (fields["state"], at)
    if level is not None:
        spans[f"level {level}"] = end - level_since
    print(f"\n{release} to {len(fleet.nodes)} nodes: {end - begin:.2f} s")
    for name, span in spans.items():
        print(f"  {name:56} {span:6.2f} s")
    print("  added up over all targets:")
    for state in ("preparing", "draining", "applying", "restarting", "probing", "undraining", "soaking"):
        print(f"    {state:54} {steps[state]:6.2f} s")


def main():
    with Fleet(back=4, front=2) as fleet:
        measure(fleet, "svc/1.0")
        fleet.release("2.0")
        measure(fleet, "svc/2.0")


if __name__ == "__main__":
    main()
