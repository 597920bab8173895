// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "dispatcher/runs/seams.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dispatcher::runs {

/// What is fetched for one measurement, and how its number is read: a workflow's
///
///     { http = { url = "http://stats:8000/rate?nodes={{ nodes }}", path = "result.rate" } }
///     { prometheus = { url = "http://prometheus:9090", query = 'sum(rate(errors{node=~"{{ nodes }}"}[1m]))'
///     } }
///
/// `{{ nodes }}` are the names of the targets' nodes: in a URL joined with commas, in a query as a regular
/// expression. With it the measurement is made twice, for those that are new and for those that are not yet;
/// without it once, and there are no peers to compare with.
struct Measurement {
    std::string url;   ///< with `{{ nodes }}` still in it
    std::string query; ///< Prometheus only
    std::string
        path; ///< HTTP only: members and list places (from 0) joined by dots; empty: the document itself
    bool prometheus = false;

    /// @throws base::Error{Input} saying what the specification must look like.
    static Measurement read(const base::Value& spec);
    bool compares() const noexcept;
    std::string url_for(const std::vector<workflows::engine::Target>& targets) const;
    /// The number in an answer. @throws base::Error{Corrupt} when there is none, or none that is one.
    double number_in(std::string_view body) const;
};

/// Fetches with HTTP on threads of its own, at most ten seconds each; `done` is called on the context's
/// thread.
class HttpMeters final : public Meters {
public:
    explicit HttpMeters(boost::asio::io_context& context) : context_(context) {}
    ~HttpMeters() override;
    HttpMeters(const HttpMeters&) = delete;
    HttpMeters& operator=(const HttpMeters&) = delete;
    void measure(const workflows::engine::Measure& wanted,
                 std::function<void(workflows::engine::Measured)> done) override;

private:
    boost::asio::io_context& context_;
    boost::asio::thread_pool threads_{2};
};

} // namespace dispatcher::runs
