// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The part of the grammar that stands behind a value: members, subscripts, calls, filters and tests.
#include "templates/expressions.hpp"

#include "base/fields.hpp"
#include "templates/filters.hpp"
#include "templates/operations.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace templates {
namespace {

using Kind = Token::Kind;

const std::string* constant_text(const Expression& expression) {
    const Literal* literal = std::get_if<Literal>(&expression.form);
    return literal == nullptr ? nullptr : literal->value.text();
}

/// "no arguments", "1 argument", "1 to 3 arguments".
std::string counted(std::size_t least, std::size_t most) {
    if (most == 0)
        return "no arguments";
    if (most > 100)
        return fmt::format("{} or more arguments", least);
    if (least == most)
        return fmt::format("{} argument{}", most, most == 1 ? "" : "s");
    return fmt::format("{} to {} arguments", least, most);
}

} // namespace

ExpressionPtr ExpressionReader::postfix(ExpressionPtr of) {
    while (true) {
        if (current().is(".")) {
            const Place place = take().place;
            const Token token = take();
            if (token.kind == Kind::Whole) {
                ExpressionPtr index = make(token.place, Literal{Datum(token.whole)});
                of = make(place, ElementRead{std::move(of), std::move(index)});
                continue;
            }
            if (token.kind != Kind::Name)
                fail(token.place, fmt::format("expected a name behind '.', but found {}", spelled(token)));
            if (token.text.compare(0, 2, "__") == 0)
                fail(token.place, fmt::format("'{}' begins with '__', which templates do not read; rename it",
                                              token.text));
            of = make(place, MemberRead{std::move(of), token.text});
        } else if (current().is("[")) {
            of = subscript(std::move(of));
        } else if (current().is("(")) {
            of = call(std::move(of));
        } else {
            return of;
        }
    }
}

ExpressionPtr ExpressionReader::subscript(ExpressionPtr of) {
    const Place place = take().place;
    const auto bound = [&]() -> ExpressionPtr {
        return current().is(":") || current().is("]") ? nullptr : read();
    };
    if (current().is("]"))
        fail("expected an index or a name between '[' and ']'");
    ExpressionPtr first = bound();
    if (!current().is(":")) {
        expect("]", "behind the index");
        return make(place, ElementRead{std::move(of), std::move(first)});
    }
    SliceRead slice{std::move(of), std::move(first), nullptr, nullptr};
    take();
    slice.to = bound();
    if (accept(":"))
        slice.step = bound();
    expect("]", "behind the slice");
    return make(place, std::move(slice));
}

std::vector<ExpressionPtr> ExpressionReader::positional(std::string_view callee) {
    std::vector<ExpressionPtr> arguments;
    take();
    while (!current().is(")")) {
        if (current().is("*") || current().is("**"))
            fail("arguments are written one by one; '*' and '**' are not in this subset of Jinja2");
        if (current().kind == Kind::Name && next().is("="))
            fail(
                fmt::format("'{}' takes its arguments by position; leave out '{}='", callee, current().text));
        arguments.push_back(read());
        if (!accept(","))
            break;
    }
    expect(")", "behind the arguments");
    return arguments;
}

ExpressionPtr ExpressionReader::call(ExpressionPtr of) {
    const Place place = current().place;
    const auto check = [&](std::string_view name, std::size_t given, std::size_t least, std::size_t most) {
        if (given < least || given > most)
            fail(place, fmt::format("'{}' takes {}, but {} are given", name, counted(least, most), given));
    };
    if (const NameRead* name = std::get_if<NameRead>(&of->form)) {
        if (name->name != "range")
            fail(of->place,
                 fmt::format("'{}' is not a function; 'range' is the only one, filters are written '| {}'",
                             name->name, name->name));
        RangeCall range{positional("range")};
        check("range", range.arguments.size(), 1, 3);
        return make(place, std::move(range));
    }
    MemberRead* member = std::get_if<MemberRead>(&of->form);
    if (member == nullptr)
        fail(place, "this value cannot be called; only methods such as .items() and 'range' can");
    const Method* method = find_method(member->name);
    if (method == nullptr) {
        const std::vector<std::string> known = method_names();
        const auto near = base::nearest(member->name, known);
        fail(of->place,
             near ? fmt::format("unknown method '{}'; did you mean '{}'?", member->name, *near)
                  : fmt::format("unknown method '{}'; known are: {}", member->name, fmt::join(known, ", ")));
    }
    std::vector<ExpressionPtr> arguments = positional(method->name);
    check(method->name, arguments.size(), method->least, method->most);
    return make(place, MethodCall{std::move(member->of), std::move(member->name), std::move(arguments)});
}

