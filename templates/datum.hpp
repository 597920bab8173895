// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace templates {

struct Sequence;
struct Record;
struct Loop;

/// What a name or member that is not there evaluates to. It may be passed to `default` and `defined`; any
/// other use is an error with `why`.
struct Undefined {
    std::shared_ptr<const std::string> why;
    bool empty = false;
};

/// A value while a template is rendered: what base::Value knows, and what Python has beyond it. Copies are
/// cheap and share; nothing is changed after it was made, but for a stream that is used up.
struct Datum {
    using Text = std::shared_ptr<const std::string>;
    std::variant<std::nullptr_t, Undefined, bool, std::int64_t, double, Text, std::shared_ptr<Sequence>,
                 std::shared_ptr<const Record>, std::shared_ptr<const Loop>>
        data = nullptr;

    Datum() = default;
    Datum(std::nullptr_t) {}
    Datum(Undefined undefined) : data(std::move(undefined)) {}
    Datum(bool flag) : data(flag) {}
    Datum(std::int64_t number) : data(number) {}
    Datum(double number) : data(number) {}
    Datum(std::string text) : data(std::make_shared<const std::string>(std::move(text))) {}
    Datum(std::string_view text) : Datum(std::string(text)) {}
    Datum(const char* text) : Datum(std::string(text)) {}
    Datum(std::shared_ptr<Sequence> sequence) : data(std::move(sequence)) {}
    Datum(std::shared_ptr<const Record> record) : data(std::move(record)) {}
    Datum(std::shared_ptr<const Loop> loop) : data(std::move(loop)) {}

    bool is_none() const noexcept { return std::holds_alternative<std::nullptr_t>(data); }
    const Undefined* undefined() const noexcept { return std::get_if<Undefined>(&data); }
    bool is_empty_undefined() const noexcept { return undefined() != nullptr && undefined()->empty; }
    const bool* flag() const noexcept { return std::get_if<bool>(&data); }
    const std::int64_t* whole() const noexcept { return std::get_if<std::int64_t>(&data); }
    const double* fraction() const noexcept { return std::get_if<double>(&data); }
    const std::string* text() const noexcept {
        const Text* text = std::get_if<Text>(&data);
        return text == nullptr ? nullptr : text->get();
    }
    Sequence* sequence() const noexcept {
        const auto* sequence = std::get_if<std::shared_ptr<Sequence>>(&data);
        return sequence == nullptr ? nullptr : sequence->get();
    }
    const Record* record() const noexcept {
        const auto* record = std::get_if<std::shared_ptr<const Record>>(&data);
        return record == nullptr ? nullptr : record->get();
    }
    const Loop* loop() const noexcept {
        const auto* loop = std::get_if<std::shared_ptr<const Loop>>(&data);
        return loop == nullptr ? nullptr : loop->get();
    }

    /// Whole numbers as they are, True and False as 1 and 0, as Python counts.
    const std::int64_t* as_whole(std::int64_t& room) const noexcept {
        if (const bool* truth = flag())
            room = *truth ? 1 : 0;
        else if (const std::int64_t* number = whole())
            room = *number;
        else
            return nullptr;
        return &room;
    }
};

struct Sequence {
    enum class Form {
        List,
        Tuple,
        Range,  ///< range(n)
        View,   ///< record.items() and its kin
        Stream, ///< what Python makes lazily, as map does: it can be walked once, and has no length
    };
    Form form = Form::List;
    std::vector<Datum> items;
    int depth = 1; ///< how deep lists and records are nested in this one
    bool spent = false;
};

/// Members in the order in which they were written; names are unique.
struct Record {
    std::vector<std::pair<Datum, Datum>> members;
    int depth = 1;
};

/// `loop` in the body of a for.
struct Loop {
    std::int64_t index0 = 0;
    std::shared_ptr<const std::vector<Datum>> items;
};

/// Lists and records deeper than this are refused, so that walking them never exhausts the stack.
inline constexpr int deepest_data = 100;
/// 0 for what has no members.
int depth_of(const Datum& datum) noexcept;

Datum make_sequence(Sequence::Form form, std::vector<Datum> items);
Datum make_record(std::vector<std::pair<Datum, Datum>> members);

/// "a string", "a number", "a list" … as people call it.
std::string_view kind_of(const Datum& datum) noexcept;

} // namespace templates
