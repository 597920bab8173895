// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/about.hpp"

#include "base/error.hpp"
#include "base/name.hpp"
#include "rpm/about_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

namespace rpm {

Argv read_argv(const base::Fields& fields, std::string_view key) {
    Argv argv = fields.texts(key);
    if (argv.empty() || argv.front().empty()) {
        fields.fail(key, fmt::format("'{}' is empty, but must be a program and its arguments", key));
    }
    return argv;
}

base::Duration read_positive(const base::Fields& fields, std::string_view key, base::Duration absent) {
    const base::Duration duration = fields.duration(key, absent);
    if (duration <= duration.zero()) {
        fields.fail(key, fmt::format("'{}' must be longer than nothing", key));
    }
    return duration;
}

std::string read_filled(const base::Fields& fields, std::string_view key) {
    std::string text = fields.text(key);
    if (text.empty()) {
        fields.fail(key, fmt::format("'{}' is empty", key));
    }
    return text;
}

namespace {

using std::chrono::milliseconds;

/// The members of a record of records (`[settings]`, `[services]` …), each with Fields of its own; absent is
/// none.
std::vector<std::pair<std::string, base::Fields>> named_records(const base::Fields& fields,
                                                                std::string_view key) {
    std::vector<std::pair<std::string, base::Fields>> records;
    if (const auto all = fields.record(key)) {
        for (const base::Member& member : all->members()) {
            records.emplace_back(member.name, base::Fields(member.value, fields.file(),
                                                           fmt::format("{}.{}", key, member.name)));
        }
    }
    return records;
}

const std::vector<std::string>& signal_names() {
    static const std::vector<std::string> names{"TERM", "INT",  "QUIT", "HUP",   "USR1", "USR2",
                                                "KILL", "ALRM", "CONT", "WINCH", "ABRT"};
    return names;
}

Act read_act(const base::Fields& fields, std::string_view key) {
    if (const base::Value* value = fields.any(key); value->array() != nullptr) {
        return read_argv(fields, key);
    }
    const std::string name = fields.text(key);
    const auto& known = signal_names();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
        const auto meant = base::nearest(name, known);
        fields.fail(
            key, fmt::format("'{}' is no signal; {}", name,
                             meant ? fmt::format("did you mean '{}'?", *meant)
                                   : "write its name without SIG, such as 'TERM', or a command as a list"));
    }
    return Signal{name};
}

Service read_service(std::string name, const base::Fields& fields) {
    try {
        base::check_word(name, "service name"); // the log of the service bears it
    } catch (const base::Error& error) {
        fields.fail("", error.message());
    }
    Service service;
    service.name = std::move(name);
    service.start = read_argv(fields, "start");
    service.pid_file = read_filled(fields, "pid_file");
    if (fields.has("stop")) {
        service.stop = read_act(fields, "stop");
    }
    if (fields.has("reload")) {
        service.reload = read_act(fields, "reload");
    }
    service.start_timeout = read_positive(fields, "start_timeout", service.start_timeout);
    service.stop_timeout = read_positive(fields, "stop_timeout", service.stop_timeout);
    fields.finish();
    return service;
}

Probe read_probe(std::string name, const base::Fields& fields) {
    Probe probe;
    probe.name = std::move(name);
    const int ways = int{fields.has("http")} + int{fields.has("tcp")} + int{fields.has("exec")};
    if (ways != 1) {
        fields.fail("", fmt::format("check '{}' has {} of http, tcp and exec, but must have exactly one",
                                    probe.name, ways == 0 ? "none" : "several"));
    }
    if (fields.has("http")) {
        probe.http = read_filled(fields, "http");
        probe.status = static_cast<int>(fields.whole("status", 100, 599, probe.status));
    } else if (fields.has("tcp")) {
        probe.tcp = read_filled(fields, "tcp");
    } else {
        probe.exec = read_argv(fields, "exec");
    }
    if (fields.has("status") && !probe.http) {
        fields.fail("status", "'status' is for http checks");
    }
    probe.rise = static_cast<int>(fields.whole("rise", 1, 1000, probe.rise));
    probe.interval = read_positive(fields, "interval", probe.interval);
    probe.timeout = read_positive(fields, "timeout", probe.timeout);
    probe.deadline = read_positive(fields, "deadline", probe.deadline);
    fields.finish();
    return probe;
}

std::optional<Drain> read_drain(const base::Fields& fields) {
    const auto record = fields.record("drain");
    if (!record) {
        return std::nullopt;
    }
    Drain drain;
    drain.marker = read_filled(*record, "marker");
    drain.wait = record->duration("wait", drain.wait);
    record->finish();
    return drain;
}

std::vector<Argv> read_argvs(const base::Fields& fields, std::string_view key) {
    std::vector<Argv> argvs;
    const base::Value* value = fields.any(key);
    if (value == nullptr) {
        return argvs;
    }
    const auto wrong = [&]() {
        fields.fail(key, fmt::format("'{}' must be a list of commands, each a list of strings: "
                                     "[[\"program\", \"argument\"]]",
                                     key));
    };
    if (value->array() == nullptr) {
        wrong();
    }
    for (const base::Value& item : *value->array()) {
        Argv argv;
        const base::Array* words = item.array();
        for (std::size_t i = 0; words != nullptr && i < words->size(); ++i) {
            const std::string* word = (*words)[i].text();
            if (word == nullptr) {
                wrong();
            }
            argv.push_back(*word);
        }
        if (argv.empty() || argv.front().empty()) {
            wrong();
        }
        argvs.push_back(std::move(argv));
    }
    return argvs;
}

Template read_template(const base::Fields& fields) {
    Template part;
    part.source = read_filled(fields, "source");
    part.to = read_filled(fields, "to");
    if (part.to.front() != '/' || part.to.back() == '/') {
        fields.fail("to", fmt::format("'{}' is no absolute path of a file", part.to));
    }
    part.mode = read_mode(fields, "mode").value_or(part.mode);
    part.owner = fields.text("owner", part.owner);
    part.group = fields.text("group", part.group);
    part.validate = read_argvs(fields, "validate");
    part.restart = fields.texts("restart");
    part.reload = fields.texts("reload");
    fields.finish();
    return part;
}

template <class Part, class Key>
void refuse_twins(const base::Fields& fields, std::string_view list, const std::vector<Part>& parts,
                  Key Part::*key) {
    std::set<std::string> seen;
    const auto records = fields.records(list);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!seen.insert(parts[i].*key).second) {
            throw base::Error(base::Fault::Input, "{}:{}: '{}' stands twice in '{}'", fields.file(),
                              records[i].line(), parts[i].*key, list);
        }
    }
}

