// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/evaluation.hpp"
#include "templates/operations.hpp"
#include "templates/parser.hpp"
#include "templates/template.hpp"
#include "templates/uses.hpp"

#include <fmt/format.h>

namespace templates {

struct Template::State {
    std::string name;
    Block block;
    Uses uses;
};

namespace {

/// Writes the statements of a template, in order, into one text.
class Rendering {
public:
    Rendering(const std::string& name, const base::Object& variables, Limits limits)
        : work_(name, limits), names_(work_, variables), evaluation_(work_, names_) {}

    std::string run(const Block& block) {
        write_block(block);
        return std::move(text_);
    }

private:
    void write_all(const Body& body) {
        for (const Statement& statement : body) {
            work_.line = statement.place.line;
            work_.charge(1);
            std::visit([this](const auto& form) { write(form); }, statement.form);
        }
    }

    /// Within a scope that the caller has opened.
    void write_block(const Block& block) {
        for (const std::string& name : block.hidden)
            names_.bind(
                name,
                Undefined{std::make_shared<const std::string>(fmt::format(
                    "'{}' is set further down, so it is undefined in the blocks before; choose another name",
                    name))});
        write_all(block.body);
    }

    void append(std::string_view text) {
        work_.check_size(text_.size() + text.size());
        text_ += text;
    }

    void write(const TextOut& form) { append(form.text); }

    void write(const Print& form) {
        const Datum value = evaluation_.evaluate(*form.value);
        work_.line = form.value->place.line;
        append(text_of(work_, value));
    }

    bool is_true(const Expression& condition) {
        const Datum value = evaluation_.evaluate(condition);
        work_.line = condition.place.line;
        return truth_of(work_, value);
    }

    void write(const If& form) {
        for (const If::Branch& branch : form.branches) {
            if (!is_true(*branch.condition))
                continue;
            write_all(branch.body);
            return;
        }
        write_all(form.otherwise);
    }

    void write(const For& form) {
        const Datum over = evaluation_.evaluate(*form.over);
        work_.line = form.over->place.line;
        auto items = std::make_shared<const std::vector<Datum>>(chosen(form, items_of(work_, over)));
        for (std::size_t at = 0; at < items->size(); ++at) {
            const Names::Scope scope(names_);
            bind(form.target, (*items)[at]);
            names_.bind("loop", std::make_shared<const Loop>(Loop{static_cast<std::int64_t>(at), items}));
            work_.charge(1);
            write_block(form.body);
        }
        if (!items->empty())
            return;
        const Names::Scope scope(names_);
        write_block(form.otherwise);
    }

    /// The items that the condition of the loop keeps. `loop` in it is the one around.
    std::vector<Datum> chosen(const For& form, std::vector<Datum> items) {
        if (form.condition == nullptr)
            return items;
        std::vector<Datum> kept;
        for (Datum& item : items) {
            const Names::Scope scope(names_);
            bind(form.target, item);
            if (is_true(*form.condition))
                kept.push_back(std::move(item));
        }
        return kept;
    }

    void write(const Set& form) { bind(form.target, evaluation_.evaluate(*form.value)); }

    void write(const SetBlock& form) {
        std::string outer = std::move(text_);
        text_.clear();
        {
            const Names::Scope scope(names_);
            write_block(form.block);
        }
        std::swap(outer, text_);
        names_.bind(form.name, work_.text(std::move(outer)));
    }

    void bind(const Target& target, const Datum& value) {
        if (target.parts.empty()) {
            names_.bind(target.name, value);
            return;
        }
        const std::vector<Datum> items = items_of(work_, value);
        if (items.size() != target.parts.size())
            work_.fail(fmt::format(
                "{} values cannot be unpacked into {} names; write as many names as there are values",
                items.size(), target.parts.size()));
        for (std::size_t at = 0; at < items.size(); ++at)
            bind(target.parts[at], items[at]);
    }

    Work work_;
    Names names_;
    Evaluation evaluation_;
    std::string text_;
};

} // namespace

Template::Template(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Template Template::parse(std::string_view text, std::string name) {
    auto state = std::make_shared<State>();
    state->block = templates::parse(text, name);
    state->name = std::move(name);
    state->uses = uses_of(state->block);
    return Template(std::move(state));
}

const std::vector<std::string>& Template::names() const {
    return state_->uses.names;
}

const std::vector<Template::Use>& Template::uses() const {
    return state_->uses.paths;
}

std::string Template::render(const base::Object& variables, Limits limits) const {
    return Rendering(state_->name, variables, limits).run(state_->block);
}

std::string render(std::string_view text, const base::Object& variables, std::string name) {
    return Template::parse(text, std::move(name)).render(variables);
}

} // namespace templates
