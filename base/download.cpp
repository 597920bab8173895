// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/download.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/transfer.hpp"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace base {
namespace {

void prepare(Transfer& transfer, const HttpRequest& request) {
    const bool is_word = !request.method.empty() && std::all_of(request.method.begin(), request.method.end(),
                                                                [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!is_word) {
        throw Error(Fault::Input, "an HTTP method for '{}' is not a word of capital letters",
                    transfer.place());
    }
    if (request.method == "HEAD") {
        transfer.set(CURLOPT_NOBODY, 1L);
    } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
        transfer.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        transfer.set(CURLOPT_POSTFIELDS, request.body.data());
        transfer.set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
        transfer.without_header(
            "Expect"); // waiting for '100 Continue' costs a second where the server does not know it
        if (!request.headers.contains("Content-Type")) {
            transfer.without_header("Content-Type");
        }
    } else if (request.method != "GET") {
        transfer.set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    for (const auto& [name, value] : request.headers) {
        transfer.add_header(name, value);
    }
}

[[noreturn]] void fail_too_long(const Transfer& transfer, std::size_t limit_bytes) {
    throw Error(Fault::Corrupt, "the answer of '{}' is longer than {} bytes", transfer.place(), limit_bytes);
}

/// Cuts what comes into lines.
class Lines {
public:
    Lines(const std::function<bool(std::string_view)>& each, std::size_t limit)
        : each_(each), limit_bytes_(limit) {}

    /// False when the receiver wants no more. `too_long` must throw.
    template <class TooLong> bool add(std::string_view bytes, TooLong too_long) {
        while (!bytes.empty()) {
            const std::size_t end = bytes.find('\n');
            const std::string_view piece = bytes.substr(0, end);
            if (pending_.size() + piece.size() > limit_bytes_) {
                too_long();
            }
            pending_.append(piece);
            if (end == std::string_view::npos) {
                return true;
            }
            bytes.remove_prefix(end + 1);
            if (!give()) {
                return false;
            }
        }
        return true;
    }
    /// The last line may lack its end.
    void finish() {
        if (!pending_.empty()) {
            give();
        }
    }

private:
    const std::function<bool(std::string_view)>& each_;
    std::size_t limit_bytes_;
    std::string pending_;

    bool give() {
        if (pending_.ends_with('\r')) {
            pending_.pop_back();
        }
        const std::string line = std::exchange(pending_, {});
        return each_(line);
    }
};

/// The file `<to>.part`: what came so far, its digest, and a lock that keeps other downloads of the same file
/// out.
class Partial {
public:
    explicit Partial(const FileRequest& request) : request_(request), path_(request.to) {
        path_ += ".part";
        open();
        hash_kept();
    }

    std::uint64_t size() const noexcept { return size_; }
    std::uint64_t missing() const noexcept { return request_.bytes - std::min(size_, request_.bytes); }

    /// @throws Error{Fault::Corrupt} instead of growing beyond the signed length.
    void append(std::string_view bytes) {
        if (bytes.size() > missing()) {
            throw Error(Fault::Corrupt, "'{}' is longer than the {} bytes that are signed",
                        request_.to.string(), request_.bytes);
        }
        hash_.update(bytes);
        while (!bytes.empty()) {
            const ssize_t written =
                ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
            if (written < 0 && errno != EINTR) {
                fail("written", errno);
            }
            const auto done = static_cast<std::size_t>(std::max<ssize_t>(written, 0));
            size_ += done;
            bytes.remove_prefix(done);
        }
    }

    void begin_anew() {
        if (::ftruncate(file_.get(), 0) != 0) {
            fail("emptied", errno);
        }
        size_ = 0;
        hash_ = Sha256();
    }

    /// Whether it is complete and what was signed. To be asked once after each change.
    bool is_right() { return size_ == request_.bytes && hash_.finish() == request_.digest; }

    /// Durable under its final name on return.
    void publish() {
        if (::fsync(file_.get()) != 0) {
            fail("synced", errno);
        }
        SystemFiles().rename(path_, request_.to);
    }
    void remove() { SystemFiles().remove(path_); }

private:
    const FileRequest& request_;
    std::filesystem::path path_;
    Descriptor file_{-1};
    std::uint64_t size_ = 0;
    Sha256 hash_;

    [[noreturn]] void fail(std::string_view what, int reason) const {
        throw Error(Fault::Unavailable, "'{}' cannot be {}: {}", path_.string(), what, system_reason(reason));
    }

    void open() {
        while (true) {
            file_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
            if (!file_) {
                fail("opened", errno);
            }
            if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
                throw Error(Fault::Unavailable, "'{}' is being downloaded by another process",
                            request_.to.string());
            }
            // The one who held the lock may have renamed or removed the file since we opened it.
            struct stat ours {};
            struct stat named {};
            if (::fstat(file_.get(), &ours) != 0) {
                fail("read", errno);
            }
            if (::lstat(path_.c_str(), &named) == 0 && named.st_ino == ours.st_ino &&
                named.st_dev == ours.st_dev) {
                return;
            }
        }
    }

    void hash_kept() {
        std::vector<char> buffer(256u << 10);
        while (size_ <= request_.bytes) {
            const ssize_t got = ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(size_));
            if (got < 0 && errno != EINTR) {
                fail("read", errno);
            }
            if (got == 0) {
                return;
            }
            const auto count = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
            hash_.update({buffer.data(), count});
            size_ += count;
        }
        begin_anew(); // it is longer than it may be
    }
};

