// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Only for the .cpp files of this room: no other room sees a libcurl type.
#pragma once

#include "base/download.hpp"
#include "base/error.hpp"
#include "base/handle.hpp"

#include <curl/curl.h>

#include <array>
#include <exception>
#include <functional>
#include <string>
#include <string_view>

namespace base {

/// The address without user, password and query, which may be secret: for messages.
std::string without_secrets(std::string_view url);

/// One exchange over a libcurl handle of its own: a connection that another trust has made is never used
/// again. http, https and file only; no redirect is followed; no signal is raised. Thread: one.
class Transfer {
public:
    /// `url`, `trust` must outlive this. @throws Error{Fault::Input} when they do not fit together.
    Transfer(const std::string& url, const Trust& trust, Duration connect_timeout);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    /// Gets the body piece by piece; false ends the exchange. May throw.
    std::function<bool(std::string_view bytes)> on_body;
    /// Gets each line of the answer's head. May throw.
    std::function<void(std::string_view line)> on_head;

    template <class Value> void set(CURLoption option, Value value) {
        check(curl_easy_setopt(handle_.get(), option, value));
    }
    /// Adds `name: value` to the request. @throws Error{Fault::Input} for what would end the line.
    void add_header(std::string_view name, std::string_view value);
    /// Sends no header of this name, which libcurl would add by itself.
    void without_header(std::string_view name);
    /// False when `on_body` ended it. Rethrows what a callback threw. @throws Error as said in download.hpp.
    bool perform();
    /// Of the answer so far; 200 for a file.
    int status() const;
    bool is_file() const noexcept { return is_file_; }
    /// The length of the body, when the other side gave it.
    std::optional<std::uint64_t> announced_bytes() const;
    /// Its address as messages may show it.
    const std::string& place() const noexcept { return place_; }

private:
    const Trust& trust_;
    std::string place_;
    bool is_file_ = false;
    bool stopped_ = false;
    std::exception_ptr thrown_;
    std::array<char, CURL_ERROR_SIZE> reason_{};
    Handle<curl_slist, curl_slist_free_all> headers_;
    Handle<CURL, curl_easy_cleanup> handle_; ///< last, so that it ends first

    void add_line(const std::string& line);
    void check(CURLcode code) const;
    [[noreturn]] void fail(CURLcode code) const;
    static std::size_t body_came(char* bytes, std::size_t one, std::size_t count, void* self) noexcept;
    static std::size_t head_came(char* bytes, std::size_t one, std::size_t count, void* self) noexcept;
    static CURLcode tls_begins(CURL* handle, void* context, void* self) noexcept;
};

} // namespace base
