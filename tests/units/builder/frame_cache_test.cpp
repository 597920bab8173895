// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/frame_cache.hpp"

#include "base/files.hpp"
#include "tests/catch.hpp"

#include <chrono>

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::size_t stored_bytes = 32 + 1000; // a digest and the frame

base::Digest key(int number) {
    return base::sha256(std::to_string(number));
}

class Directory {
public:
    const fs::path& path() const { return directory_.path(); }
    builder::FrameCache cache(std::uint64_t limit_bytes) const {
        return builder::FrameCache(path(), limit_bytes);
    }
    fs::path place(int number) const { return path() / key(number).hex().substr(0, 2) / key(number).hex(); }
    /// Keeps frames 1 to `count`; the first of them was used longest ago.
    void fill(builder::FrameCache& cache, int count) const {
        for (int number = 1; number <= count; ++number) {
            cache.keep(key(number), std::string(1000, 'x'));
            fs::last_write_time(place(number), fs::file_time_type::clock::now() - 1h * (100 - number));
        }
    }
    /// Numbers of the frames that are there.
    std::vector<int> there(int count) const {
        std::vector<int> numbers;
        for (int number = 1; number <= count; ++number) {
            if (fs::exists(place(number))) {
                numbers.push_back(number);
            }
        }
        return numbers;
    }

private:
    base::TemporaryDirectory directory_;
};

using Numbers = std::vector<int>;

} // namespace

TEST_CASE("a frame that was kept is found, a damaged one is as good as absent") {
    const Directory directory;
    builder::FrameCache cache = directory.cache(1u << 20);
    CHECK_FALSE(cache.find(key(1)));
    cache.keep(key(1), "frame");
    CHECK(cache.find(key(1)) == "frame");
    CHECK(cache.hits() == 1);
    base::SystemFiles().write(directory.place(1), base::SystemFiles().read(directory.place(1)) + "x");
    CHECK_FALSE(cache.find(key(1)));
    base::SystemFiles().write(directory.place(1), "short");
    CHECK_FALSE(cache.find(key(1)));
    CHECK(cache.hits() == 1);
}

TEST_CASE("the frame cache drops what was not used for longest, and no more than it must") {
    const Directory directory;
    builder::FrameCache cache = directory.cache(3 * stored_bytes);
    directory.fill(cache, 5);
    CHECK(cache.find(key(1))); // used now
    cache.prune();
    CHECK(directory.there(5) == Numbers{1, 4, 5});
    cache.prune();
    CHECK(directory.there(5) == Numbers{1, 4, 5});
    CHECK(cache.find(key(4)) == std::string(1000, 'x'));
    CHECK_FALSE(cache.find(key(2)));
}

TEST_CASE("one byte too many in the frame cache is a whole frame less") {
    const Directory directory;
    builder::FrameCache cache = directory.cache(3 * stored_bytes - 1);
    directory.fill(cache, 3);
    cache.prune();
    CHECK(directory.there(3) == Numbers{2, 3});
}

TEST_CASE("what a killed build left half-written in the frame cache goes by its age, too") {
    const Directory directory;
    builder::FrameCache cache = directory.cache(2 * stored_bytes);
    directory.fill(cache, 2);
    const fs::path half = directory.place(1).string() + ".4242.1";
    base::SystemFiles().write(half, std::string(500, 'x'));
    fs::last_write_time(half, fs::file_time_type::clock::now() - 200h);
    cache.prune();
    CHECK_FALSE(fs::exists(half));
    CHECK(directory.there(2) == Numbers{1, 2});
}

TEST_CASE("a build that kept no frame leaves the frame cache alone") {
    const Directory directory;
    builder::FrameCache filling = directory.cache(1u << 20);
    directory.fill(filling, 3);
    builder::FrameCache reading = directory.cache(stored_bytes);
    CHECK(reading.find(key(2)));
    reading.prune();
    CHECK(directory.there(3) == Numbers{1, 2, 3});
}

TEST_CASE("without a directory there is no frame cache") {
    builder::FrameCache cache(fs::path(), 1u << 20);
    cache.keep(key(1), "frame");
    CHECK_FALSE(cache.find(key(1)));
    cache.prune();
}

TEST_CASE("a frame cache that cannot be written loses time only") {
    const Directory directory;
    base::SystemFiles().write(directory.path() / "file", "in the way");
    builder::FrameCache cache(directory.path() / "file", 1);
    cache.keep(key(1), "frame");
    CHECK_FALSE(cache.find(key(1)));
    cache.prune();
    CHECK(base::SystemFiles().read(directory.path() / "file") == "in the way");
}