base::Value act_value(const Act& act) {
    if (const auto* signal = std::get_if<Signal>(&act)) {
        return signal->name;
    }
    return std::get<Argv>(act);
}

base::Value to_value(const Service& service) {
    base::Object record{
        {"start", service.start}, {"pid_file", service.pid_file}, {"stop", act_value(service.stop)}};
    if (service.reload) {
        record.set("reload", act_value(*service.reload));
    }
    record.set("start_timeout", base::to_text(service.start_timeout));
    record.set("stop_timeout", base::to_text(service.stop_timeout));
    return record;
}

base::Value to_value(const Probe& probe) {
    base::Object record;
    if (probe.http) {
        record.set("http", *probe.http);
        record.set("status", probe.status);
    } else if (probe.tcp) {
        record.set("tcp", *probe.tcp);
    } else if (probe.exec) {
        record.set("exec", *probe.exec);
    }
    record.set("rise", probe.rise);
    record.set("interval", base::to_text(probe.interval));
    record.set("timeout", base::to_text(probe.timeout));
    record.set("deadline", base::to_text(probe.deadline));
    return record;
}

base::Value to_value(const Template& part) {
    base::Array validate(part.validate.begin(), part.validate.end());
    return base::Object{
        {"source", part.source},   {"to", part.to},        {"mode", fmt::format("{:04o}", part.mode)},
        {"owner", part.owner},     {"group", part.group},  {"validate", std::move(validate)},
        {"restart", part.restart}, {"reload", part.reload}};
}

template <class Part, class Write> base::Array list_of(const std::vector<Part>& parts, Write write) {
    base::Array list;
    for (const Part& part : parts) {
        list.push_back(write(part));
    }
    return list;
}

