// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/gzip.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <limits>
#include <zlib.h>

namespace repo {

namespace {

constexpr int gzip_window = 15 + 16; // zlib's way to ask for the gzip wrapper
constexpr int level = 6;             // zlib's own balance of size and time

/// A stream of zlib, ended with its scope.
template <int (*End)(z_stream*)> struct Stream {
    z_stream stream{};
    Stream() = default;
    ~Stream() { End(&stream); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
};

Bytef* bytes_of(std::string_view text) {
    // zlib reads only; its interface is older than const.
    return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

} // namespace

std::string gzipped(std::string_view text) {
    if (text.size() > std::numeric_limits<uInt>::max()) {
        throw base::Error(base::Fault::Internal,
                          "a metadata bucket has {} bytes, more than one gzip call takes", text.size());
    }
    Stream<deflateEnd> deflater;
    z_stream& stream = deflater.stream;
    if (deflateInit2(&stream, level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        throw base::Error(base::Fault::Unavailable, "the metadata cannot be compressed: out of memory");
    }
    std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
    stream.next_in = bytes_of(text);
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = bytes_of(out);
    stream.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
        throw base::Error(base::Fault::Internal, "the metadata cannot be compressed: zlib did not finish");
    }
    out.resize(stream.total_out);
    return out;
}

std::string gunzipped(std::string_view members, std::size_t limit_bytes) {
    Stream<inflateEnd> inflater;
    z_stream& stream = inflater.stream;
    if (inflateInit2(&stream, gzip_window) != Z_OK) {
        throw base::Error(base::Fault::Unavailable, "the metadata cannot be read: out of memory");
    }
    constexpr std::size_t step = std::size_t{1} << 16u;
    std::string out;
    stream.next_in = bytes_of(members);
    std::size_t left = members.size();
    bool complete = members.empty();
    while (!complete || left > 0) {
        if (complete && inflateReset(&stream) != Z_OK) {
            throw base::Error(base::Fault::Internal, "the metadata cannot be read: zlib cannot start again");
        }
        if (out.size() > limit_bytes) {
            throw base::Error(base::Fault::Corrupt, "the compressed metadata holds more than {} bytes",
                              limit_bytes);
        }
        const std::size_t filled = out.size();
        out.resize(filled + step);
        stream.next_out = bytes_of(out) + filled;
        stream.avail_out = static_cast<uInt>(step);
        const auto given = static_cast<uInt>(std::min<std::size_t>(left, std::numeric_limits<uInt>::max()));
        stream.avail_in = given;
        const int answer = inflate(&stream, Z_NO_FLUSH);
        const std::size_t taken = given - stream.avail_in;
        const std::size_t made = step - stream.avail_out;
        left -= taken;
        out.resize(filled + made);
        complete = answer == Z_STREAM_END;
        if (answer != Z_STREAM_END && (answer != Z_OK || (taken == 0 && made == 0))) {
            throw base::Error(base::Fault::Corrupt, "the compressed metadata is damaged or cut off");
        }
    }
    if (out.size() > limit_bytes) {
        throw base::Error(base::Fault::Corrupt, "the compressed metadata holds more than {} bytes",
                          limit_bytes);
    }
    return out;
}

} // namespace repo
