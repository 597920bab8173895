// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"
#include "base/files.hpp"

#include <filesystem>

namespace repo {

/// The right to change a repository: one process at a time. The file `lock` says who holds it, for the
/// sentence of those who wait; the right itself is the kernel's lock on that file, so a dead holder holds
/// nothing.
class WriterLock {
public:
    /// Waits for at most `patience`. @throws base::Error{Conflict}
    /// `repository 'x' is being changed by process 12 (tiercel); try again when it is done`.
    explicit WriterLock(const std::filesystem::path& repository,
                        base::Duration patience = std::chrono::seconds(30));

private:
    base::FileLock lock_;
};

} // namespace repo