void read_application(const base::Fields& fields, About& about) {
    const auto record = fields.record("application");
    if (!record) {
        return;
    }
    about.model = record->text("model");
    if (const auto workflows = record->record("workflows")) {
        for (const base::Member& member : workflows->members()) {
            about.workflows[member.name] = workflows->text(member.name);
        }
    }
}

} // namespace

std::optional<std::uint32_t> read_mode(const base::Fields& fields, std::string_view key) {
    const auto text = fields.maybe_text(key);
    if (!text) {
        return std::nullopt;
    }
    const bool octal = text->size() >= 3 && text->size() <= 5 &&
                       std::all_of(text->begin(), text->end(), [](char c) { return c >= '0' && c <= '7'; });
    const unsigned long mode = octal ? std::stoul(*text, nullptr, 8) : 010000;
    if (mode > 07777) {
        fields.fail(key, fmt::format("'{}' is no file mode; write it in octal, such as '0644'", *text));
    }
    return static_cast<std::uint32_t>(mode);
}

About About::shared_parts(const base::Fields& fields) {
    About about;
    for (auto& [name, record] : named_records(fields, "settings")) {
        about.settings.push_back(Setting::read(name, record));
    }
    for (auto& [name, record] : named_records(fields, "services")) {
        about.services.push_back(read_service(name, record));
    }
    for (auto& [name, record] : named_records(fields, "health")) {
        about.health.push_back(read_probe(name, record));
    }
    about.drain = read_drain(fields);
    for (const base::Fields& record : fields.records("commands")) {
        about.commands.push_back(PackagedCommand::read(record));
    }
    refuse_twins(fields, "commands", about.commands, &PackagedCommand::name);
    for (const base::Fields& record : fields.records("hooks")) {
        about.hooks.push_back(Hook::read(record));
    }
    for (const base::Fields& record : fields.records("templates")) {
        about.templates.push_back(read_template(record));
    }
    refuse_twins(fields, "templates", about.templates, &Template::to);
    return about;
}

About About::from_value(const base::Value& document, const std::string& file) {
    const base::Fields fields(document, file);
    const std::int64_t format = fields.whole("format", 1, std::int64_t{1} << 31);
    if (format != 1) {
        fields.fail("format", fmt::format("format {} is newer than this program; update it", format));
    }
    About about = shared_parts(fields);
    about.name = fields.text("name");
    about.kind = fields.text("kind");
    read_application(fields, about);
    return about; // unknown members are from a newer writer of the same format: ignored
}

base::Value About::to_value() const {
    base::Object settings_record;
    for (const Setting& setting : settings) {
        settings_record.set(setting.name, setting.to_value());
    }
    base::Object services_record;
    for (const Service& service : services) {
        services_record.set(service.name, rpm::to_value(service));
    }
    base::Object health_record;
    for (const Probe& probe : health) {
        health_record.set(probe.name, rpm::to_value(probe));
    }
    base::Value drain_record;
    if (drain) {
        drain_record = base::Object{{"marker", drain->marker}, {"wait", base::to_text(drain->wait)}};
    }
    base::Object document{
        {"format", 1},
        {"name", name},
        {"kind", kind},
        {"settings", std::move(settings_record)},
        {"services", std::move(services_record)},
        {"health", std::move(health_record)},
        {"drain", std::move(drain_record)},
        {"commands", list_of(commands, std::mem_fn(&PackagedCommand::to_value))},
        {"templates", list_of(templates, [](const Template& part) { return rpm::to_value(part); })}};
    if (!hooks.empty()) { // absent as before there were any: what digests are over stays the same bytes
        document.set("hooks", list_of(hooks, std::mem_fn(&Hook::to_value)));
    }
    if (kind == "application") {
        base::Object texts;
        for (const auto& [workflow, text] : workflows) {
            texts.set(workflow, text);
        }
        document.set("application", base::Object{{"model", model}, {"workflows", std::move(texts)}});
    }
    return document;
}

std::string About::path_of(const std::string& package_name) {
    return "/usr/share/tiercel/" + package_name + ".json";
}

} // namespace rpm
