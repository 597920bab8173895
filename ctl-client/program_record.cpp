// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/program_record.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"

#include <array>
#include <cerrno>
#include <unistd.h>
#include <vector>

namespace ctl_client {
namespace {

std::vector<std::string> lines_of(int file) {
    std::string text;
    std::array<char, 65536> block;
    ssize_t got = 0;
    while ((got = ::pread(file, block.data(), block.size(), static_cast<off_t>(text.size()))) > 0) {
        text.append(block.data(), static_cast<std::size_t>(got));
    }
    std::vector<std::string> lines;
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return lines;
}

} // namespace

ProgramRecord ProgramRecord::read(int file) {
    ProgramRecord record;
    try {
        for (const std::string& line : lines_of(file)) {
            const base::Value value = base::parse_json(line, "record of a program");
            const base::Fields fields(value, "record of a program");
            if (fields.has("argv")) {
                record.order = fields.text("order");
                record.what = fields.text("what");
                record.command.argv = fields.texts("argv");
                record.command.directory = fields.text("directory");
                record.command.timeout = fields.duration("timeout", record.command.timeout);
                record.command.output_limit_bytes =
                    static_cast<std::size_t>(fields.whole("limit", 0, std::int64_t{1} << 30));
            } else if (fields.has("keeper")) {
                record.keeper = static_cast<pid_t>(fields.whole("keeper", 1, INT32_MAX));
            } else {
                record.end = value;
            }
        }
    } catch (const base::Error&) {
        // Torn by a power cut: then its end is not known, which is what a missing end says.
        record.end.reset();
    }
    return record;
}

void ProgramRecord::begin(int file, const std::string& order, const std::string& what,
                          const base::Command& command) {
    if (::ftruncate(file, 0) != 0) {
        throw base::Error(base::Fault::Unavailable, "the record of {} cannot be written: {}", what,
                          base::system_reason(errno));
    }
    add(file, base::Object{{"order", order},
                           {"what", what},
                           {"argv", command.argv},
                           {"directory", command.directory.string()},
                           {"timeout", base::to_text(command.timeout)},
                           {"limit", command.output_limit_bytes}});
}

void ProgramRecord::add(int file, const base::Value& line) {
    const std::string text = base::to_json(line) + "\n";
    const off_t end = ::lseek(file, 0, SEEK_END);
    const ssize_t written = end < 0 ? -1 : ::pwrite(file, text.data(), text.size(), end);
    if (written != static_cast<ssize_t>(text.size())) {
        throw base::Error(base::Fault::Unavailable, "the record of a program cannot be written: {}",
                          base::system_reason(errno));
    }
}

} // namespace ctl_client
