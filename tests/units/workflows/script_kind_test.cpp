// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/catch.hpp"
#include "workflows/engine/script_kind.hpp"

#include <string>

using workflows::engine::kind_of_script;
using workflows::engine::RunKind;

namespace {

bool deploys(const std::string& before, const std::string& body) {
    return kind_of_script(before + "\nreturn workflow { run = function(ctx, params)\n" + body + "\nend }") ==
           RunKind::Deploy;
}

} // namespace

TEST_CASE("a workflow that updates is for deployments, wherever in its text it does so") {
    CHECK(deploys("", "ctx:update(ctx.levels[1])"));
    CHECK(
        deploys("", "if params.x then for _, level in ipairs(ctx.levels) do ctx : update { level } end end"));
    CHECK(deploys("", "ctx.update(ctx, ctx.levels[1])"));
    CHECK(deploys("", "local roll = ctx['update'] roll(ctx, ctx.levels[1])"));
    CHECK(deploys("", "local c = ctx pcall(function() c:update(c.levels[1]) end)"));
    CHECK(deploys("", "ctx[params.action](ctx, ctx.levels[1])"));
    CHECK(deploys("local function roll(run, level) run:update(level) end", "roll(ctx, ctx.levels[1])"));
    CHECK(deploys("local roll = function(level, run) run:update(level) end", "roll(ctx.levels[1], ctx)"));
    CHECK(deploys("local function one(c, l) c:update(l) end local function two(c) one(c, c.levels[1]) end",
                  "two(ctx)"));
    CHECK(deploys("local steps = {} function steps.roll(c) c:update(c.levels[1]) end", "steps.roll(ctx)"));
    CHECK(deploys("local steps = {} function steps:roll(c) c:update(c.levels[1]) end", "steps:roll(ctx)"));
    CHECK(deploys("local steps = { roll = function(c) c:update(c.levels[1]) end }", "steps.roll(ctx)"));
    CHECK(deploys("local steps = { function(c) c:update(c.levels[1]) end }",
                  "for _, step in ipairs(steps) do step(ctx) end"));
    CHECK(deploys("local function roll(c) c:update(c.levels[1]) end", "pcall(roll, ctx)"));
    CHECK(deploys("local function roll(self) self.run:update(1) end", "roll({ run = ctx })"));
    CHECK(deploys("local function get(c) return c end", "get(ctx):update(1)"));
    CHECK(deploys("local function get(c) return 1, c end", "local n, c = get(ctx) c:update(1)"));
    CHECK(deploys("", "local list = { ctx, 1 } list[1]:update(1)"));
    CHECK(deploys("", "for _, c in ipairs({ ctx }) do c:update(1) end"));
    CHECK(deploys("", "local list = {} table.insert(list, ctx) table.remove(list):update(1)"));
    CHECK(deploys("local function roll(...) local c = ... c:update(1) end", "roll(ctx)"));
    CHECK(deploys("local kept = {}", "kept[params.where] = ctx kept[params.where]:update(1)"));
    CHECK(kind_of_script("local function go(ctx) ctx:update(ctx.levels[1]) end\n"
                         "return workflow { run = go }") == RunKind::Deploy);
    CHECK(kind_of_script("local function made() return function(c) c:update(c.levels[1]) end end\n"
                         "return workflow { run = made() }") == RunKind::Deploy);
}

TEST_CASE("a workflow that only speaks of updates is for operations") {
    CHECK_FALSE(deploys("", "ctx:restart(ctx.levels[1])"));
    CHECK_FALSE(deploys("-- unlike ctx:update(level)", "ctx:log('no :update( here')"));
    CHECK_FALSE(deploys("local progress = {} function progress:update(n) self.n = n end",
                        "progress:update(3) ctx:restart(ctx.levels[1])"));
    CHECK_FALSE(deploys("local function count(c, progress) progress:update(#c.levels) end",
                        "count(ctx, { update = function() end })"));
    CHECK_FALSE(deploys("local progress = {} function progress:update(n) self.n = n end",
                        "local list = { ctx } progress:update(3) list[1]:restart(1)"));
    CHECK_FALSE(deploys("local function roll(c) c:update(c.levels[1]) end", "ctx:stop(ctx.levels[1])"));
    CHECK(kind_of_script("this is no Lua (") == RunKind::Operation);
}
