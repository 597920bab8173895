// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/files.hpp"

namespace fakes {

/// What a fake throws where the real process would be killed: no wall of ours catches it.
struct Killed {};

/// Counts the steps that change the world, and kills at the chosen one. Shared by all fakes of one node, so
/// that a test can kill it at each of its steps in turn: "advance the failure point until the run completes".
class Fuse {
public:
    /// The n-th step from now on kills, before or after it had its effect; 0: none.
    void kill_at(int nth, bool after) {
        left_ = nth;
        after_ = after;
        burnt_ = false;
    }
    bool burnt() const noexcept { return burnt_; }

    template <class Effect> void step(Effect effect) {
        const bool last = left_ > 0 && --left_ == 0;
        if (last && !after_) {
            burn();
        }
        effect();
        if (last) {
            burn();
        }
    }
    /// True when the kill is due inside this step: the caller leaves it half-done and then calls burn().
    bool in_the_middle() { return left_ > 0 && --left_ == 0; }
    [[noreturn]] void burn() {
        burnt_ = true;
        throw Killed{};
    }

private:
    int left_ = 0;
    bool after_ = false;
    bool burnt_ = false;
};

/// The real file system, with a fuse in each change, and a disk that can be full.
class FusedFiles final : public base::Files {
public:
    explicit FusedFiles(Fuse& fuse) : fuse_(fuse) {}
    void set_free_bytes(std::uint64_t bytes) { free_ = bytes; }

    std::string read(const std::filesystem::path& file, std::size_t limit_bytes) const override {
        return real_.read(file, limit_bytes);
    }
    bool exists(const std::filesystem::path& path) const override { return real_.exists(path); }
    void write(const std::filesystem::path& file, std::string_view bytes, unsigned mode) override {
        fuse_.step([&] { real_.write(file, bytes, mode); });
    }
    void remove(const std::filesystem::path& path) override {
        fuse_.step([&] { real_.remove(path); });
    }
    void make_directories(const std::filesystem::path& directory, unsigned mode) override {
        fuse_.step([&] { real_.make_directories(directory, mode); });
    }
    void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
        fuse_.step([&] { real_.rename(from, to); });
    }
    void link(const std::filesystem::path& target, const std::filesystem::path& link) override {
        fuse_.step([&] { real_.link(target, link); });
    }
    std::vector<std::string> list(const std::filesystem::path& directory) const override {
        return real_.list(directory);
    }
    std::uint64_t free_bytes(const std::filesystem::path& path) const override {
        return free_ ? *free_ : real_.free_bytes(path);
    }

private:
    Fuse& fuse_;
    base::SystemFiles real_;
    std::optional<std::uint64_t> free_;
};

} // namespace fakes