/// `Content-Range: bytes 100-199/200`
struct ContentRange {
    std::uint64_t first = 0;
    std::optional<std::uint64_t> whole;

    static std::optional<ContentRange> parse(std::string_view line) {
        constexpr std::string_view name = "content-range:";
        const bool ours = line.size() > name.size() &&
                          std::equal(name.begin(), name.end(), line.begin(), [](char wanted, char given) {
                              return wanted == (given >= 'A' && given <= 'Z' ? given - 'A' + 'a' : given);
                          });
        if (!ours) {
            return std::nullopt;
        }
        const std::size_t digits = line.find_first_of("0123456789");
        const std::size_t slash = line.find('/');
        if (digits == std::string_view::npos || slash == std::string_view::npos || digits > slash) {
            return std::nullopt;
        }
        ContentRange range;
        const char* const end = line.data() + line.size();
        if (std::from_chars(line.data() + digits, end, range.first).ec != std::errc()) {
            return std::nullopt;
        }
        std::uint64_t whole = 0;
        if (std::from_chars(line.data() + slash + 1, end, whole).ec == std::errc()) {
            range.whole = whole;
        }
        return range;
    }
};

[[noreturn]] void fail_length(const Transfer& transfer, std::uint64_t has, std::uint64_t must_have) {
    throw Error(Fault::Corrupt, "'{}' has {} bytes, but {} are signed", transfer.place(), has, must_have);
}

void check_status(const Transfer& transfer, std::uint64_t signed_bytes) {
    const int status = transfer.status();
    switch (status) {
    case 200:
    case 206:
        return;
    case 404:
    case 410:
        throw Error(Fault::NotFound, "'{}' is not there (HTTP status {})", transfer.place(), status);
    case 401:
    case 403:
        throw Error(Fault::Denied, "'{}' is not given to us (HTTP status {})", transfer.place(), status);
    case 416: // what we hold already is more than there is
        throw Error(Fault::Corrupt, "'{}' is shorter than the {} bytes that are signed", transfer.place(),
                    signed_bytes);
    default:
        throw Error(Fault::Unavailable, "'{}' cannot be downloaded (HTTP status {})", transfer.place(),
                    status);
    }
}

