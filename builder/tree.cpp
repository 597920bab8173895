// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/tree.hpp"

#include "base/error.hpp"

#include <sys/stat.h>

#include <utility>

namespace builder {
namespace {

bool same_attributes(const Entry& left, const Entry& right) {
    return left.file.mode == right.file.mode && left.file.owner == right.file.owner &&
           left.file.group == right.file.group && left.file.flags == right.file.flags;
}

} // namespace

std::string Tree::owner_of(const Entry& entry) const {
    return entry.line == 0 ? "Tiercel itself" : fmt::format("the entry in line {}", entry.line);
}

void Tree::add(Entry entry) {
    const auto [at, is_new] = entries_.try_emplace(entry.file.path, entry);
    if (is_new) {
        return;
    }
    Entry& present = at->second;
    if (present.is_directory() && entry.is_directory()) {
        if (present.implied && !entry.implied) {
            present = std::move(entry);
            return;
        }
        if (entry.implied && (!present.implied || same_attributes(present, entry))) {
            return;
        }
    }
    throw base::Error(base::Fault::Input, "{}: '{}' is already packaged by {}; a path has one owner",
                      recipe_.place(entry.line), entry.file.path, owner_of(present));
}

void Tree::add_text(std::string path, std::string text, int line) {
    Entry entry;
    entry.file.path = std::move(path);
    entry.file.mode = S_IFREG | 0644;
    entry.file.bytes = text.size();
    entry.file.owner = entry.file.group = "root";
    entry.text = std::move(text);
    entry.line = line;
    add(std::move(entry));
}

void Tree::add_directory(std::string path) {
    Entry entry;
    entry.file.path = std::move(path);
    entry.file.type = 'd';
    entry.file.mode = S_IFDIR | 0755;
    entry.file.owner = entry.file.group = "root";
    entry.implied = true;
    add(std::move(entry));
}

std::vector<Entry> Tree::finish() && {
    std::vector<Entry> sorted;
    sorted.reserve(entries_.size());
    for (const auto& [path, entry] : entries_) {
        for (std::size_t slash = path.rfind('/'); slash != 0 && slash != std::string::npos;
             slash = path.rfind('/', slash - 1)) {
            const auto above = entries_.find(path.substr(0, slash));
            if (above != entries_.end() && !above->second.is_directory()) {
                throw base::Error(base::Fault::Input,
                                  "{}: '{}' lies below '{}', which is no directory but a file of {}",
                                  recipe_.place(entry.line), path, above->first, owner_of(above->second));
            }
        }
    }
    for (auto& [path, entry] : entries_) {
        sorted.push_back(std::move(entry));
    }
    entries_.clear();
    return sorted;
}

} // namespace builder
