// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/toml.hpp"

#include "base/error.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

namespace base {

namespace {

/// Goes over a text before it is parsed and refuses what toml++ 3.3 is not safe with. It bounds the nesting
/// of values, but not that of dotted keys, and takes its tables down by recursion: 200 KB of "a.a.a…" ended
/// the program. A letter beyond ASCII outside of quotes, which TOML does not allow, takes it to a branch that
/// it declares unreachable. Where the text is no TOML this may lose its way, but no earlier than toml++
/// refuses it.
class Guard {
public:
    Guard(std::string_view text, std::string_view name) : text_(text), name_(name) {}

    void run() {
        constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
        at_ = text_.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"' || c == '\'') {
                skip_string(c);
                line_is_blank_ = false;
                continue;
            }
            if (c == '#') {
                at_ = std::min(text_.find('\n', at_), text_.size());
                continue;
            }
            if (static_cast<unsigned char>(c) >= 0x80) {
                throw Error(Fault::Input,
                            "{}:{}: a character that is not ASCII stands outside of quotes; quote it", name_,
                            line_);
            }
            read(c);
            line_is_blank_ = c == '\n' || (line_is_blank_ && (c == ' ' || c == '\t'));
            ++at_;
        }
    }

private:
    static constexpr std::size_t most = 64; // as for JSON

    /// A list or an inline table that is open, or the line outside all of them.
    struct Level {
        bool is_list = false;
        bool in_value = false; ///< behind the '=', where a '.' is a decimal point
        std::size_t dots = 0;  ///< in the key that is being read or whose value is
    };

    void read(char c) {
        switch (c) {
        case '\n':
            ++line_;
            if (open_.size() == 1) {
                open_.back() = {};
                in_header_ = false;
            }
            break;
        case '.':
            if (in_header_) {
                ++header_dots_;
            } else if (!open_.back().in_value) {
                ++open_.back().dots;
            }
            refuse_deep();
            break;
        case '=':
            open_.back().in_value = true;
            break;
        case ',':
            open_.back().in_value = open_.back().is_list;
            open_.back().dots = 0;
            break;
        case '[':
            if (open_.size() == 1 && line_is_blank_) {
                in_header_ = true;
                header_dots_ = 0;
            } else if (!in_header_) {
                open({true, true, 0});
            }
            break;
        case '{':
            open({});
            break;
        case ']':
        case '}':
            if (!in_header_ && open_.size() > 1) {
                open_.pop_back();
            }
            break;
        default:
            break;
        }
    }

    void open(Level level) {
        open_.push_back(level);
        refuse_deep();
    }

    void refuse_deep() const {
        std::size_t depth = header_dots_ + open_.size();
        for (const Level& level : open_) {
            depth += level.dots;
        }
        if (depth > most) {
            throw Error(Fault::Input, "{}:{}: tables and lists are nested deeper than {}", name_, line_,
                        most);
        }
    }

    void skip_string(char quote) {
        const bool escapes = quote == '"';
        const std::string end(text_.substr(at_, 3) == std::string(3, quote) ? 3 : 1, quote);
        at_ += end.size();
        while (at_ < text_.size() && text_.substr(at_, end.size()) != end) {
            if (text_[at_] == '\n') {
                if (end.size() == 1) {
                    return; // no TOML
                }
                ++line_;
            }
            const bool escaped_line_feed = text_.substr(at_, 2) == "\\\n";
            at_ += escapes && text_[at_] == '\\' && !escaped_line_feed ? 2 : 1;
        }
        at_ += end.size();
        // Up to two quotes directly before the closing three belong to the text.
        for (int more = 0; more < 2 && end.size() == 3 && at_ < text_.size() && text_[at_] == quote; ++more) {
            ++at_;
        }
    }

    std::string_view text_;
    std::string_view name_;
    std::size_t at_ = 0;
    int line_ = 1;
    bool line_is_blank_ = true;
    bool in_header_ = false;
    std::size_t header_dots_ = 0;
    std::vector<Level> open_{1};
};

class Converter {
public:
    explicit Converter(std::string_view name) : name_(name) {}

    Value convert(const toml::node& node) const {
        const int line = static_cast<int>(node.source().begin.line);
        Value value = without_line(node, line);
        value.line = line;
        return value;
    }

private:
    Value without_line(const toml::node& node, int line) const {
        switch (node.type()) {
        case toml::node_type::table:
            return convert_table(*node.as_table());
        case toml::node_type::array:
            return convert_array(*node.as_array());
        case toml::node_type::string:
            return node.as_string()->get();
        case toml::node_type::integer:
            return Value(std::int64_t{node.as_integer()->get()});
        case toml::node_type::floating_point:
            return convert_number(node.as_floating_point()->get(), line);
        case toml::node_type::boolean:
            return node.as_boolean()->get();
        case toml::node_type::date:
            return as_text(node.as_date()->get());
        case toml::node_type::time:
            return as_text(node.as_time()->get());
        case toml::node_type::date_time:
            return as_text(node.as_date_time()->get());
        case toml::node_type::none:
            break;
        }
        throw Error(Fault::Internal, "{}:{}: a TOML value of no kind", name_, line);
    }

    // JSON has no such number, and no setting means one.
    Value convert_number(double number, int line) const {
        if (!std::isfinite(number)) {
            throw Error(Fault::Input, "{}:{}: a number must be finite", name_, line);
        }
        return number;
    }

    template <class Date> static Value as_text(const Date& date) {
        std::ostringstream text;
        text << date;
        return text.str();
    }

    Value convert_array(const toml::array& array) const {
        Array items;
        items.reserve(array.size());
        for (const toml::node& item : array) {
            items.push_back(convert(item));
        }
        return items;
    }

    // toml++ sorts the members of a table by name; where their keys stand tells the order in which they were
    // written.
    Value convert_table(const toml::table& table) const {
        struct Entry {
            const toml::key* key;
            const toml::node* node;
        };
        std::vector<Entry> entries;
        entries.reserve(table.size());
        for (const auto& [key, node] : table) {
            entries.push_back({&key, &node});
        }
        std::stable_sort(entries.begin(), entries.end(), [](const Entry& left, const Entry& right) {
            return left.key->source().begin < right.key->source().begin;
        });
        Object object;
        object.members.reserve(entries.size());
        for (const Entry& entry : entries) {
            const int line = static_cast<int>(entry.key->source().begin.line);
            Value value = convert(*entry.node);
            if (value.line == 0) {
                value.line = line;
            }
            object.members.push_back({std::string(entry.key->str()), std::move(value), line});
        }
        return object;
    }

    std::string_view name_;
};

/// toml++ begins with a capital: "Error while parsing …".
std::string in_our_manner(std::string_view description) {
    std::string text(description);
    if (!text.empty()) {
        text.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
    }
    return text;
}

} // namespace

Value parse_toml(std::string_view text, std::string_view name) {
    Guard(text, name).run();
    try {
        return Converter(name).convert(toml::parse(text));
    } catch (const toml::parse_error& error) {
        throw Error(Fault::Input, "{}:{}: {}", name, error.source().begin.line,
                    in_our_manner(error.description()));
    }
}

} // namespace base
