// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/literal.hpp"
#include "templates/operations.hpp"
#include "templates/text.hpp"

#include <fmt/format.h>

#include <utility>

namespace templates {
namespace {

/// repr() of what lists and records may hold; a text that grows beyond the limit ends it.
class Shower {
public:
    explicit Shower(Work& work) : work_(work) {}

    std::string show(const Datum& datum) {
        add(datum);
        return std::move(text_);
    }

private:
    void add(const Datum& datum) {
        work_.charge(1);
        work_.check_size(text_.size());
        require_defined(work_, datum);
        if (const std::string* text = datum.text())
            text_ += in_quotes(*text);
        else if (const Sequence* sequence = datum.sequence())
            add(*sequence, datum);
        else if (const Record* record = datum.record())
            add(*record);
        else
            text_ += text_of(work_, datum);
    }

    void add(const Sequence& sequence, const Datum& datum) {
        const bool tuple = sequence.form == Sequence::Form::Tuple;
        if (!tuple && sequence.form != Sequence::Form::List)
            work_.fail(fmt::format("{} has no text; add '| list' or '| join'", kind_of(datum)));
        text_ += tuple ? '(' : '[';
        for (const Datum& item : sequence.items) {
            if (&item != &sequence.items.front())
                text_ += ", ";
            add(item);
        }
        if (tuple && sequence.items.size() == 1)
            text_ += ',';
        text_ += tuple ? ')' : ']';
    }

    void add(const Record& record) {
        text_ += '{';
        for (const auto& member : record.members) {
            if (&member != &record.members.front())
                text_ += ", ";
            add(member.first);
            text_ += ": ";
            add(member.second);
        }
        text_ += '}';
    }

    Work& work_;
    std::string text_;
};

} // namespace

void require_defined(const Work& work, const Datum& datum) {
    if (const Undefined* undefined = datum.undefined())
        work.fail(*undefined->why);
}

std::string text_of(Work& work, const Datum& datum) {
    if (datum.is_empty_undefined())
        return {};
    require_defined(work, datum);
    if (datum.is_none())
        return "None";
    if (const bool* flag = datum.flag())
        return *flag ? "True" : "False";
    if (const std::int64_t* whole = datum.whole())
        return std::to_string(*whole);
    if (const double* fraction = datum.fraction())
        return to_text(*fraction);
    if (const std::string* text = datum.text())
        return *text;
    if (datum.loop() != nullptr)
        work.fail("the loop has no text; use loop.index or another of its members");
    return Shower(work).show(datum);
}

std::string shown(Work& work, const Datum& datum) {
    return Shower(work).show(datum);
}

bool truth_of(Work& work, const Datum& datum) {
    if (datum.is_empty_undefined())
        return false;
    require_defined(work, datum);
    if (datum.is_none())
        return false;
    if (const bool* flag = datum.flag())
        return *flag;
    if (const std::int64_t* whole = datum.whole())
        return *whole != 0;
    if (const double* fraction = datum.fraction())
        return *fraction != 0;
    if (const std::string* text = datum.text())
        return !text->empty();
    if (const Record* record = datum.record())
        return !record->members.empty();
    if (const Sequence* sequence = datum.sequence()) {
        // Python cannot know whether a generator will give anything, and says true.
        return sequence->form == Sequence::Form::Stream || !sequence->items.empty();
    }
    return true;
}

std::vector<Datum> items_of(Work& work, const Datum& datum) {
    if (datum.is_empty_undefined())
        return {};
    require_defined(work, datum);
    std::vector<Datum> items;
    if (const std::string* text = datum.text()) {
        for (const std::string_view character : characters(*text))
            items.emplace_back(character);
    } else if (const Record* record = datum.record()) {
        for (const auto& member : record->members)
            items.push_back(member.first);
    } else if (Sequence* sequence = datum.sequence()) {
        if (sequence->spent)
            work.fail("a stream is used a second time; add '| list' where it is made");
        sequence->spent = sequence->form == Sequence::Form::Stream;
        items = sequence->items;
    } else {
        work.fail(
            fmt::format("{} is not a list; only lists, records and strings can be walked", kind_of(datum)));
    }
    work.charge(items.size() / 4);
    return items;
}

std::int64_t length_of(Work& work, const Datum& datum) {
    if (datum.is_empty_undefined())
        return 0;
    require_defined(work, datum);
    std::size_t length = 0;
    if (const std::string* text = datum.text()) {
        work.charge(text->size() / 64);
        length = character_count(*text);
    } else if (const Record* record = datum.record()) {
        length = record->members.size();
    } else if (const Sequence* sequence = datum.sequence()) {
        if (sequence->form == Sequence::Form::Stream)
            work.fail("a stream has no length; add '| list' before it");
        length = sequence->items.size();
    } else {
        work.fail(fmt::format("{} has no length; only lists, records and strings have one", kind_of(datum)));
    }
    return static_cast<std::int64_t>(length);
}

std::int64_t whole_of(const Work& work, const Datum& datum, std::string_view what) {
    require_defined(work, datum);
    std::int64_t number = 0;
    if (datum.as_whole(number) == nullptr)
        work.fail(fmt::format("{} is {}, but must be a whole number", what, kind_of(datum)));
    return number;
}

const std::string& plain_text_of(const Work& work, const Datum& datum, std::string_view what) {
    require_defined(work, datum);
    const std::string* text = datum.text();
    if (text == nullptr)
        work.fail(fmt::format("{} is {}, but must be a string; add '| string' to make it one", what,
                              kind_of(datum)));
    return *text;
}

} // namespace templates
