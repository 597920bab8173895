// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace workflows::simulator {

/// What is due, by time; at the same time in the order in which it was scheduled. The heap holds places, so
/// that large happenings are not moved about.
template <class What> class Moments {
public:
    void at(base::Time time, What what) { at(time, next_++, std::move(what)); }
    /// Again, later, before whatever was scheduled after it for then.
    void put_off(base::Time time, std::int64_t turn, What what) { at(time, turn, std::move(what)); }

    bool empty() const noexcept { return heap_.empty(); }
    std::size_t size() const noexcept { return heap_.size(); }
    base::Time next() const noexcept { return heap_.front().time; }

    struct Taken {
        base::Time time;
        std::int64_t turn;
        What what;
    };
    Taken take() {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        const Entry entry = heap_.back();
        heap_.pop_back();
        free_.push_back(entry.place);
        return {entry.time, entry.turn, std::move(places_[entry.place])};
    }

private:
    struct Entry {
        base::Time time;
        std::int64_t turn;
        std::size_t place;
    };
    static bool later(const Entry& left, const Entry& right) noexcept {
        return std::pair(left.time, left.turn) > std::pair(right.time, right.turn);
    }
    void at(base::Time time, std::int64_t turn, What what) {
        if (free_.empty()) {
            free_.push_back(places_.size());
            places_.push_back(std::move(what));
        } else {
            places_[free_.back()] = std::move(what);
        }
        heap_.push_back({time, turn, free_.back()});
        free_.pop_back();
        std::push_heap(heap_.begin(), heap_.end(), later);
    }

    std::vector<Entry> heap_;
    std::vector<What> places_;
    std::vector<std::size_t> free_;
    std::int64_t next_ = 0;
};

} // namespace workflows::simulator
