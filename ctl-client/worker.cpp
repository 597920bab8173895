// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/worker.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

namespace ctl_client {

Worker::Worker(std::function<std::unique_ptr<Executor>()> make, std::function<void()> notice)
    : thread_([this, make = std::move(make), notice = std::move(notice)] { work(make, notice); }) {}

Worker::~Worker() {
    stop();
}

void Worker::wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
}

void Worker::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
}

std::vector<Executor::ComponentStatus> Worker::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

bool Worker::ready() const {
    const std::lock_guard lock(mutex_);
    return ready_;
}

std::string Worker::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

void Worker::work(const std::function<std::unique_ptr<Executor>()>& make,
                  const std::function<void()>& notice) {
    try {
        const std::unique_ptr<Executor> executor = make();
        executor->recover();
        const auto publish = [&] {
            std::vector<Executor::ComponentStatus> status = executor->status();
            {
                const std::lock_guard lock(mutex_);
                status_ = std::move(status);
                ready_ = true;
            }
            notice();
        };
        publish();
        while (true) {
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [this] { return woken_ || stopping_; });
                if (stopping_) {
                    return;
                }
                woken_ = false;
            }
            while (executor->perform_next()) {
                publish();
                const std::lock_guard lock(mutex_);
                if (stopping_) {
                    return;
                }
            }
        }
    } catch (const std::exception& error) {
        // The journal itself failed: going on would act without a record. The link reports nothing more; main
        // ends the program.
        base::log(base::LogLevel::Error, "worker has failed", {{"reason", error.what()}});
        const std::lock_guard lock(mutex_);
        failure_ = error.what();
    }
    notice();
}

} // namespace ctl_client
