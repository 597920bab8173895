// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/lua_syntax.hpp"
#include "workflows/engine/lua_tokens.hpp"

#include <optional>

namespace workflows::engine::syntax {

/// Which names mean what at a place of the text: functions in functions, blocks in them, their local
/// variables and labels. What is wrong with them is noted among the errors of the text.
class Scopes {
public:
    /// Both outlive it. New variables are added to `variables`.
    Scopes(Tokens& tokens, std::vector<Variable>& variables) : tokens_(tokens), variables_(variables) {}

    void open_function(bool vararg);
    void close_function();
    void open_block(bool loop);
    void close_block();
    /// How deep the text is in functions and blocks, and back there.
    struct Depth {
        std::size_t functions, blocks;
    };
    Depth depth() const noexcept { return {functions_.size(), functions_.back().blocks.size()}; }
    void leave_to(Depth depth);

    bool in_loop() const noexcept;
    /// Of the innermost function, in the order of their beginnings; 0 is the text itself.
    std::int64_t function_number() const noexcept { return functions_.back().number; }
    bool vararg() const noexcept { return functions_.back().vararg; }
    void make_vararg() noexcept { functions_.back().vararg = true; }

    std::size_t declare(std::string name, Place place, bool fixed = false);
    /// From here on its name means it.
    void activate(std::size_t variable);
    std::optional<std::size_t> find(const std::string& name) const;

    void go_to(const std::string& label, Place place);
    /// False when there is one of that name.
    bool add_label(const std::string& label, Place place);
    /// Where the label that was added takes effect; `last`: only such statements follow in its block as do
    /// nothing, so that it stands behind the scope of all locals.
    void settle_label(const std::string& label, bool last);

private:
    struct Jump {
        std::string label;
        Place place;
        std::size_t active; ///< locals there
    };
    struct Block {
        std::size_t active; ///< locals of the function when it began
        bool loop;
        std::vector<Jump> labels;
        std::vector<Jump> pending; ///< gotos whose label has not come yet
    };
    struct Function {
        std::int64_t number;
        bool vararg;
        std::vector<std::size_t> active; ///< variables, the innermost last
        std::vector<Block> blocks;
    };
    Function& function() { return functions_.back(); }
    Jump* find_label(const std::string& name);

    Tokens& tokens_;
    std::vector<Variable>& variables_;
    std::vector<Function> functions_;
    std::int64_t opened_ = 0;
};

} // namespace workflows::engine::syntax
