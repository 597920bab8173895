// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Workflows by chance: every method and option, in orders that make sense and in some that do not.
#include "workflows/simulator/chance.hpp"
#include "workflows/simulator/sweep.hpp"

#include <fmt/format.h>

namespace workflows::simulator {

using engine::RunKind;

namespace {

constexpr std::uint64_t for_workflows = 0x776f726b666c6f77;

// Quoted as Lua: '25%' or 2.
std::string portion(Chance& chance) {
    static const char* const portions[] = {"1", "2", "3", "4", "'10%'", "'25%'", "'50%'", "'100%'"};
    return chance.pick(portions);
}

std::string failures(Chance& chance) {
    static const char* const budgets[] = {"0",
                                          "0",
                                          "1",
                                          "2",
                                          "3",
                                          "'20%'",
                                          "'50%'",
                                          "{ component = 1 }",
                                          "{ total = 3, batch = 1 }",
                                          "{ domain = { label = 'rack', max = 1 } }"};
    return chance.pick(budgets);
}

constexpr std::string_view fault = "  error('the script has an error')\n";

class Options {
public:
    explicit Options(Chance& chance) : chance_(chance) {}
    Options& maybe(double often, const std::string& name, const std::string& value) {
        if (chance_.happens(often)) {
            text_ += name + " = " + value + ", ";
        }
        return *this;
    }
    std::string text() const { return "{ " + text_ + "}"; }

private:
    Chance& chance_;
    std::string text_;
};

// One half takes over from another one: the first of two calls, or a lonely one.
std::string half_options(Chance& chance) {
    static const char* const failing[] = {"'rollback-all'", "'rollback-batch'", "'stop'", "'ask'"};
    static const char* const halves[] = {"'color=green'", "'zone=a'"};
    static const char* const others[] = {"'color=blue'", "'color=red'", "'zone=b'"};
    Options options(chance);
    options.maybe(1, "hold", "true")
        .maybe(0.9, "where", chance.pick(halves))
        .maybe(1, "standby", chance.pick(others))
        .maybe(0.8, "max_unavailable", "'100%'")
        .maybe(0.6, "max_failures", failures(chance))
        .maybe(0.6, "soak", "'30s'")
        .maybe(0.3, "settle", "'20s'")
        .maybe(0.8, "on_failure", chance.pick(failing));
    return options.text();
}

std::string update_options(Chance& chance) {
    static const char* const ramps[] = {"{ 1, '100%' }", "{ 1, '20%', '100%' }", "{ '50%', '100%' }", "{ 2 }",
                                        "{ 1 }"};
    static const char* const failing[] = {"'rollback-all'", "'rollback-batch'", "'stop'", "'ask'"};
    static const char* const analyses[] = {
        "{ { name = 'n', command = 'measure', pass = '<= 2', count = 2, interval = '10s' } }",
        "{ { name = 'n', http = { url = 'http://x', path = 'a' }, pass = '<= 2', count = 2 } }",
        "{ { name = 'n', http = { url = 'http://x', path = 'a' }, pass = '<= 2', compare = 'peers', count = "
        "3 } }"};
    static const char* const labels[] = {"'rack'", "'zone'"};
    const bool sliding = chance.happens(0.25);
    const bool by_zone = chance.happens(0.2);
    if (chance.happens(0.08)) {
        return half_options(chance);
    }
    Options options(chance);
    options.maybe(0.8, "ramp", chance.pick(ramps))
        .maybe(sliding ? 1 : 0, "window", "'sliding'")
        .maybe(0.8, "max_failures", failures(chance))
        .maybe(0.6, "soak", fmt::format("'{}s'", chance.roll(3) * 15))
        .maybe(0.2, "settle", "'20s'")
        .maybe(sliding ? 0 : 0.2, "hold", "true")
        .maybe(0.8, "on_failure", chance.pick(failing))
        .maybe(0.6, "max_unavailable", portion(chance))
        .maybe(0.2, "spread", chance.pick(labels))
        .maybe(by_zone ? 1 : 0, "zone", "'zone'")
        .maybe(by_zone ? 0.5 : 0, "zone_soak", "'1m'")
        .maybe(sliding ? 0 : 0.1, "analysis", chance.pick(analyses))
        .maybe(0.1, "deadlines", "{ apply = '20s', undo = '30s', undrain = '5s' }");
    return options.text();
}

std::string service_options(Chance& chance, bool whole) {
    static const char* const failing[] = {"'rollback-all'", "'stop'", "'ask'"};
    Options options(chance);
    options.maybe(0.7, "max_failures", failures(chance))
        .maybe(0.5, "on_failure", chance.pick(failing))
        .maybe(whole ? 1 : 0.7, "max_unavailable", whole ? "'100%'" : portion(chance))
        .maybe(0.2, "spread", "'rack'");
    return options.text();
}

std::string command(Chance& chance) {
    static const char* const failing[] = {"'rollback-all'", "'stop'", "'ask'"};
    Options options(chance);
    options.maybe(0.5, "max_parallel", portion(chance))
        .maybe(0.6, "max_failures", failures(chance))
        .maybe(0.5, "on_failure", chance.pick(failing));
    return fmt::format("  ctx:command('{}', ctx.components[1].name, {})\n",
                       chance.happens(0.5) ? "once-job" : "refresh", options.text());
}

std::string for_levels(const std::string& body, bool up = true) {
    return up ? " for _, level in ipairs(ctx.levels) do\n" + body + " end\n"
              : " for at = #ctx.levels, 1, -1 do\n local level = ctx.levels[at]\n" + body + " end\n";
}

std::string updates(Chance& chance) {
    std::string body = fmt::format("  ctx:update(level, {})\n", update_options(chance));
    if (chance.happens(0.1)) {
        body += "  ctx:wait('1m')\n";
    }
    if (chance.happens(0.1)) {
        body += "  ctx:probe(level)\n";
    }
    if (chance.happens(body.find("standby") != std::string::npos ? 0.7 : 0.1)) {
        body += fmt::format("  ctx:update(level, {})\n", update_options(chance));
    }
    if (chance.happens(0.06)) {
        body += fault;
    }
    return for_levels(body, !chance.happens(0.08)); // the wrong way round is refused
}

std::string outage(Chance& chance) {
    std::string text;
    if (chance.happens(0.7)) {
        text += " local answer = ctx:outage('it must be', { expires = '2h' })\n";
        // Without it the same, within what policies allow.
        text += chance.happens(0.7) ? " if not answer.approved then error('not approved') end\n" : "";
    }
    text += for_levels(fmt::format("  ctx:stop(level, {})\n", service_options(chance, true)), false);
    if (chance.happens(0.1)) {
        text += fault; // in the middle of it
    }
    text += for_levels(fmt::format("  ctx:update(level, {})\n", update_options(chance)));
    return text + for_levels(fmt::format("  ctx:start(level, {})\n", service_options(chance, true)),
                             !chance.happens(0.15));
}

std::string approval(Chance& chance) {
    return fmt::format(" local yes = ctx:approve('go on', {{ count = {}, expires = '2h'{} }})\n"
                       " if not yes.approved then error('not approved') end\n",
                       1 + chance.roll(3), chance.happens(0.4) ? ", role = 'operator'" : "");
}

std::string deferred(Chance& chance) {
    static const char* const bodies[] = {
        "ctx:log('over', { outcome = outcome })", "ctx:command('refresh', ctx.components[1].name)",
        "ctx:probe(ctx.levels[1])", "ctx:restart(ctx.levels[1])", "error('what is deferred fails, too')"};
    return fmt::format(" ctx:defer(function(outcome) {} end)\n", chance.pick(bodies));
}

std::string small_talk(Chance& chance) {
    static const char* const said[] = {" ctx:log('hello', { at = ctx:now() })\n",
                                       " local dice = ctx:random()\n if dice < 0 then error('no') end\n",
                                       " ctx:side_effect(function() return nil end)\n",
                                       " ctx:await('go', '5m')\n", " ctx:uuid()\n"};
    return chance.pick(said);
}

std::string operation(Chance& chance) {
    std::string text;
    for (int acts = 1 + chance.roll(2); acts > 0; --acts) {
        switch (chance.roll(5)) {
        case 0:
            text += for_levels(fmt::format("  ctx:restart(level, {})\n", service_options(chance, false)));
            break;
        case 1:
            text += for_levels(fmt::format("  ctx:stop(level, {})\n", service_options(chance, true)), false) +
                    for_levels(fmt::format("  ctx:start(level, {})\n", service_options(chance, true)),
                               !chance.happens(0.3));
            break;
        case 2:
            text += for_levels("  ctx:probe(level)\n");
            break;
        default:
            text += command(chance);
        }
        // once a run: not twice by the script itself
        if (text.find("once-job") != std::string::npos) {
            break;
        }
    }
    return text;
}

} // namespace

Workflow random_workflow(std::uint64_t seed) {
    Chance chance(seed ^ for_workflows);
    const bool is_operation = chance.happens(0.25);
    std::string body;
    for (int times = 0; times < 2 && chance.happens(0.15); ++times) {
        body += deferred(chance);
    }
    body += chance.happens(0.1) ? small_talk(chance) : "";
    body += chance.happens(0.1) ? approval(chance) : "";
    if (is_operation) {
        body += operation(chance);
    } else {
        body += fmt::format(" ctx:preflight({})\n",
                            chance.happens(0.6) ? "{ quorum = '40%', deadline = '5m' }" : "");
        body += chance.happens(0.25) ? command(chance) : "";
        body += chance.happens(0.15) ? outage(chance) : updates(chance);
    }
    return {is_operation ? "any-operation" : "any",
            "return workflow { run = function(ctx)\n" + body + "end }",
            is_operation ? RunKind::Operation : RunKind::Deploy};
}

std::string without_faults(std::string source) {
    for (std::size_t at = 0; (at = source.find(fault, at)) != std::string::npos;) {
        source.erase(at, fault.size());
    }
    return source;
}

} // namespace workflows::simulator
