// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/agents/news.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace dispatcher::agents {

namespace asio = boost::asio;

void News::tell(const std::string& run) {
    if (const auto found = waiting_.find(run); found != waiting_.end()) {
        for (asio::steady_timer* timer : found->second) {
            timer->cancel();
        }
    }
}

protocol::Task<void> News::wait(const std::string& run, base::Duration longest) {
    asio::steady_timer timer(co_await asio::this_coro::executor, longest);
    waiting_[run].insert(&timer);
    boost::system::error_code told;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, told));
    const auto found = waiting_.find(run);
    found->second.erase(&timer);
    if (found->second.empty()) {
        waiting_.erase(found);
    }
}

} // namespace dispatcher::agents
