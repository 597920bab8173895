// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"
#include "base/value.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rpm {

/// What a package can be told: one entry of `[settings]`.
struct Setting {
    enum class Type { String, Int, Number, Bool, Port, Duration, List };
    std::string name;
    Type type = Type::String;
    base::Value absent;        ///< the default; null: must be set by the environment
    std::optional<double> min; ///< Int and Number
    std::optional<double> max;
    std::vector<std::string> one_of; ///< String only; empty: anything

    /// Why `value` is not acceptable ("is 70000, but must be a port between 1 and 65535"), or nothing.
    std::optional<std::string> objection(const base::Value& value) const;
    /// One entry of `[settings]`; its default satisfies its own bounds. @throws base::Error{Fault::Input}
    static Setting read(std::string name, const base::Fields& fields);
    base::Value to_value() const;
};

/// The type as package.toml writes it: "port".
std::string_view word(Setting::Type type) noexcept;

/// How a process is told something: a signal to the process named by the pid file, or a command of its own.
struct Signal {
    std::string name; ///< without SIG: "TERM", "USR2"
};
using Argv = std::vector<std::string>; ///< every element is a template text; never a shell
using Act = std::variant<Signal, Argv>;

/// `[services.NAME]`: a process that the package brings, for hosts without systemd. `start` must leave a
/// daemon behind and return.
struct Service {
    std::string name;
    Argv start;
    std::string pid_file; ///< template text
    Act stop = Signal{"TERM"};
    std::optional<Act> reload; ///< absent: a reload is a restart
    base::Duration start_timeout = std::chrono::seconds(30);
    base::Duration stop_timeout = std::chrono::seconds(30);
};

/// One health check: exactly one of http, tcp, exec.
struct Probe {
    std::string name;
    std::optional<std::string> http; ///< URL, template text; passes on `status`
    int status = 200;
    std::optional<std::string> tcp; ///< "address:port", template text
    std::optional<Argv> exec;       ///< passes on exit code 0
    int rise = 1;                   ///< consecutive passes that count as healthy
    base::Duration interval = std::chrono::milliseconds(500);
    base::Duration timeout = std::chrono::seconds(5);   ///< of one try
    base::Duration deadline = std::chrono::seconds(60); ///< of all tries
};

/// Taking a node out of the load balancers' rotation: while the marker file exists the service's health URL
/// answers 404.
struct Drain {
    std::string marker; ///< template text; a path on the host
    base::Duration wait =
        std::chrono::seconds(5); ///< until every balancer has noticed and running requests have ended
};

/// A file mode as people write it, in octal: "0644"; nothing when the key is absent. @throws
/// base::Error{Fault::Input}
std::optional<std::uint32_t> read_mode(const base::Fields& fields, std::string_view key);

/// `[[commands]]`: what a workflow may run on a node, by name.
struct PackagedCommand {
    std::string name;
    Argv run;
    std::vector<int> ok = {0}; ///< exit codes that are success
    std::optional<std::vector<int>>
        changed;               ///< those of `ok` that mean "something changed"; absent: all of `ok`
    bool once = false;         ///< on one target of its component in a run
    bool irreversible = false; ///< after it succeeded the run has no way back
    bool repeatable = false;   ///< may be run on another target when its outcome was lost
    base::Duration timeout = std::chrono::minutes(10);

    bool is_ok(int exit_code) const;
    bool has_changed(int exit_code) const;
    /// One entry of `[[commands]]`. @throws base::Error{Fault::Input} `file:line: …`
    static PackagedCommand read(const base::Fields& fields);
    base::Value to_value() const;
};

/// `[[hooks]]`: what the client runs around an order, without being told by anybody.
struct Hook {
    std::string at; ///< one of points()
    Argv run;
    base::Duration timeout = std::chrono::minutes(1);
    bool warns = false; ///< its failure is told, but fails nothing

    /// "before-drain", "after-drain" …: before and after drain, apply, restart, stop, start, undrain and
    /// undo.
    static const std::vector<std::string>& points();
    /// One entry of `[[hooks]]`. @throws base::Error{Fault::Input} `file:line: …` with the nearest known
    /// point.
    static Hook read(const base::Fields& fields);
    base::Value to_value() const;
};

struct Template {
    std::string source; ///< path inside the package, `/usr/share/tiercel/NAME/templates/…`
    std::string to;     ///< path that it is rendered to, below node.root
    std::uint32_t mode = 0644;
    std::string owner = "root";
    std::string group = "root";
    std::vector<Argv> validate;       ///< each must exit 0; `{{ file }}` is the rendered candidate
    std::vector<std::string> restart; ///< names of services when the rendered text changed
    std::vector<std::string> reload;
};

/// What a package says of itself to Tiercel: the JSON document at `/usr/share/tiercel/NAME.json` in it,
/// format 1 (docs/formats.md). Written by the builder, read out at `repo add`, carried in release manifests.
struct About {
    std::string name;
    std::string kind; ///< app, config, application, meta
    std::vector<Setting> settings;
    std::vector<Service> services;
    std::vector<Probe> health;
    std::optional<Drain> drain;
    std::vector<PackagedCommand> commands;
    std::vector<Hook> hooks; ///< in the order in which they run
    std::vector<Template> templates;
    std::string model;                            ///< kind application: the text of app.lua
    std::map<std::string, std::string> workflows; ///< kind application: name → text

    /// Reads the parts that package.toml and the JSON document share (`settings`, `services`, `health`,
    /// `drain`, `commands`, `hooks`, `templates`); `fields` is the root record. Used by both readers, so that
    /// both say the same errors. Does not call finish().
    static About shared_parts(const base::Fields& fields);
    /// @throws base::Error{Fault::Input} `file:line: …`
    static About from_value(const base::Value& document, const std::string& file);
    base::Value to_value() const;

    /// `/usr/share/tiercel/NAME.json`
    static std::string path_of(const std::string& package_name);
};

} // namespace rpm
