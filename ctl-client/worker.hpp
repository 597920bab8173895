// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/descriptor.hpp"
#include "ctl-client/executor.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ctl_client {

/// The one thread that works on the host. It owns the executor and its database; orders reach it through the
/// journal, so nothing is lost between the two. A stop ends it after the running step.
class Worker {
public:
    /// `make` runs on the worker's thread and gives an executor for the rest of its life. `notice` is called
    /// on that thread after each order and must not block.
    Worker(std::function<std::unique_ptr<Executor>()> make, std::function<void()> notice);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// There may be a new order in the journal.
    void wake();
    /// Waits until the running step has ended.
    void stop();
    /// As of the last order that was done.
    std::vector<Executor::ComponentStatus> status() const;
    /// False until what a killed client left has been finished.
    bool ready() const;
    /// Why the thread has ended by itself; empty while it works.
    std::string failure() const;

private:
    void work(const std::function<std::unique_ptr<Executor>()>& make, const std::function<void()>& notice);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Executor::ComponentStatus> status_;
    bool woken_ = true; ///< the journal may hold orders from before
    bool stopping_ = false;
    bool ready_ = false;
    std::string failure_;
    std::thread thread_;
};

} // namespace ctl_client