Arguments ExpressionReader::filter_arguments(const Filter& filter) {
    Arguments arguments;
    arguments.slots.resize(filter.parameters.size());
    const Place place = current().place;
    std::size_t next_slot = 0;
    bool named = false;
    if (accept("(")) {
        while (!current().is(")")) {
            const Token token = current();
            if (token.is("*") || token.is("**"))
                fail("arguments are written one by one; '*' and '**' are not in this subset of Jinja2");
            if (token.kind == Kind::Name && next().is("=")) {
                take();
                take();
                named = true;
                const auto found = std::find(filter.parameters.begin(), filter.parameters.end(), token.text);
                if (found == filter.parameters.end())
                    fail(token.place,
                         fmt::format("filter '{}' has no argument '{}'; {} {}", filter.name, token.text,
                                     filter.parameters.empty() ? "it has none" : "it has:",
                                     fmt::join(filter.parameters, ", ")));
                ExpressionPtr& slot =
                    arguments.slots[static_cast<std::size_t>(found - filter.parameters.begin())];
                if (slot != nullptr)
                    fail(token.place,
                         fmt::format("'{}' is given twice to filter '{}'", token.text, filter.name));
                slot = read();
            } else if (named) {
                fail(fmt::format(
                    "an argument without a name stands behind one with a name in filter '{}'; put it first",
                    filter.name));
            } else if (filter.any_number) {
                arguments.more.push_back(read());
            } else if (next_slot < arguments.slots.size()) {
                arguments.slots[next_slot++] = read();
            } else {
                fail(fmt::format("filter '{}' takes {}, but more are given", filter.name,
                                 counted(filter.required, filter.parameters.size())));
            }
            if (!accept(","))
                break;
        }
        expect(")", "behind the arguments");
    }
    for (std::size_t slot = 0; slot < filter.required; ++slot)
        if (arguments.slots[slot] == nullptr)
            fail(place, fmt::format("filter '{}' needs the argument '{}'; write {}({}=…)", filter.name,
                                    filter.parameters[slot], filter.name, filter.parameters[slot]));
    return arguments;
}

void ExpressionReader::check_names(const Filter& filter, const Arguments& arguments) const {
    const auto named = [&](std::optional<std::size_t> at) -> const std::string* {
        return at && *at < arguments.more.size() ? constant_text(*arguments.more[*at]) : nullptr;
    };
    if (const std::string* name = named(filter.filter_at); name != nullptr && find_filter(*name) == nullptr)
        fail(arguments.more[*filter.filter_at]->place, unknown_filter(*name));
    if (const std::string* name = named(filter.test_at); name != nullptr && find_test(*name) == nullptr)
        fail(arguments.more[*filter.test_at]->place, unknown_test(*name));
}

ExpressionPtr ExpressionReader::filter(ExpressionPtr input) {
    take();
    const Token token = take();
    if (token.kind != Kind::Name)
        fail(token.place,
             fmt::format("expected the name of a filter behind '|', but found {}", spelled(token)));
    std::string name = token.text;
    while (current().is(".") && next().kind == Kind::Name) {
        take();
        name += '.' + take().text;
    }
    const Filter* found = find_filter(name);
    if (found == nullptr)
        fail(token.place, unknown_filter(name));
    Arguments arguments = filter_arguments(*found);
    check_names(*found, arguments);
    return make(token.place, FilterCall{std::move(input), found, std::move(arguments)});
}

ExpressionPtr ExpressionReader::test(ExpressionPtr value) {
    const Place place = take().place;
    const bool negated = accept_name("not");
    const Token token = take();
    if (token.kind != Kind::Name)
        fail(token.place,
             fmt::format("expected the name of a test behind 'is', but found {}", spelled(token)));
    const Test* found = find_test(token.text);
    if (found == nullptr)
        fail(token.place, unknown_test(token.text));

    std::vector<ExpressionPtr> arguments;
    const Token& behind = current();
    const bool value_follows =
        behind.kind == Kind::String || behind.kind == Kind::Whole || behind.kind == Kind::Fraction ||
        behind.is("[") || behind.is("{") ||
        (behind.kind == Kind::Name && behind.text != "else" && behind.text != "or" && behind.text != "and");
    if (behind.is("(")) {
        arguments = positional(found->name);
    } else if (value_follows) {
        if (behind.is_name("is"))
            fail("'is' cannot follow a test; join two tests with 'and'");
        arguments.push_back(postfix(primary()));
    }
    const std::size_t wanted = found->takes_argument ? 1 : 0;
    if (arguments.size() != wanted)
        fail(token.place, fmt::format("test '{}' takes {}, but {} are given", found->name,
                                      counted(wanted, wanted), arguments.size()));
    ExpressionPtr argument = arguments.empty() ? nullptr : std::move(arguments.front());
    ExpressionPtr result = make(place, TestCall{std::move(value), found, std::move(argument)});
    return negated ? make(place, Not{std::move(result)}) : std::move(result);
}

} // namespace templates
