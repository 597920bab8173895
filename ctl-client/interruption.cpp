// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/interruption.hpp"

#include "base/error.hpp"

#include <utility>

namespace ctl_client {

Interruption::Asked Interruption::ask(const std::string& order) {
    const std::lock_guard lock(mutex_);
    if (order_.empty() || order != order_) {
        return {};
    }
    if (!whole_.empty()) {
        later_ = true;
        return {Answer::Whole, whole_};
    }
    asked_ = true;
    changed_.notify_all();
    return {Answer::Ending};
}

void Interruption::begin(const std::string& order, bool asked) {
    const std::lock_guard lock(mutex_);
    order_ = order;
    asked_ = asked;
    later_ = false;
    ended_.clear();
}

void Interruption::end() {
    const std::lock_guard lock(mutex_);
    order_.clear();
    asked_ = false;
}

std::vector<std::string> Interruption::ended_so_far() const {
    const std::lock_guard lock(mutex_);
    return ended_;
}

bool Interruption::asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
}

std::string Interruption::order() const {
    const std::lock_guard lock(mutex_);
    return order_;
}

void Interruption::refuse() const {
    throw base::Error(base::Fault::Unavailable, "order '{}' was cancelled", order_);
}

void Interruption::check() const {
    const std::lock_guard lock(mutex_);
    if (asked_) {
        refuse();
    }
}

void Interruption::pause(base::Duration time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return asked_; });
    if (asked_) {
        ended_.emplace_back("a wait");
        refuse();
    }
}

void Interruption::wait(base::Duration time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time);
}

void Interruption::ended(std::string what) {
    const std::lock_guard lock(mutex_);
    ended_.push_back(std::move(what));
}

Interruption::Whole::Whole(Interruption& interruption, std::string part) : interruption_(interruption) {
    const std::lock_guard lock(interruption_.mutex_);
    interruption_.whole_ = std::move(part);
}

Interruption::Whole::~Whole() {
    const std::lock_guard lock(interruption_.mutex_);
    interruption_.whole_.clear();
    interruption_.asked_ |= std::exchange(interruption_.later_, false);
}

} // namespace ctl_client
