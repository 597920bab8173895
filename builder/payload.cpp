// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/payload.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/handle.hpp"
#include "builder/cpio.hpp"
#include "builder/frames.hpp"

#include <zstd.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

namespace builder {
namespace {

using Compressor = base::Handle<ZSTD_CCtx, ZSTD_freeCCtx>;

void write_at(int file, std::string_view bytes, std::uint64_t at) {
    while (!bytes.empty()) {
        const ssize_t done = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (done < 0 && errno != EINTR) {
            const int reason = errno;
            throw base::Error(base::Fault::Unavailable, "the package cannot be written: {}",
                              base::system_reason(reason));
        }
        if (done > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(done));
            at += static_cast<std::uint64_t>(done);
        }
    }
}

[[noreturn]] void fail_reading(const Entry& entry, int reason) {
    throw base::Error(base::Fault::Unavailable, "file '{}' cannot be read: {}", entry.source.string(),
                      base::system_reason(reason));
}

/// Appends the content of one piece of a plain file.
void append_content(std::string& out, const Entry& entry, const Piece& piece) {
    if (entry.source.empty()) {
        out.append(entry.text, static_cast<std::size_t>(piece.from),
                   static_cast<std::size_t>(piece.to - piece.from));
        return;
    }
    const base::Descriptor file(::open(entry.source.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        fail_reading(entry, errno);
    }
    struct stat facts {};
    bool changed =
        ::fstat(file.get(), &facts) != 0 || static_cast<std::uint64_t>(facts.st_size) != entry.file.bytes;
    std::size_t at = out.size();
    out.resize(at + static_cast<std::size_t>(piece.to - piece.from));
    for (std::uint64_t from = piece.from; from < piece.to && !changed;) {
        const ssize_t got = ::pread(file.get(), out.data() + at, out.size() - at, static_cast<off_t>(from));
        if (got < 0 && errno != EINTR) {
            fail_reading(entry, errno);
        }
        changed = got == 0;
        if (got > 0) {
            at += static_cast<std::size_t>(got);
            from += static_cast<std::uint64_t>(got);
        }
    }
    if (changed) {
        throw base::Error(base::Fault::Conflict,
                          "file '{}' changed while it was packaged; build again when it is complete",
                          entry.source.string());
    }
}

struct Compressed {
    std::string bytes;
    std::uint64_t archive_bytes = 0;
    std::string part_of_file; ///< content of a piece of a file that fills several frames
};

/// Makes the frames, several at a time, and hands them out in order. Workers stay within a window behind the
/// frame that is next, so that memory is bounded.
class FramePress {
public:
    FramePress(std::vector<Entry>& entries, const PayloadOptions& options, FrameCache& cache)
        : entries_(entries), frames_(cut_into_frames(entries)), level_(options.level), cache_(cache) {
        const unsigned wanted = options.threads != 0 ? options.threads : std::thread::hardware_concurrency();
        const std::size_t count =
            std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(frames_.size(), 1));
        window_ = 2 * count + 2;
        done_.resize(frames_.size());
        for (std::size_t i = 0; i < count; ++i) {
            try {
                threads_.emplace_back([this] { work(); });
            } catch (const std::system_error&) {
                if (threads_.empty()) {
                    throw;
                }
                break; // the limit of this user: fewer do as well
            }
        }
    }
    ~FramePress() {
        {
            const std::lock_guard guard(mutex_);
            stopped_ = true;
        }
        changed_.notify_all();
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }
    FramePress(const FramePress&) = delete;
    FramePress& operator=(const FramePress&) = delete;

    std::size_t size() const noexcept { return frames_.size(); }
    const Frame& frame(std::size_t at) const { return frames_[at]; }
    /// Waits for frame number `at`; ask for them in order.
    Compressed take(std::size_t at) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return done_[at].has_value() || failure_ != nullptr; });
        if (failure_ != nullptr) {
            std::rethrow_exception(failure_);
        }
        Compressed result = std::move(*done_[at]);
        done_[at].reset();
        taken_ = at + 1;
        lock.unlock();
        changed_.notify_all();
        return result;
    }

