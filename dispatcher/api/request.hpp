// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "dispatcher/auth/policy.hpp"
#include "dispatcher/runs/composition.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dispatcher::api {

/// The address of a request, taken apart. Strict, because names here never need more: anything else in a path
/// is a trick.
struct Target {
    std::vector<std::string> path;            ///< "/v1/runs/X" is {"v1", "runs", "X"}
    std::map<std::string, std::string> query; ///< percent-decoded

    /// @throws base::Error{Input} for anything but letters, digits, '-', '_', '.', ':' between single
    /// slashes, for "." and "..", for a malformed query, and for a name that is given twice in it.
    static Target parse(std::string_view text);
};

struct Request {
    std::string method;
    Target target;
    std::vector<std::string> captures; ///< what stood at the `{}` of the route, in order
    std::string body;
    auth::Caller caller;

    /// The query's value of this name. @throws base::Error{Input} when it is no whole number of at least 0.
    std::int64_t whole(const std::string& name, std::int64_t absent) const;
    /// The body as a JSON document. @throws base::Error{Input} `request:line: …`
    base::Value document() const;
};

/// What a handler answers. The last ones need time, and the connection carries them out.
struct Document {
    base::Value value = base::Object();
    unsigned status = 200;
};
struct StoredFile {
    std::filesystem::path file;
    std::string_view type; ///< of its content, as HTTP names it
};
struct Story { ///< JSON lines of a run's notes until it has ended
    std::string run;
    std::int64_t after = 0;
    bool follows = true; ///< false: what there is so far
};
struct LinkUpgrade {};
struct PlanWanted {
    runs::RunRequest request;
};
struct RunWanted {
    runs::RunRequest request;
};
struct ContinuationWanted { ///< `text` without a source: the workflow of that name
    std::string run;
    workflows::engine::Continued text;
};
using Answer =
    std::variant<Document, StoredFile, Story, LinkUpgrade, PlanWanted, RunWanted, ContinuationWanted>;

} // namespace dispatcher::api
