// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace base {

template <auto Release> struct Releaser {
    template <class T> void operator()(T* handle) const noexcept { Release(handle); }
};

/// Owns one C handle; exactly as big as the pointer. `using Database = Handle<sqlite3, sqlite3_close_v2>;`
template <class T, auto Release> using Handle = std::unique_ptr<T, Releaser<Release>>;

} // namespace base
