# Copyright the Tiercel authors
# SPDX-License-Identifier: Apache-2.0
"""Renders templates with Jinja2, set up as Tiercel's templates are documented to behave.

Reads {"cases": [{"template": text, "variables": record}, ...]} on standard input and writes
{"version": text, "results": [{"text": text} or {"error": text}, ...]} on standard output.
"""
import base64
import json
import shlex
import sys

import jinja2

environment = jinja2.Environment(
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
# Jinja2 marks JSON as safe in HTML, which shows in repr() and '+'. In a config file it is a string like any other.
safe_json = environment.filters["tojson"]
environment.filters["tojson"] = jinja2.pass_eval_context(lambda *values, **named: "".join([safe_json(*values, **named)]))
# Jinja2 does not have these two; they are Ansible's.
environment.filters["quote"] = lambda value: shlex.quote(str(value))
environment.filters["b64encode"] = lambda value: base64.b64encode(str(value).encode("utf-8")).decode("ascii")


# Jinja2 evaluates what is written with constants only while it compiles. A missing value there ends it, also in a branch
# that is never taken; without the optimizer it ends the rendering that reaches it.
unoptimized = environment.overlay(optimized=False)


def compiled(template):
    try:
        return environment.from_string(template)
    except jinja2.UndefinedError:
        return unoptimized.from_string(template)


def rendered(case):
    try:
        return {"text": compiled(case["template"]).render(case["variables"])}
    except Exception as error:  # whatever Python raises is a refusal
        return {"error": f"{type(error).__name__}: {error}"}


cases = json.load(sys.stdin)["cases"]
json.dump({"version": jinja2.__version__, "results": [rendered(case) for case in cases]}, sys.stdout)
