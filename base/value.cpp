// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/value.hpp"

#include <algorithm>

template class std::vector<base::Value>;

namespace base {

Object::Object() noexcept = default;
Object::Object(const Object& other) = default;
Object::Object(Object&& other) noexcept = default;
Object& Object::operator=(const Object& other) = default;
Object& Object::operator=(Object&& other) noexcept = default;
Object::~Object() = default;

Object::Object(std::initializer_list<std::pair<std::string, Value>> list) {
    members.reserve(list.size());
    for (const auto& [name, value] : list) {
        set(name, value);
    }
}

const Value* Object::find(std::string_view name) const noexcept {
    const auto found = std::find_if(members.begin(), members.end(),
                                    [&](const Member& member) { return member.name == name; });
    return found == members.end() ? nullptr : &found->value;
}

Value* Object::find(std::string_view name) noexcept {
    const auto found = std::find_if(members.begin(), members.end(),
                                    [&](const Member& member) { return member.name == name; });
    return found == members.end() ? nullptr : &found->value;
}

void Object::set(std::string name, Value value) {
    if (Value* present = find(name)) {
        *present = std::move(value);
        return;
    }
    const int line = value.line;
    members.push_back({std::move(name), std::move(value), line});
}

bool Object::empty() const noexcept {
    return members.empty();
}

std::size_t Object::size() const noexcept {
    return members.size();
}

Value::Value() noexcept = default;
Value::Value(std::nullptr_t) noexcept {}
Value::Value(bool flag) noexcept : data(flag) {}
Value::Value(int number) noexcept : data(std::int64_t{number}) {}
Value::Value(unsigned number) noexcept : data(std::int64_t{number}) {}
Value::Value(std::int64_t number) noexcept : data(number) {}
Value::Value(std::uint64_t number) noexcept : data(static_cast<std::int64_t>(number)) {}
Value::Value(double number) noexcept : data(number) {}
Value::Value(const char* text) : data(std::string(text)) {}
Value::Value(std::string_view text) : data(std::string(text)) {}
Value::Value(std::string text) noexcept : data(std::move(text)) {}
Value::Value(Array array) noexcept : data(std::move(array)) {}
Value::Value(Object object) noexcept : data(std::move(object)) {}
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;

Value::Value(const std::vector<std::string>& texts) : data(Array(texts.begin(), texts.end())) {}

std::string_view Value::kind() const noexcept {
    struct Kind {
        std::string_view operator()(std::nullptr_t) const noexcept { return "nothing"; }
        std::string_view operator()(bool) const noexcept { return "true or false"; }
        std::string_view operator()(std::int64_t) const noexcept { return "a number"; }
        std::string_view operator()(double) const noexcept { return "a number"; }
        std::string_view operator()(const std::string&) const noexcept { return "a string"; }
        std::string_view operator()(const Array&) const noexcept { return "a list"; }
        std::string_view operator()(const Object&) const noexcept { return "a record"; }
    };
    return std::visit(Kind{}, data);
}

namespace {

bool same_members(const Object& left, const Object& right) noexcept {
    if (left.size() != right.size()) {
        return false;
    }
    // Names are unique, so equal sizes and every left member found on the right is equality. Most records
    // that are compared have the same order, which keeps large ones linear.
    for (std::size_t at = 0; at < left.size(); ++at) {
        const Member& member = left.members[at];
        const Member& opposite = right.members[at];
        const Value* other = opposite.name == member.name ? &opposite.value : right.find(member.name);
        if (other == nullptr || !(*other == member.value)) {
            return false;
        }
    }
    return true;
}

} // namespace

bool operator==(const Value& left, const Value& right) noexcept {
    if (left.data.index() != right.data.index()) {
        return false;
    }
    if (const Object* object = left.object()) {
        return same_members(*object, *right.object());
    }
    if (const Array* array = left.array()) {
        return *array == *right.array();
    }
    if (const std::string* text = left.text()) {
        return *text == *right.text();
    }
    if (const std::int64_t* whole = left.whole()) {
        return *whole == *right.whole();
    }
    if (const double* number = left.number()) {
        return *number == *right.number();
    }
    if (const bool* flag = left.flag()) {
        return *flag == *right.flag();
    }
    return true;
}

} // namespace base
