// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/lua_scopes.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace workflows::engine::syntax {
namespace {

constexpr std::size_t most_locals = 200; // of one function, as in Lua

} // namespace

void Scopes::open_function(bool vararg) {
    functions_.push_back({opened_++, vararg, {}, {}});
    open_block(false);
}

void Scopes::close_function() {
    close_block();
    functions_.pop_back();
}

void Scopes::open_block(bool loop) {
    function().blocks.push_back({function().active.size(), loop, {}, {}});
}

void Scopes::close_block() {
    Block block = std::move(function().blocks.back());
    function().blocks.pop_back();
    function().active.resize(std::min(function().active.size(), block.active));
    for (Jump& jump : block.pending) {
        if (function().blocks.empty()) {
            tokens_.fail(jump.place, fmt::format("no label '{}' can be seen from here; write ::{}::",
                                                 jump.label, jump.label));
        } else {
            jump.active = std::min(jump.active, block.active);
            function().blocks.back().pending.push_back(std::move(jump));
        }
    }
}

void Scopes::leave_to(Depth depth) {
    while (functions_.size() > depth.functions) {
        functions_.pop_back();
    }
    while (function().blocks.size() > depth.blocks) {
        close_block();
    }
}

bool Scopes::in_loop() const noexcept {
    const auto& blocks = functions_.back().blocks;
    return std::any_of(blocks.begin(), blocks.end(), [](const Block& one) { return one.loop; });
}

std::size_t Scopes::declare(std::string name, Place place, bool fixed) {
    variables_.push_back({std::move(name), place, fixed});
    return variables_.size() - 1;
}

void Scopes::activate(std::size_t variable) {
    function().active.push_back(variable);
    if (function().active.size() == most_locals + 1) {
        tokens_.fail(variables_[variable].place,
                     fmt::format("a function has more than {} local variables", most_locals));
    }
}

std::optional<std::size_t> Scopes::find(const std::string& name) const {
    for (auto scope = functions_.rbegin(); scope != functions_.rend(); ++scope) {
        for (auto at = scope->active.rbegin(); at != scope->active.rend(); ++at) {
            if (variables_[*at].name == name) {
                return *at;
            }
        }
    }
    return std::nullopt;
}

Scopes::Jump* Scopes::find_label(const std::string& name) {
    for (auto block = function().blocks.rbegin(); block != function().blocks.rend(); ++block) {
        for (Jump& label : block->labels) {
            if (label.label == name) {
                return &label;
            }
        }
    }
    return nullptr;
}

void Scopes::go_to(const std::string& label, Place place) {
    if (find_label(label) == nullptr) {
        function().blocks.back().pending.push_back({label, place, function().active.size()});
    }
}

bool Scopes::add_label(const std::string& label, Place place) {
    if (const Jump* known = find_label(label)) {
        tokens_.fail(place, fmt::format("label '{}' stands on line {} already", label, known->place.line));
        return false;
    }
    function().blocks.back().labels.push_back({label, place, 0});
    return true;
}

void Scopes::settle_label(const std::string& label, bool last) {
    Block& block = function().blocks.back();
    const std::size_t active = last ? block.active : function().active.size();
    std::erase_if(block.pending, [&](const Jump& jump) {
        if (jump.label != label) {
            return false;
        }
        if (jump.active < active) {
            tokens_.fail(jump.place, fmt::format("'goto {}' jumps into the scope of local '{}'", label,
                                                 variables_[function().active[jump.active]].name));
        }
        return true;
    });
}

} // namespace workflows::engine::syntax
