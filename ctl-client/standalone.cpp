// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/standalone.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"

#include <array>
#include <unistd.h>

namespace ctl_client {

using dispatcher::protocol::Order;
using dispatcher::protocol::Report;

namespace {

std::string host_name() {
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    return name.data();
}

base::Value or_empty(const base::Fields& fields, std::string_view key) {
    const base::Value* value = fields.any(key);
    return value != nullptr ? *value : base::Value(base::Object{});
}

int refusal_code(const Report& report) {
    const base::Object* detail = report.detail.object();
    const base::Value* fault = detail != nullptr ? detail->find("fault") : nullptr;
    if (fault != nullptr && fault->text() != nullptr) {
        return base::exit_code(base::fault_from(*fault->text()));
    }
    return report.code == "refused" ? base::exit_code(base::Fault::Denied) : 3;
}

} // namespace

Report Standalone::order(const std::string& run, const std::string& component, const std::string& kind,
                         base::Object body) {
    Order order;
    order.id = base::make_ulid(clock_.now());
    order.run = run;
    order.epoch = executor_.journal().highest_epoch(component);
    order.expires = clock_.now() + std::chrono::hours(1);
    order.component = component;
    order.kind = kind;
    order.body = std::move(body);
    const std::string text = order.text();
    std::optional<Report> report = executor_.journal().receive(text, clock_.now());
    while (!report && executor_.perform_next()) {
        report = executor_.journal().receive(text, clock_.now());
    }
    if (!report) {
        throw base::Error(base::Fault::Internal, "order '{}' was not carried out", order.id);
    }
    executor_.journal().acknowledge(order.id);
    tell_(report->ok ? kind : fmt::format("{} {}: {}", kind, report->code, report->reason));
    return *report;
}

int Standalone::apply(const base::Value& desired, const std::string& envelope) {
    const std::string component = base::Fields(desired, "desired").text("component");
    const std::string run = base::make_ulid(clock_.now());
    const Report prepared =
        order(run, component, "prepare",
              {{"desired", desired}, {"manifest", executor_.hold_envelope(envelope).to_value()}});
    if (!prepared.ok) {
        return refusal_code(prepared);
    }
    for (const base::Fields& file : base::Fields(prepared.detail, "report").records("config")) {
        tell_(file.text("diff"));
    }
    const base::Object* detail = prepared.detail.object();
    const base::Value present = *detail->find("present");
    const base::Value* availability = desired.object()->find("availability");
    const std::vector<std::pair<std::string, base::Object>> steps = {
        {"drain", {}},
        {"apply", {{"desired_digest", base::sha256(base::to_json(desired)).str()}, {"present", present}}},
        {"restart", {}},
        {"probe", availability == nullptr ? base::Object{} : base::Object{{"availability", *availability}}}};
    bool well = true;
    for (const auto& [kind, body] : steps) {
        well = order(run, component, kind, body).ok;
        if (!well) {
            break;
        }
    }
    const bool back = well || order(run, component, "undo", {{"run", run}}).ok;
    order(run, component, "undrain", {});
    return well ? 0 : back ? 4 : 8;
}

int Standalone::undo(const std::string& component) {
    const auto run = executor_.host_transaction().newest_run(component);
    if (!run) {
        tell_(fmt::format("component '{}' has nothing to undo", component));
        return 0;
    }
    const bool drained = order(*run, component, "drain", {}).ok;
    const Report report = order(*run, component, "undo", {{"run", *run}});
    if (drained) {
        order(*run, component, "undrain", {});
    }
    if (report.ok) {
        return 0;
    }
    return report.code == "refused" ? base::exit_code(base::Fault::Denied) : 8;
}

base::Value desired_for(const repo::Manifest& manifest, const base::Digest& manifest_digest,
                        const base::ComponentName& component, const base::Value& given,
                        const std::string& file) {
    const base::Fields fields(given, file);
    std::vector<std::string> packages;
    std::vector<std::string> known;
    bool peers = false;
    const base::Fields application(manifest.application,
                                   "application of release '" + manifest.release.str() + "'");
    for (const base::Fields& one : application.records("components")) {
        known.push_back(application.text("name") + "/" + one.text("name"));
        if (known.back() != component.str()) {
            continue;
        }
        peers = one.flag("peers", false);
        for (const std::string& name : one.texts("packages")) {
            const repo::ManifestPackage* package = manifest.find(name);
            if (package == nullptr) {
                throw base::Error(base::Fault::Input, "package '{}' of component '{}' is not in release '{}'",
                                  name, component, manifest.release);
            }
            packages.push_back(package->nevra.str());
        }
    }
    if (std::find(known.begin(), known.end(), component.str()) == known.end()) {
        throw base::Error(base::Fault::Input, "release '{}' has no component '{}'{}", manifest.release,
                          component, base::hint(component.str(), known));
    }
    const std::string node = fields.text("node", host_name());
    const std::string address = fields.text("address", "127.0.0.1");
    base::Object desired{{"component", component.str()},
                         {"node", base::Object{{"name", node},
                                               {"address", address},
                                               {"addresses", or_empty(fields, "addresses")},
                                               {"labels", or_empty(fields, "labels")}}},
                         {"environment", fields.text("environment", "alone")},
                         {"release", manifest.release.str()},
                         {"manifest", manifest_digest.str()},
                         {"packages", packages},
                         {"settings", or_empty(fields, "settings")},
                         {"consumes", or_empty(fields, "consumes")}};
    if (const base::Value* list = fields.any("peers"); list != nullptr) {
        desired.set("peers", *list);
    } else if (peers) {
        desired.set("peers", base::Array{base::Object{{"node", node}, {"address", address}}});
    }
    fields.finish();
    desired.set("availability", base::Array{});
    return desired;
}

} // namespace ctl_client
