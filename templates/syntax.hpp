// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "templates/datum.hpp"
#include "templates/lexer.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// What the parser makes of a template. Plain data; immutable once parsed; never deeper than
/// `deepest_syntax`.
namespace templates {

struct Filter;
struct Test;
struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

/// Nesting of expressions and blocks, counted together: each level costs a few stack frames when it is
/// evaluated.
inline constexpr int deepest_syntax = 200;

struct Literal {
    Datum value;
};
struct NameRead {
    std::string name;
};
struct SequenceOf {
    Sequence::Form form = Sequence::Form::List;
    std::vector<ExpressionPtr> items;
};
struct RecordOf {
    std::vector<std::pair<ExpressionPtr, ExpressionPtr>> members;
};
/// of.name
struct MemberRead {
    ExpressionPtr of;
    std::string name;
};
/// of[key]
struct ElementRead {
    ExpressionPtr of;
    ExpressionPtr key;
};
/// of[from:to:step]; each of the three may be missing.
struct SliceRead {
    ExpressionPtr of;
    ExpressionPtr from;
    ExpressionPtr to;
    ExpressionPtr step;
};
/// of.name(arguments)
struct MethodCall {
    ExpressionPtr of;
    std::string name;
    std::vector<ExpressionPtr> arguments;
};
/// range(arguments)
struct RangeCall {
    std::vector<ExpressionPtr> arguments;
};
struct Not {
    ExpressionPtr of;
};
struct Sign {
    bool minus = false;
    ExpressionPtr of;
};
struct Arithmetic {
    std::string op; ///< + - * / // % **
    ExpressionPtr left;
    ExpressionPtr right;
};
struct Logic {
    bool is_and = false;
    ExpressionPtr left;
    ExpressionPtr right;
};
/// first < a <= b: each operand is evaluated once, and only while the ones before hold.
struct Comparison {
    ExpressionPtr first;
    std::vector<std::pair<std::string, ExpressionPtr>> rest; ///< == != < <= > >= in, not in
};
/// a ~ b ~ c
struct Concatenation {
    std::vector<ExpressionPtr> parts;
};
/// then if condition else otherwise; `otherwise` may be missing.
struct Choice {
    ExpressionPtr condition;
    ExpressionPtr then;
    ExpressionPtr otherwise;
};
/// Arguments of a filter: one slot for each parameter, empty when it was not given; `more` for filters that
/// take any number.
struct Arguments {
    std::vector<ExpressionPtr> slots;
    std::vector<ExpressionPtr> more;
};
struct FilterCall {
    ExpressionPtr input;
    const Filter* filter = nullptr;
    Arguments arguments;
};
struct TestCall {
    ExpressionPtr input;
    const Test* test = nullptr;
    ExpressionPtr argument; ///< may be missing
};

struct Expression {
    using Form = std::variant<Literal, NameRead, SequenceOf, RecordOf, MemberRead, ElementRead, SliceRead,
                              MethodCall, RangeCall, Not, Sign, Arithmetic, Logic, Comparison, Concatenation,
                              Choice, FilterCall, TestCall>;
    Place place;
    int depth = 1;
    bool reads_names = false; ///< what reads none, Jinja2 may calculate while it compiles
    Form form;
};

/// Calls `visit` for each direct part that is there, in the order of writing.
void each_part(const Expression& expression, const std::function<void(const Expression&)>& visit);
/// "a.b", "a['x y']", "a[0]" as a person would write it; empty when the expression is not such a path.
std::string path_of(const Expression& expression);

/// What is assigned to: a name, or several that a tuple is unpacked into.
struct Target {
    std::string name;
    std::vector<Target> parts;
};

struct Statement;
using Body = std::vector<Statement>;

/// Statements with a scope of their own.
struct Block {
    Body body;
    /// Names that the block sets and whose outer meaning cannot be read in the inner blocks before; see
    /// scopes.hpp.
    std::vector<std::string> hidden;
};

struct TextOut {
    std::string text;
};
struct Print {
    ExpressionPtr value;
};
struct If {
    struct Branch {
        ExpressionPtr condition;
        Body body;
    };
    std::vector<Branch> branches;
    Body otherwise;
};
struct For {
    Target target;
    ExpressionPtr over;
    ExpressionPtr condition; ///< may be missing
    Block body;
    Block otherwise;
};
struct Set {
    Target target;
    ExpressionPtr value;
};
/// {% set name %}text{% endset %}
struct SetBlock {
    std::string name;
    Block block;
};

struct Statement {
    Place place;
    std::variant<TextOut, Print, If, For, Set, SetBlock> form;
};

} // namespace templates
