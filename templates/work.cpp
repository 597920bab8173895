// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/work.hpp"

#include "base/error.hpp"

namespace templates {
namespace {

// So that no step stands for more work than a few microseconds.
constexpr std::size_t bytes_a_step = 64;
constexpr std::size_t items_a_step = 4;

} // namespace

void Work::charge(std::size_t steps) {
    steps_ += steps;
    if (steps_ > limits_.steps)
        fail(fmt::format("the template takes more than {} steps; make its loops shorter", limits_.steps));
}

void Work::fail(std::string_view message) const {
    throw base::Error(base::Fault::Input, "{}:{}: {}", name_, line, message);
}

void Work::check_size(std::size_t bytes) const {
    if (bytes > limits_.output_bytes)
        fail(fmt::format("the text has more than {} bytes here; render less", limits_.output_bytes));
}

Datum Work::text(std::string text) {
    check_size(text.size());
    charge(text.size() / bytes_a_step);
    return Datum(std::move(text));
}

Datum Work::sequence(Sequence::Form form, std::vector<Datum> items) {
    charge(items.size() / items_a_step);
    Datum made = make_sequence(form, std::move(items));
    if (depth_of(made) > deepest_data)
        fail(fmt::format("lists are nested more than {} deep; write it flatter", deepest_data));
    return made;
}

Datum Work::record(std::vector<std::pair<Datum, Datum>> members) {
    charge(members.size() / items_a_step);
    Datum made = make_record(std::move(members));
    if (depth_of(made) > deepest_data)
        fail(fmt::format("records are nested more than {} deep; write it flatter", deepest_data));
    return made;
}

Datum Work::value(const base::Value& value, int depth) {
    if (depth > deepest_data)
        fail(fmt::format("a variable is nested more than {} deep; write it flatter", deepest_data));
    if (const bool* flag = value.flag())
        return *flag;
    if (const std::int64_t* whole = value.whole())
        return *whole;
    if (const double* number = value.number())
        return *number;
    if (const std::string* text = value.text())
        return *text;
    if (const base::Array* array = value.array()) {
        std::vector<Datum> items;
        items.reserve(array->size());
        for (const base::Value& item : *array)
            items.push_back(this->value(item, depth + 1));
        return make_sequence(Sequence::Form::List, std::move(items));
    }
    if (const base::Object* object = value.object()) {
        std::vector<std::pair<Datum, Datum>> members;
        members.reserve(object->members.size());
        for (const base::Member& member : object->members)
            members.emplace_back(member.name, this->value(member.value, depth + 1));
        return make_record(std::move(members));
    }
    return nullptr;
}

} // namespace templates
