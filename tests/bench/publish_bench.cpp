// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Publishing one more package, beside `createrepo_c --update` on the same packages in the same run. Ours
// checks the package's signature, copies it, signs the metadata, and has everything on the disk; createrepo_c
// does none of that. Usage: publish_bench [packages …]
#include "base/process.hpp"
#include "tests/units/repo/shop.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace fs = std::filesystem;
using base::ChannelName;

namespace {

constexpr int rounds = 5;

template <class Work> double milliseconds(Work work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void createrepo(const fs::path& directory, bool update) {
    base::Command command;
    command.argv = {"createrepo_c", "--quiet", "--no-database", directory};
    if (update) {
        command.argv.insert(command.argv.begin() + 1, "--update");
    }
    command.timeout = std::chrono::minutes(10);
    if (base::SystemProcesses().run(command).exit_code != 0) {
        std::fputs("createrepo_c failed\n", stderr);
        std::exit(1);
    }
}

void compare(int packages) {
    const tests::Shop shop;
    std::vector<fs::path> all;
    for (int at = 0; at < packages; ++at) {
        const std::string name = "package-" + std::to_string(at);
        all.push_back(tests::make_app(shop.packages, name, "1.0", shop.package_key));
    }
    repo::Repository repository = shop.open();
    const double all_ours = milliseconds([&] { repository.add(all, ChannelName("dev"), tests::noon); });
    const double all_theirs = milliseconds([&] { createrepo(shop.packages, false); });
    std::vector<double> ours;
    std::vector<double> theirs;
    for (int round = 0; round < rounds; ++round) {
        const fs::path one =
            tests::make_app(shop.packages, "one-more", std::to_string(round), shop.package_key);
        ours.push_back(milliseconds([&] { repository.add({one}, ChannelName("dev"), tests::noon); }));
        theirs.push_back(milliseconds([&] { createrepo(shop.packages, true); }));
    }
    const double promotion =
        milliseconds([&] { repository.promote(ChannelName("dev"), ChannelName("stable"), {}, tests::noon); });
    const double mine = *std::min_element(ours.begin(), ours.end());
    const double other = *std::min_element(theirs.begin(), theirs.end());
    std::printf("%8d  %12.0f  %12.0f  %10.1f  %12.1f  %8.1fx  %10.1f\n", packages, all_ours, all_theirs, mine,
                other, other / mine, promotion);
    std::fflush(stdout);
}

} // namespace

int main(int count, char** values) {
    std::puts("                        all at once (ms)        one more, best of 5 (ms)             promote");
    std::puts("packages          ours  createrepo_c        ours  createrepo_c     ratio        (ms)");
    if (count > 1) {
        for (int at = 1; at < count; ++at) {
            compare(std::atoi(values[at]));
        }
        return 0;
    }
    for (const int packages : {1'000, 10'000}) {
        compare(packages);
    }
    return 0;
}
