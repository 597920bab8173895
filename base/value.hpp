// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace base {

struct Value;
struct Member;
using Array = std::vector<Value>;

/// A record: members keep the order in which they were written; names are unique.
struct Object {
    std::vector<Member> members;

    Object() noexcept;
    Object(std::initializer_list<std::pair<std::string, Value>> list);
    Object(const Object& other);
    Object(Object&& other) noexcept;
    Object& operator=(const Object& other);
    Object& operator=(Object&& other) noexcept;
    ~Object();

    /// The member's value or nullptr.
    const Value* find(std::string_view name) const noexcept;
    Value* find(std::string_view name) noexcept;
    /// Replaces or appends.
    void set(std::string name, Value value);
    bool empty() const noexcept;
    std::size_t size() const noexcept;
};

/// One datum of a JSON or TOML document, with the line (1-based; 0 when it was made by a program) where it
/// stands.
struct Value {
    using Data = std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object>;
    Data data = nullptr;
    int line = 0;

    // Not inline: nearly every file makes and ends values, and a variant's code in each is long to compile.
    Value() noexcept;
    Value(std::nullptr_t) noexcept;
    Value(bool flag) noexcept;
    Value(int number) noexcept;
    Value(unsigned number) noexcept;
    Value(std::int64_t number) noexcept;
    Value(std::uint64_t number) noexcept;
    Value(double number) noexcept;
    Value(const char* text);
    Value(std::string_view text);
    Value(std::string text) noexcept;
    Value(Array array) noexcept;
    Value(Object object) noexcept;
    Value(const std::vector<std::string>& texts);
    Value(const Value& other);
    Value(Value&& other) noexcept;
    Value& operator=(const Value& other);
    Value& operator=(Value&& other) noexcept;
    ~Value();

    bool is_null() const noexcept { return std::holds_alternative<std::nullptr_t>(data); }
    const bool* flag() const noexcept { return std::get_if<bool>(&data); }
    const std::int64_t* whole() const noexcept { return std::get_if<std::int64_t>(&data); }
    const double* number() const noexcept { return std::get_if<double>(&data); }
    const std::string* text() const noexcept { return std::get_if<std::string>(&data); }
    const Array* array() const noexcept { return std::get_if<Array>(&data); }
    Array* array() noexcept { return std::get_if<Array>(&data); }
    const Object* object() const noexcept { return std::get_if<Object>(&data); }
    Object* object() noexcept { return std::get_if<Object>(&data); }

    /// The kind as people call it: "a string", "a number", "a list", "a record", "true or false", "nothing".
    std::string_view kind() const noexcept;

    /// Same data; lines do not count, the order of members does not count either.
    friend bool operator==(const Value& left, const Value& right) noexcept;
};

struct Member {
    std::string name;
    Value value;
    int line = 0;
};

} // namespace base

extern template class std::vector<base::Value>;
