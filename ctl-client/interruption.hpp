// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace ctl_client {

/// How the order under way is ended from outside. The worker's thread says what it does and notices that it
/// shall stop; any other thread asks. There is one order at a time. What must be whole, a host transaction or
/// a restart, cannot be asked to stop: then the asking is answered so, that part goes on to its end, and what
/// would follow it, a hook that hangs, stops.
class Interruption {
public:
    enum class Answer {
        NotUnderWay, ///< another order is, or none
        Ending,      ///< it was told; what it was doing ends soon
        Whole,       ///< it is in a part that is not cut, and goes on
    };
    /// Thread: any. `part`: of Whole, what is not cut.
    struct Asked {
        Answer answer = Answer::NotUnderWay;
        std::string part = {};
    };
    Asked ask(const std::string& order);

    /// From now on this order is under way; `asked`: somebody has asked before.
    void begin(const std::string& order, bool asked);
    /// It is over.
    void end();
    /// What was ended for it: "command 'x' (3 processes)".
    std::vector<std::string> ended_so_far() const;
    bool asked() const;
    /// The order under way; empty: none.
    std::string order() const;
    /// @throws base::Error{Unavailable} when somebody has asked.
    void check() const;
    /// Waits so long, or until somebody asks; then throws as check() does and notes that a wait was ended.
    void pause(base::Duration time);
    /// Waits so long, or until somebody asks.
    void wait(base::Duration time);
    void ended(std::string what);

    /// While it lives, the order under way is not cut.
    class Whole {
    public:
        Whole(Interruption& interruption, std::string part);
        ~Whole();
        Whole(const Whole&) = delete;
        Whole& operator=(const Whole&) = delete;

    private:
        Interruption& interruption_;
    };

private:
    [[noreturn]] void refuse() const;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::string order_;
    bool asked_ = false;
    std::string whole_;  ///< the part that is not cut; empty: it may be
    bool later_ = false; ///< somebody has asked in that part
    std::vector<std::string> ended_;
};

} // namespace ctl_client