/// Gets what is missing; what comes goes into `partial`.
void fetch(const FileRequest& request, Partial& partial) {
    Transfer transfer(request.url, request.trust, request.stall);
    transfer.set(CURLOPT_BUFFERSIZE, 256L << 10);
    transfer.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    const auto stall = std::chrono::ceil<std::chrono::seconds>(request.stall).count();
    transfer.set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(std::max<decltype(stall)>(1, stall)));
    const std::uint64_t offset = partial.size();
    const std::string rest = fmt::format("{}-", offset);
    if (offset > 0) {
        transfer.set(CURLOPT_RANGE, rest.c_str());
    }

    std::optional<ContentRange> range;
    transfer.on_head = [&](std::string_view line) {
        if (const auto found = ContentRange::parse(line)) {
            range = found;
        }
    };
    bool begun = false;
    transfer.on_body = [&](std::string_view bytes) {
        if (!begun) {
            begun = true;
            check_status(transfer, request.bytes);
            if (transfer.status() == 206) {
                if (!range || range->first != offset) {
                    throw Error(Fault::Unavailable, "'{}' sends another part than the one from byte {}",
                                transfer.place(), offset);
                }
                if (range->whole && *range->whole != request.bytes) {
                    fail_length(transfer, *range->whole, request.bytes);
                }
            } else if (offset > 0 && !transfer.is_file()) {
                partial.begin_anew(); // the server cannot resume and sends the whole
            }
            if (const auto announced = transfer.announced_bytes();
                announced && *announced != partial.missing()) {
                fail_length(transfer, partial.size() + *announced, request.bytes);
            }
        }
        partial.append(bytes);
        return true;
    };
    transfer.perform();
    check_status(transfer, request.bytes);
    if (partial.missing() > 0) {
        fail_length(transfer, partial.size(), request.bytes);
    }
}

bool is_there(const FileRequest& request) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(request.to, ignored) &&
           std::filesystem::file_size(request.to, ignored) == request.bytes &&
           sha256_of_file(request.to) == request.digest;
}

void complete(const FileRequest& request, Partial& partial) {
    const bool resumed = partial.size() > 0;
    if (partial.missing() > 0) {
        fetch(request, partial);
    }
    if (partial.is_right()) {
        return;
    }
    if (resumed) { // the damage may be in what was kept, after a power cut for example
        partial.begin_anew();
        fetch(request, partial);
        if (partial.is_right()) {
            return;
        }
    }
    throw Error(Fault::Corrupt, "'{}' has not the digest that is signed", without_secrets(request.url));
}

} // namespace

HttpResponse send(const HttpRequest& request) {
    Transfer transfer(request.url, request.trust, request.timeout);
    prepare(transfer, request);
    transfer.set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<Duration::rep>(1, request.timeout.count())));
    HttpResponse response;
    transfer.on_body = [&](std::string_view bytes) {
        if (bytes.size() > request.limit_bytes - response.body.size()) {
            fail_too_long(transfer, request.limit_bytes);
        }
        response.body.append(bytes);
        return true;
    };
    transfer.perform();
    response.status = transfer.status();
    return response;
}

HttpResponse stream(const HttpRequest& request, const std::function<bool(std::string_view line)>& each_line) {
    Transfer transfer(request.url, request.trust, request.timeout);
    prepare(transfer, request);
    HttpResponse response;
    Lines lines(each_line, request.limit_bytes);
    const auto too_long = [&] {
        fail_too_long(transfer, request.limit_bytes);
    };
    transfer.on_body = [&](std::string_view bytes) {
        if (transfer.status() < 400) {
            return lines.add(bytes, too_long);
        }
        if (bytes.size() > request.limit_bytes - response.body.size()) {
            too_long();
        }
        response.body.append(bytes);
        return true;
    };
    if (transfer.perform()) {
        lines.finish();
    }
    response.status = transfer.status();
    return response;
}

void download(const FileRequest& request) {
    if (is_there(request)) {
        return;
    }
    Partial partial(request);
    try {
        complete(request, partial);
    } catch (const Error& error) {
        if (error.fault() == Fault::Corrupt) {
            partial.remove();
        }
        throw;
    }
    partial.publish();
}

} // namespace base
