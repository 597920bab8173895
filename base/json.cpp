// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

#include "base/error.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace base {

namespace {

namespace bj = boost::json;

/// Builds a Value from the events of Boost's parser, which itself would accept a member twice. Throws from
/// its events: the parser is not used again after that.
class Builder {
public:
    // What bounds memory is the size of the text; these are Boost's own limits, all above it.
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    Builder(std::string_view name, std::size_t depth) : name_(name), depth_(depth) {}

    void next_line() noexcept { ++line_; }
    Value take() { return std::move(*root_); }

    [[noreturn]] void refuse(std::string_view what) const { refuse_at(line_, what); }

    bool on_document_begin(bj::error_code&) { return true; }
    bool on_document_end(bj::error_code&) { return true; }
    bool on_object_begin(bj::error_code&) { return open(Value(Object{})); }
    bool on_object_end(std::size_t, bj::error_code&) {
        refuse_duplicates(*open_.back().container.object());
        return close();
    }
    bool on_array_begin(bj::error_code&) { return open(Value(Array{})); }
    bool on_array_end(std::size_t, bj::error_code&) { return close(); }
    bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) { return gather(part); }
    bool on_key(bj::string_view part, std::size_t, bj::error_code&) {
        gather(part);
        open_.back().key = std::exchange(text_, {});
        open_.back().key_line = line_;
        return true;
    }
    bool on_string_part(bj::string_view part, std::size_t, bj::error_code&) { return gather(part); }
    bool on_string(bj::string_view part, std::size_t, bj::error_code&) {
        gather(part);
        return add(Value(std::exchange(text_, {})));
    }
    bool on_number_part(bj::string_view part, bj::error_code&) { return gather(part); }
    bool on_int64(std::int64_t number, bj::string_view, bj::error_code&) {
        text_.clear();
        return add(Value(number));
    }
    bool on_uint64(std::uint64_t, bj::string_view part, bj::error_code&) { return add_number(part); }
    bool on_double(double, bj::string_view part, bj::error_code&) { return add_number(part); }
    bool on_bool(bool flag, bj::error_code&) { return add(Value(flag)); }
    bool on_null(bj::error_code&) { return add(Value(nullptr)); }
    bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
    bool on_comment(bj::string_view, bj::error_code&) { return true; }

private:
    struct Open {
        Value container;
        std::string key;
        int key_line = 0;
    };

    [[noreturn]] void refuse_at(int line, std::string_view what) const {
        throw Error(Fault::Input, "{}:{}: {}", name_, line, what);
    }

    bool gather(bj::string_view part) {
        text_.append(part.data(), part.size());
        return true;
    }

    // Boost 1.81 computes a double that may be off in its last bit; the standard library's is the nearest
    // one.
    bool add_number(bj::string_view last_part) {
        gather(last_part);
        double number = 0;
        const auto [end, problem] = std::from_chars(text_.data(), text_.data() + text_.size(), number);
        if (problem != std::errc{} || end != text_.data() + text_.size()) {
            refuse(fmt::format("number {} is out of range", text_.substr(0, 40)));
        }
        text_.clear();
        return add(Value(number));
    }

    bool add(Value value) {
        if (value.line == 0) {
            value.line = line_;
        }
        if (open_.empty()) {
            root_ = std::move(value);
        } else if (Array* array = open_.back().container.array()) {
            array->push_back(std::move(value));
        } else {
            Open& record = open_.back();
            record.container.object()->members.push_back(
                {std::exchange(record.key, {}), std::move(value), record.key_line});
        }
        return true;
    }

    bool open(Value container) {
        if (open_.size() >= depth_) {
            refuse(fmt::format("lists and records are nested deeper than {}", depth_));
        }
        container.line = line_;
        open_.push_back({std::move(container), {}, 0});
        return true;
    }

    bool close() {
        Value container = std::move(open_.back().container);
        open_.pop_back();
        return add(std::move(container));
    }

    // Once at the end and by sorting: looking each name up as it comes would be quadratic for a hostile
    // record.
    void refuse_duplicates(const Object& record) const {
        std::vector<const Member*> sorted;
        sorted.reserve(record.size());
        for (const Member& member : record.members) {
            sorted.push_back(&member);
        }
        std::stable_sort(sorted.begin(), sorted.end(),
                         [](const Member* left, const Member* right) { return left->name < right->name; });
        const auto twice =
            std::adjacent_find(sorted.begin(), sorted.end(), [](const Member* left, const Member* right) {
                return left->name == right->name;
            });
        if (twice != sorted.end()) {
            const Member* second = *std::next(twice);
            refuse_at(second->line, fmt::format("'{}' is given twice, first on line {}",
                                                second->name.substr(0, 80), (*twice)->line));
        }
    }

    std::string_view name_;
    std::size_t depth_;
    int line_ = 1;
    std::optional<Value> root_;
    std::vector<Open> open_;
    std::string text_;
};

std::string reason(const bj::error_code& problem) {
    if (problem == bj::error::incomplete) {
        return "the JSON text ends too early";
    }
    if (problem == bj::error::extra_data) {
        return "something follows the end of the JSON text";
    }
    return "this is not JSON: " + problem.message();
}

} // namespace

Value parse_json(std::string_view text, std::string_view name, JsonLimits limits) {
    if (text.size() > limits.bytes) {
        throw Error(Fault::Input, "{}:1: the JSON text has {} bytes, but at most {} are read", name,
                    text.size(), limits.bytes);
    }
    bj::parse_options options;
    options.max_depth = limits.depth + 1; // the builder refuses first, with a sentence of its own
    bj::basic_parser<Builder> parser(options, name, limits.depth);
    // Line by line, so that every event stands on a known line: no token of JSON may contain a line feed. To
    // begin a line costs the parser a step for each open list or record, so those that hold nothing are left
    // out: 16 MiB of line feeds in 64 lists took 8 s.
    std::string_view rest = text;
    while (true) {
        const std::size_t feed = rest.find('\n');
        const std::string_view line = rest.substr(0, feed == std::string_view::npos ? feed : feed + 1);
        rest.remove_prefix(line.size());
        if (rest.empty() || line.find_first_not_of(" \t\r\n") != std::string_view::npos) {
            bj::error_code problem;
            const std::size_t taken = parser.write_some(!rest.empty(), line.data(), line.size(), problem);
            if (!problem && taken < line.size()) {
                problem = bj::error::extra_data;
            }
            if (problem) {
                parser.handler().refuse(reason(problem));
            }
        }
        if (rest.empty()) {
            return parser.handler().take();
        }
        parser.handler().next_line();
    }
}

} // namespace base
