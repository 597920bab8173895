// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "builder/recipe.hpp"
#include "rpm/package.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace builder {

/// One path of a package and where its content comes from.
struct Entry {
    rpm::PackagedFile file;       ///< the digest of a plain file is filled in when its content is read
    std::filesystem::path source; ///< plain files that lie on disk
    std::string text;             ///< content of the plain files that the builder makes itself
    int line = 0;                 ///< of the entry in package.toml that brings it; 0: the builder itself
    bool implied = false; ///< a directory that came along with a tree: gives way to one that is declared

    bool is_plain() const noexcept { return file.type == 'f'; }
    bool is_directory() const noexcept { return (file.mode & 0170000) == 0040000; }
};

/// The paths of one package. Keeps: every path has one owner, and lies in directories only.
class Tree {
public:
    explicit Tree(const Recipe& recipe) : recipe_(recipe) {}
    /// @throws base::Error{Fault::Input} when the path has an owner, naming both lines.
    void add(Entry entry);
    /// A plain file with a text that the builder made.
    void add_text(std::string path, std::string text, int line);
    /// A directory of root's with mode 0755, unless it is there already.
    void add_directory(std::string path);
    /// All entries, sorted bytewise by path (rpm looks paths up by binary search). @throws
    /// base::Error{Fault::Input} when a path lies below one that is no directory.
    std::vector<Entry> finish() &&;

private:
    std::string owner_of(const Entry& entry) const;

    const Recipe& recipe_;
    std::map<std::string, Entry> entries_;
};

/// Adds what the recipe's `files` name, looked up on disk now.
/// @throws base::Error{Fault::Input} with file and line: nothing there, a kind of file that packages cannot
/// carry, 4 GiB or more …
void add_files(const Recipe& recipe, Tree& tree);

/// Paths below `directory` that match `pattern` ('*', '?' and '[…]' in any of its parts, hidden names only
/// when asked for), relative to it and sorted bytewise.
std::vector<std::filesystem::path> glob(const std::filesystem::path& directory, const std::string& pattern);

} // namespace builder
