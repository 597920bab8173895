// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "base/json.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace base {

namespace {

/// The length of the well-formed UTF-8 sequence at the beginning of `text`, or 0 (Unicode 15, table 3-7).
std::size_t sequence_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t at) {
        return at < text.size() ? static_cast<unsigned char>(text[at]) : static_cast<unsigned char>(0);
    };
    const auto continues = [&](std::size_t at) {
        return (byte(at) & 0xc0u) == 0x80u;
    };
    const unsigned char first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return continues(1) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        const unsigned char low = first == 0xe0 ? 0xa0 : 0x80;
        const unsigned char high = first == 0xed ? 0x9f : 0xbf;
        return byte(1) >= low && byte(1) <= high && continues(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const unsigned char low = first == 0xf0 ? 0x90 : 0x80;
        const unsigned char high = first == 0xf4 ? 0x8f : 0xbf;
        return byte(1) >= low && byte(1) <= high && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

class Writer {
public:
    explicit Writer(bool pretty) : pretty_(pretty) {}

    std::string take() { return std::move(text_); }

    void write(const Value& value) {
        if (const Object* object = value.object()) {
            write_all('{', object->members, '}', [this](const Member& member) {
                write(member.name);
                text_ += pretty_ ? ": " : ":";
                write(member.value);
            });
        } else if (const Array* array = value.array()) {
            write_all('[', *array, ']', [this](const Value& item) { write(item); });
        } else if (const std::string* text = value.text()) {
            write(*text);
        } else if (const std::int64_t* whole = value.whole()) {
            text_ += fmt::format_int(*whole).c_str();
        } else if (const double* number = value.number()) {
            write(*number);
        } else if (const bool* flag = value.flag()) {
            text_ += *flag ? "true" : "false";
        } else {
            text_ += "null";
        }
    }

private:
    template <class Items, class Write>
    void write_all(char opening, const Items& items, char closing, Write write_one) {
        text_ += opening;
        ++depth_;
        bool first = true;
        for (const auto& item : items) {
            if (!first) {
                text_ += ',';
            }
            first = false;
            new_line();
            write_one(item);
        }
        --depth_;
        if (!first) {
            new_line();
        }
        text_ += closing;
    }

    void new_line() {
        if (pretty_) {
            text_ += '\n';
            text_.append(depth_ * 2, ' ');
        }
    }

    // Always with a '.' or an exponent, so that it comes back as the kind of number that it is.
    void write(double number) {
        if (!std::isfinite(number)) {
            throw Error(Fault::Internal, "a number that is not finite cannot be written as JSON");
        }
        std::array<char, 32> buffer{};
        const auto [end, problem] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
        const std::string_view digits(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
        text_ += digits;
        if (digits.find_first_of(".e") == std::string_view::npos) {
            text_ += ".0";
        }
    }

    void write(const std::string& text) {
        text_ += '"';
        std::string_view rest = text;
        while (!rest.empty()) {
            const std::size_t length = sequence_length(rest);
            if (length == 0) {
                text_ += "\xef\xbf\xbd"; // U+FFFD
                rest.remove_prefix(1);
                continue;
            }
            if (length == 1) {
                write_character(rest.front());
            } else {
                text_ += rest.substr(0, length);
            }
            rest.remove_prefix(length);
        }
        text_ += '"';
    }

    void write_character(char c) {
        switch (c) {
        case '"':
            text_ += "\\\"";
            break;
        case '\\':
            text_ += "\\\\";
            break;
        case '\n':
            text_ += "\\n";
            break;
        case '\t':
            text_ += "\\t";
            break;
        case '\r':
            text_ += "\\r";
            break;
        default:
            if (c < ' ' || c == '\x7f') {
                text_ += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
            } else {
                text_ += c;
            }
        }
    }

    bool pretty_;
    std::size_t depth_ = 0;
    std::string text_;
};

} // namespace

std::string to_json(const Value& value) {
    Writer writer(false);
    writer.write(value);
    return writer.take();
}

std::string to_pretty_json(const Value& value) {
    Writer writer(true);
    writer.write(value);
    return writer.take() + "\n";
}

} // namespace base
