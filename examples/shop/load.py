#!/usr/bin/python3
"""Sends requests to all web nodes until told to stop, and counts every one that does not end well.

load.py --seconds N --rate R --report FILE URL…

It polls nothing and retries nothing: each request is one connection, one answer. It stops at SIGTERM or after N seconds and then
writes FILE: {"sent": n, "failed": n, "releases": {"1.0": n}, "errors": [first few sentences]}.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import collections
import json
import os
import signal
import threading
import time
import urllib.request

stop = threading.Event()


def send(urls, each, deadline, tally, lock):
    turn = 0
    while not stop.is_set() and time.monotonic() < deadline:
        url = urls[turn % len(urls)]
        turn += 1
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                answer.read()
                release, error = answer.headers.get("X-Shop-Release", "?"), None
        except Exception as problem:  # whatever it is, somebody's request has failed
            release, error = None, f"{url}: {problem}"
        with lock:
            tally["sent"] += 1
            if error is None:
                tally["releases"][release] += 1
            else:
                tally["failed"] += 1
                tally["errors"].append(error)
        stop.wait(each)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--rate", type=float, default=100, help="requests a second, all senders together")
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--report", required=True)
    parser.add_argument("urls", nargs="+")
    arguments = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    lock = threading.Lock()
    tally = {"sent": 0, "failed": 0, "releases": collections.Counter(), "errors": []}
    deadline = time.monotonic() + arguments.seconds
    senders = []
    for number in range(arguments.senders):
        urls = arguments.urls[number % len(arguments.urls):] + arguments.urls[: number % len(arguments.urls)]
        sender = threading.Thread(target=send, args=(urls, arguments.senders / arguments.rate, deadline, tally, lock))
        sender.start()
        senders.append(sender)
    for sender in senders:
        while sender.is_alive():
            sender.join(0.2)  # not for ever: the main thread must see signals
    tally["errors"] = tally["errors"][:5]
    with open(arguments.report + ".new", "w", encoding="utf-8") as file:
        json.dump(tally, file)
    os.rename(arguments.report + ".new", arguments.report)


if __name__ == "__main__":
    main()
