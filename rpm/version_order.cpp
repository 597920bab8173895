// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/version_order.hpp"

#include <rpm/rpmver.h>

namespace rpm {
namespace {

std::weak_ordering parts(const std::string& left, const std::string& right) {
    return rpmvercmp(left.c_str(), right.c_str()) <=> 0;
}

} // namespace

std::weak_ordering compare(const base::Evr& left, const base::Evr& right) {
    if (left.epoch != right.epoch) {
        return left.epoch <=> right.epoch;
    }
    if (const auto version = parts(left.version, right.version); version != 0) {
        return version;
    }
    return parts(left.release, right.release);
}

} // namespace rpm
