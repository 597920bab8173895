// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/uses.hpp"

#include "templates/filters.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace templates {
namespace {

class Finder {
public:
    Uses run(const Body& body) {
        read_all(body);
        uses_.names.assign(names_.begin(), names_.end());
        return std::move(uses_);
    }

private:
    using Path = std::optional<std::string>;

    // Names that the template binds itself, innermost last: with the path that they stand for, or without
    // one.
    struct Bound {
        std::string name;
        Path path;
    };

    /// The path of the caller's variables that an expression reads and nothing else.
    Path resolved(const Expression& expression) const {
        if (const NameRead* name = std::get_if<NameRead>(&expression.form)) {
            const auto bound = std::find_if(bound_.rbegin(), bound_.rend(),
                                            [name](const Bound& each) { return each.name == name->name; });
            return bound == bound_.rend() ? Path(name->name) : bound->path;
        }
        const Expression* of = nullptr;
        std::string step;
        if (const MemberRead* member = std::get_if<MemberRead>(&expression.form)) {
            of = member->of.get();
            step = member->name;
        } else if (const ElementRead* element = std::get_if<ElementRead>(&expression.form)) {
            const Literal* key = std::get_if<Literal>(&element->key->form);
            const std::string* name = key == nullptr ? nullptr : key->value.text();
            if (name == nullptr || name->empty() || name->find('.') != std::string::npos)
                return std::nullopt;
            of = element->of.get();
            step = *name;
        } else {
            return std::nullopt;
        }
        Path path = resolved(*of);
        if (path)
            *path += '.' + step;
        return path;
    }

    static bool is_within(const std::string& path, const std::string& outer) {
        return path == outer || (path.size() > outer.size() && path.compare(0, outer.size(), outer) == 0 &&
                                 path[outer.size()] == '.');
    }

    void note(const std::string& path, int line) {
        names_.insert(path.substr(0, path.find('.')));
        const bool tested = std::any_of(tested_.begin(), tested_.end(),
                                        [&path](const std::string& outer) { return is_within(path, outer); });
        if (tested)
            return;
        const auto known = std::find_if(uses_.paths.begin(), uses_.paths.end(),
                                        [&path](const Template::Use& use) { return use.path == path; });
        if (known == uses_.paths.end())
            uses_.paths.push_back({path, line, branches_ == 0});
        else
            known->always = known->always || branches_ == 0;
    }

    void read(const Expression& expression) {
        if (const Path path = resolved(expression)) {
            note(*path, expression.place.line);
        } else if (const Logic* logic = std::get_if<Logic>(&expression.form)) {
            read(*logic->left);
            within_branch(*logic->left, [&] { read(*logic->right); });
        } else if (const Choice* choice = std::get_if<Choice>(&expression.form)) {
            read(*choice->condition);
            within_branch(*choice->condition, [&] {
                read(*choice->then);
                if (choice->otherwise != nullptr)
                    read(*choice->otherwise);
            });
        } else if (const FilterCall* call = std::get_if<FilterCall>(&expression.form)) {
            // The default's own value is needed only where the input is undefined.
            const bool defaults = call->filter->name == "default" || call->filter->name == "d";
            if (defaults)
                read_tested(*call->input);
            else
                read(*call->input);
            branches_ += defaults ? 1 : 0;
            for (const ExpressionPtr& argument : call->arguments.slots)
                if (argument != nullptr)
                    read(*argument);
            for (const ExpressionPtr& argument : call->arguments.more)
                read(*argument);
            branches_ -= defaults ? 1 : 0;
        } else if (const Expression* tested = tested_by(expression)) {
            read_tested(*tested);
        } else {
            each_part(expression, [this](const Expression& part) { read(part); });
        }
    }

    /// What stands before `is defined` or `is undefined`.
    static const Expression* tested_by(const Expression& expression) {
        const TestCall* test = std::get_if<TestCall>(&expression.form);
        const bool asks =
            test != nullptr && (test->test->name == "defined" || test->test->name == "undefined");
        return asks ? test->input.get() : nullptr;
    }

    /// The last step of the path may be missing; what it is a step of may not.
    void read_tested(const Expression& expression) {
        const Path path = resolved(expression);
        if (!path) {
            read(expression);
            return;
        }
        names_.insert(path->substr(0, path->find('.')));
        if (const MemberRead* member = std::get_if<MemberRead>(&expression.form))
            read(*member->of);
        if (const ElementRead* element = std::get_if<ElementRead>(&expression.form))
            read(*element->of);
    }

    void add_tested(const Expression& condition) {
        if (const Expression* tested = tested_by(condition))
            if (const Path path = resolved(*tested))
                tested_.push_back(*path);
        each_part(condition, [this](const Expression& part) { add_tested(part); });
    }

    /// Reads that happen only sometimes, and behind a test of what is defined.
    template <class Read> void within_branch(const Expression& condition, Read read_branch) {
        const std::size_t tested = tested_.size();
        add_tested(condition);
        ++branches_;
        read_branch();
        --branches_;
        tested_.resize(tested);
    }

    void bind(const Target& target, Path path) {
        if (target.parts.empty())
            bound_.push_back({target.name, std::move(path)});
        for (const Target& part : target.parts)
            bind(part, std::nullopt);
    }

    void read_all(const Body& body) {
        for (const Statement& statement : body)
            std::visit([this](const auto& form) { read(form); }, statement.form);
    }

    /// What a branch binds stands behind it, too, but nobody knows for what.
    void read_branch(const Body& body, std::vector<std::string>& bound) {
        const std::size_t before = bound_.size();
        read_all(body);
        for (std::size_t at = before; at < bound_.size(); ++at)
            bound.push_back(bound_[at].name);
        bound_.resize(before);
    }

    void read_scope(const Body& body) {
        const std::size_t before = bound_.size();
        read_all(body);
        bound_.resize(before);
    }

    void read(const TextOut&) {}
    void read(const Print& form) { read(*form.value); }

    void read(const If& form) {
        const std::size_t tested = tested_.size();
        std::vector<std::string> bound;
        for (const If::Branch& branch : form.branches) {
            const bool first = &branch == &form.branches.front();
            if (!first)
                ++branches_;
            read(*branch.condition);
            if (!first)
                --branches_;
            add_tested(*branch.condition);
            ++branches_;
            read_branch(branch.body, bound);
            --branches_;
        }
        ++branches_;
        read_branch(form.otherwise, bound);
        --branches_;
        tested_.resize(tested);
        for (std::string& name : bound)
            bound_.push_back({std::move(name), std::nullopt});
    }

    void read(const For& form) {
        read(*form.over);
        const std::size_t before = bound_.size();
        ++branches_;
        bind(form.target, std::nullopt);
        if (form.condition != nullptr)
            read(*form.condition);
        bound_.push_back({"loop", std::nullopt});
        read_all(form.body.body);
        bound_.resize(before);
        read_scope(form.otherwise.body);
        --branches_;
    }

    void read(const Set& form) {
        read(*form.value);
        bind(form.target, resolved(*form.value));
    }

    void read(const SetBlock& form) {
        read_scope(form.block.body);
        bound_.push_back({form.name, std::nullopt});
    }

    Uses uses_;
    std::set<std::string> names_;
    std::vector<Bound> bound_;
    std::vector<std::string> tested_; ///< paths whose being defined is tested around here
    int branches_ = 0;                ///< how many branches and loops we are in
};

} // namespace

Uses uses_of(const Block& block) {
    return Finder().run(block.body);
}

} // namespace templates
