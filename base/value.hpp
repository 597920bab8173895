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

    Value() = default;
    Value(std::nullptr_t) {}
    Value(bool flag) : data(flag) {}
    Value(int number) : data(std::int64_t{number}) {}
    Value(unsigned number) : data(std::int64_t{number}) {}
    Value(std::int64_t number) : data(number) {}
    Value(std::uint64_t number) : data(static_cast<std::int64_t>(number)) {}
    Value(double number) : data(number) {}
    Value(const char* text) : data(std::string(text)) {}
    Value(std::string_view text) : data(std::string(text)) {}
    Value(std::string text) : data(std::move(text)) {}
    Value(Array array) : data(std::move(array)) {}
    Value(Object object);
    Value(const std::vector<std::string>& texts);

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

// Here, where Member is complete.
inline Object::Object() noexcept = default;
inline Object::Object(const Object& other) = default;
inline Object::Object(Object&& other) noexcept = default;
inline Object& Object::operator=(const Object& other) = default;
inline Object& Object::operator=(Object&& other) noexcept = default;
inline Object::~Object() = default;

} // namespace base