private:
    void work() {
        try {
            const Compressor compressor(ZSTD_createCCtx());
            if (!compressor || ZSTD_isError(ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_compressionLevel,
                                                                   level_)) != 0) {
                throw base::Error(base::Fault::Internal, "zstd cannot compress at level {}", level_);
            }
            while (const auto at = next()) {
                Compressed made = press(*at, compressor.get());
                {
                    const std::lock_guard guard(mutex_);
                    done_[*at] = std::move(made);
                }
                changed_.notify_all();
            }
        } catch (...) { // the wall between a thread and whoever takes its frames: rethrown there
            {
                const std::lock_guard guard(mutex_);
                failure_ = std::current_exception();
            }
            changed_.notify_all();
        }
    }

    std::optional<std::size_t> next() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopped_ || failure_ != nullptr || started_ < taken_ + window_; });
        if (stopped_ || failure_ != nullptr || started_ == frames_.size()) {
            return std::nullopt;
        }
        return started_++;
    }

    Compressed press(std::size_t at, ZSTD_CCtx* compressor) {
        std::string raw;
        Compressed made;
        base::Sha256 key;
        key.update(key_prefix());
        for (const Piece& piece : frames_[at]) {
            append_piece(raw, piece, key, made);
        }
        if (at + 1 == frames_.size()) {
            append_archive_end(raw);
            key.update("end");
        }
        made.archive_bytes = raw.size();
        const base::Digest name = key.finish();
        if (auto found = cache_.find(name)) {
            made.bytes = std::move(*found);
            return made;
        }
        made.bytes.resize(ZSTD_compressBound(raw.size()));
        const std::size_t length =
            ZSTD_compress2(compressor, made.bytes.data(), made.bytes.size(), raw.data(), raw.size());
        if (ZSTD_isError(length) != 0) {
            throw base::Error(base::Fault::Internal, "zstd cannot compress: {}", ZSTD_getErrorName(length));
        }
        made.bytes.resize(length);
        made.bytes.shrink_to_fit();
        cache_.keep(name, made.bytes);
        return made;
    }

    /// The key of a frame says its bytes without hashing them twice: headers and digests of contents.
    void append_piece(std::string& raw, const Piece& piece, base::Sha256& key, Compressed& made) {
        Entry& entry = entries_[piece.entry];
        if (piece.from == 0) {
            const std::size_t start = raw.size();
            append_archive_header(raw, entry);
            key.update(std::string_view(raw).substr(start));
        }
        const std::size_t start = raw.size();
        if (entry.is_plain()) {
            append_content(raw, entry, piece);
        } else {
            raw += entry.file.link_target;
        }
        const std::string_view content = std::string_view(raw).substr(start);
        const base::Digest digest = base::sha256(content);
        key.update({reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()});
        if (piece.from == 0 && piece.to == entry.file.bytes && entry.is_plain()) {
            entry.file.digest = digest.hex();
        } else if (entry.is_plain()) {
            made.part_of_file = content;
        }
        if (piece.to == archived_bytes(entry)) {
            raw.append(archive_padding(piece.to), '\0');
        }
    }

    std::string key_prefix() const {
        return fmt::format("tiercel-frame-1 zstd {} level {}\n", ZSTD_versionString(), level_);
    }

    std::vector<Entry>& entries_;
    const std::vector<Frame> frames_;
    const int level_;
    FrameCache& cache_;
    std::size_t window_ = 0;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::optional<Compressed>> done_;
    std::size_t started_ = 0;
    std::size_t taken_ = 0;
    bool stopped_ = false;
    std::exception_ptr failure_;
    std::vector<std::thread> threads_;
};

} // namespace

rpm::PayloadFacts write_payload(std::vector<Entry>& entries, int file, std::uint64_t offset,
                                const PayloadOptions& options, FrameCache& cache) {
    rpm::PayloadFacts facts;
    facts.level = options.level;
    base::Sha256 whole;
    std::optional<base::Sha256> long_file; // of the file whose pieces are coming
    FramePress press(entries, options, cache);
    for (std::size_t at = 0; at < press.size(); ++at) {
        const Compressed made = press.take(at);
        write_at(file, made.bytes, offset + facts.bytes);
        whole.update(made.bytes);
        facts.bytes += made.bytes.size();
        facts.archive_bytes += made.archive_bytes;
        if (!made.part_of_file.empty()) {
            const Piece& piece = press.frame(at).front();
            if (piece.from == 0) {
                long_file.emplace();
            }
            long_file->update(made.part_of_file);
            if (piece.to == entries[piece.entry].file.bytes) {
                entries[piece.entry].file.digest = long_file->finish().hex();
            }
        }
    }
    facts.digest = whole.finish();
    return facts;
}

} // namespace builder
