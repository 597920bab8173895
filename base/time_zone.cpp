// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/time_zone.hpp"

#include "base/error.hpp"
#include "base/files.hpp"

#include <algorithm>
#include <filesystem>

namespace base {

namespace {

using namespace std::chrono;

const std::filesystem::path& database() {
    static const std::filesystem::path directory = "/usr/share/zoneinfo";
    return directory;
}

/// Big-endian numbers from the left of a TZif file.
class Reader {
public:
    Reader(std::string_view bytes, const std::string& name) : rest_(bytes), name_(name) {}

    std::string_view take(std::size_t count) {
        if (count > rest_.size()) {
            fail();
        }
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    std::int64_t number(std::size_t bytes) {
        std::uint64_t bits = 0;
        for (const char byte : take(bytes)) {
            bits = bits << 8 | static_cast<unsigned char>(byte);
        }
        return bytes == 4 ? static_cast<std::int32_t>(bits) : static_cast<std::int64_t>(bits);
    }
    std::size_t count() { return static_cast<std::size_t>(static_cast<std::uint32_t>(number(4))); }
    [[noreturn]] void fail() const {
        throw Error(Fault::Corrupt, "time zone '{}' cannot be read: its file is damaged", name_);
    }

private:
    std::string_view rest_;
    const std::string& name_;
};

struct Counts {
    std::size_t is_utc, is_standard, leaps, transitions, types, letters;

