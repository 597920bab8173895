// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/datum.hpp"

#include <algorithm>

namespace templates {

int depth_of(const Datum& datum) noexcept {
    if (const Sequence* sequence = datum.sequence())
        return sequence->depth;
    if (const Record* record = datum.record())
        return record->depth;
    return 0;
}

Datum make_sequence(Sequence::Form form, std::vector<Datum> items) {
    auto sequence = std::make_shared<Sequence>();
    for (const Datum& item : items)
        sequence->depth = std::max(sequence->depth, depth_of(item) + 1);
    sequence->form = form;
    sequence->items = std::move(items);
    return sequence;
}

Datum make_record(std::vector<std::pair<Datum, Datum>> members) {
    auto record = std::make_shared<Record>();
    for (const auto& [name, value] : members)
        record->depth = std::max({record->depth, depth_of(name) + 1, depth_of(value) + 1});
    record->members = std::move(members);
    return std::shared_ptr<const Record>(std::move(record));
}

std::string_view kind_of(const Datum& datum) noexcept {
    if (datum.undefined() != nullptr)
        return "an undefined value";
    if (datum.is_none())
        return "none";
    if (datum.flag() != nullptr)
        return "true or false";
    if (datum.whole() != nullptr || datum.fraction() != nullptr)
        return "a number";
    if (datum.text() != nullptr)
        return "a string";
    if (datum.record() != nullptr)
        return "a record";
    if (datum.loop() != nullptr)
        return "the loop";
    switch (datum.sequence()->form) {
    case Sequence::Form::List:
        return "a list";
    case Sequence::Form::Tuple:
        return "a tuple";
    case Sequence::Form::Range:
        return "a range";
    case Sequence::Form::View:
        return "a view of a record";
    case Sequence::Form::Stream:
        return "a stream";
    }
    return "a value";
}

} // namespace templates
