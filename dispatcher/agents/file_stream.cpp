// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/agents/file_stream.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace dispatcher::agents {

namespace {

constexpr std::size_t block_bytes = 64U << 10;

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

[[noreturn]] void unreadable(const std::filesystem::path& file) {
    throw base::Error(base::Fault::Unavailable, "file '{}' cannot be read: {}", file.string(),
                      base::system_reason(errno));
}

} // namespace

std::optional<Range> range_of(std::string_view field, std::uint64_t size) {
    const Range whole{0, size};
    constexpr std::string_view unit = "bytes=";
    if (!field.starts_with(unit)) {
        return whole;
    }
    field.remove_prefix(unit.size());
    const std::size_t dash = field.find('-');
    if (dash == std::string_view::npos || dash == 0) {
        return whole;
    }
    const auto first = number(field.substr(0, dash));
    const auto last =
        dash + 1 == field.size() ? std::optional(size == 0 ? 0 : size - 1) : number(field.substr(dash + 1));
    if (!first || !last) {
        return whole;
    }
    if (*first >= size || *last < *first) {
        return std::nullopt;
    }
    return Range{*first, std::min(*last, size - 1) - *first + 1};
}

protocol::Task<void> send_file(protocol::TlsStream& stream, const protocol::RequestHead& head,
                               const api::StoredFile& stored, base::Duration timeout) {
    const std::filesystem::path& file = stored.file;
    const base::Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!descriptor || ::fstat(descriptor.get(), &status) != 0) {
        unreadable(file);
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const std::string* asked = head.find("range");
    const std::optional<Range> range = asked == nullptr ? Range{0, size} : range_of(*asked, size);
    if (!range) {
        const std::string refusal = protocol::response_head(
            416, {{"Content-Range", fmt::format("bytes */{}", size)}}, 0, head.keep_alive);
        co_await stream.write_all(refusal, timeout);
        co_return;
    }
    std::vector<protocol::HttpField> fields = {{"Content-Type", std::string(stored.type)},
                                               {"Accept-Ranges", "bytes"}};
    const bool partial = range->count != size;
    if (partial) {
        fields.push_back({"Content-Range", fmt::format("bytes {}-{}/{}", range->first,
                                                       range->first + range->count - 1, size)});
    }
    const std::string answer =
        protocol::response_head(partial ? 206 : 200, fields, range->count, head.keep_alive);
    co_await stream.write_all(answer, timeout);
    std::vector<char> block(block_bytes);
    for (std::uint64_t sent = 0; sent < range->count;) {
        const auto wanted = std::min<std::uint64_t>(block.size(), range->count - sent);
        const ssize_t got =
            ::pread(descriptor.get(), block.data(), wanted, static_cast<off_t>(range->first + sent));
        if (got <= 0) {
            unreadable(file);
        }
        co_await stream.write_all({block.data(), static_cast<std::size_t>(got)}, timeout);
        sent += static_cast<std::uint64_t>(got);
    }
}

} // namespace dispatcher::agents