    std::size_t bytes(std::size_t time) const {
        return transitions * (time + 1) + types * 6 + letters + leaps * (time + 4) + is_standard + is_utc;
    }
};

Counts read_header(Reader& reader) {
    if (reader.take(4) != "TZif" || reader.take(1)[0] < '2') {
        reader.fail();
    }
    reader.take(15);
    Counts counts{};
    for (std::size_t* count : {&counts.is_utc, &counts.is_standard, &counts.leaps, &counts.transitions,
                               &counts.types, &counts.letters}) {
        *count = reader.count();
    }
    return counts;
}

/// The text after the listed transitions, as POSIX writes a zone: `CET-1CEST,M3.5.0,M10.5.0/3`.
class PosixReader {
public:
    PosixReader(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

    bool at_end() const noexcept { return rest_.empty(); }
    bool take(char wanted) {
        if (rest_.empty() || rest_.front() != wanted) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }
    void skip_name() {
        const std::size_t end = take('<') ? rest_.find('>') + 1 : rest_.find_first_of("+-0123456789,");
        if (end == 0) {
            fail();
        }
        rest_.remove_prefix(std::min(end, rest_.size()));
    }
    bool at_offset() const noexcept { return !rest_.empty() && rest_.front() != ','; }
    seconds time() {
        const bool negative = take('-');
        if (!negative) {
            take('+');
        }
        seconds time = hours(number());
        if (take(':')) {
            time += minutes(number());
        }
        if (take(':')) {
            time += seconds(number());
        }
        return negative ? -time : time;
    }
    TimeZone::Change change() {
        TimeZone::Change change;
        if (!take(',') || !take('M')) {
            fail(); // the two other forms of the standard occur in no zone of the database
        }
        change.month = number();
        take('.');
        change.week = number();
        take('.');
        change.weekday = number();
        change.time = take('/') ? time() : hours(2);
        if (change.month < 1 || change.month > 12 || change.week < 1 || change.week > 5 ||
            change.weekday > 6) {
            fail();
        }
        return change;
    }
    [[noreturn]] void fail() const {
        throw Error(Fault::Corrupt,
                    "time zone '{}' cannot be read: its rule for the future is not understood", name_);
    }

private:
    unsigned number() {
        unsigned number = 0;
        std::size_t digits = 0;
        while (digits < std::min<std::size_t>(rest_.size(), 4) && rest_[digits] >= '0' &&
               rest_[digits] <= '9') {
            number = number * 10 + static_cast<unsigned>(rest_[digits++] - '0');
        }
        if (digits == 0) {
            fail();
        }
        rest_.remove_prefix(digits);
        return number;
    }

    std::string_view rest_;
    const std::string& name_;
};

Time at_change(year in, const TimeZone::Change& change, seconds offset) {
    const weekday day(change.weekday);
    const month_weekday_last last{month(change.month), weekday_last(day)};
    const sys_days date = change.week == 5
                              ? sys_days(in / last)
                              : sys_days(in / month(change.month) / weekday_indexed(day, change.week));
    return Time(date) + change.time - offset;
}

} // namespace

seconds TimeZone::Rule::offset_at(Time time) const {
    if (!daylight) {
        return standard;
    }
    const year in = year_month_day(floor<days>(time + standard)).year();
    const Time from = at_change(in, begins, standard);
    const Time to = at_change(in, ends, *daylight);
    // South of the equator the summer goes over the turn of the year.
    const bool summer = from < to ? time >= from && time < to : time >= from || time < to;
    return summer ? *daylight : standard;
}

TimeZone::Rule TimeZone::parse_rule(std::string_view text, const std::string& name) {
    PosixReader reader(text, name);
    Rule rule;
    reader.skip_name();
    rule.standard = -reader.time(); // POSIX counts westward
    if (reader.at_end()) {
        return rule;
    }
    reader.skip_name();
    rule.daylight = reader.at_offset() ? -reader.time() : rule.standard + hours(1);
    rule.begins = reader.change();
    rule.ends = reader.change();
    return rule;
}

TimeZone TimeZone::named(const std::string& name) {
    const std::filesystem::path relative(name);
    const bool plain = !name.empty() && relative.is_relative() &&
                       std::find(relative.begin(), relative.end(), "..") == relative.end();
    const std::filesystem::path file = database() / relative;
    const SystemFiles files;
    if (!plain || !std::filesystem::is_regular_file(file)) {
        throw Error(Fault::Input,
                    "time zone '{}' does not exist here; write one such as 'Europe/Berlin' or 'UTC'{}", name,
                    std::filesystem::is_directory(database())
                        ? ""
                        : ", and install the package 'tzdata', which this machine lacks");
    }
    return parse(files.read(file, 1U << 20), name);
}

TimeZone TimeZone::parse(std::string_view bytes, const std::string& name) {
    Reader reader(bytes, name);
    // The first block, with 32-bit times, is there for old readers.
    reader.take(read_header(reader).bytes(4));
    const Counts counts = read_header(reader);
    std::vector<Time> times;
    for (std::size_t at = 0; at < counts.transitions; ++at) {
        times.emplace_back(seconds(reader.number(8)));
    }
    const std::string_view kinds = reader.take(counts.transitions);
    std::vector<seconds> offsets;
    for (std::size_t at = 0; at < counts.types; ++at) {
        offsets.emplace_back(reader.number(4));
        reader.take(2);
    }
    reader.take(counts.letters + counts.leaps * 12 + counts.is_standard + counts.is_utc);
    if (reader.take(1) != "\n" || offsets.empty()) {
        reader.fail();
    }
    std::string rule;
    for (char letter = reader.take(1)[0]; letter != '\n'; letter = reader.take(1)[0]) {
        rule += letter;
    }
    TimeZone zone;
    zone.first_ = offsets.front();
    for (std::size_t at = 0; at < times.size(); ++at) {
        const auto kind = static_cast<unsigned char>(kinds[at]);
        if (kind >= offsets.size()) {
            reader.fail();
        }
        zone.transitions_.emplace_back(times[at], offsets[kind]);
    }
    zone.rule_ =
        rule.empty()
            ? Rule{zone.transitions_.empty() ? zone.first_ : zone.transitions_.back().second, {}, {}, {}}
            : parse_rule(rule, name);
    return zone;
}

seconds TimeZone::offset_at(Time time) const {
    const auto next = std::upper_bound(transitions_.begin(), transitions_.end(), time,
                                       [](Time at, const auto& transition) { return at < transition.first; });
    if (next == transitions_.end()) {
        return rule_.offset_at(time);
    }
    return next == transitions_.begin() ? first_ : std::prev(next)->second;
}

LocalTime TimeZone::local(Time time) const {
    return LocalTime(time.time_since_epoch() + offset_at(time));
}

/// The offsets by which `local` may be meant: those that agree with themselves, or, when the hour was left
/// out, the one before and the one after.
std::vector<seconds> TimeZone::offsets_near(LocalTime local) const {
    const Time as_utc(local.time_since_epoch());
    std::vector<seconds> both{offset_at(as_utc - days(1)), offset_at(as_utc + days(1))};
    std::vector<seconds> right;
    std::copy_if(both.begin(), both.end(), std::back_inserter(right),
                 [&](seconds offset) { return offset_at(as_utc - offset) == offset; });
    return right.empty() ? both : right;
}

Time TimeZone::earliest(LocalTime local) const {
    const auto offsets = offsets_near(local);
    return Time(local.time_since_epoch()) - *std::max_element(offsets.begin(), offsets.end());
}

Time TimeZone::latest(LocalTime local) const {
    const auto offsets = offsets_near(local);
    return Time(local.time_since_epoch()) - *std::min_element(offsets.begin(), offsets.end());
}

} // namespace base
