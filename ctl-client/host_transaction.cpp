// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/host_transaction.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

#include <algorithm>
#include <fcntl.h>
#include <map>
#include <set>
#include <unistd.h>

namespace ctl_client {
namespace {

using InstalledByName = std::multimap<std::string, rpm::Installed>;

InstalledByName by_name(std::vector<rpm::Installed> list) {
    InstalledByName map;
    for (rpm::Installed& package : list) {
        std::string name = package.nevra.name;
        map.emplace(std::move(name), std::move(package));
    }
    return map;
}

std::string joined(const std::vector<std::string>& texts) {
    constexpr std::size_t enough = 8;
    std::string all;
    for (std::size_t at = 0; at < std::min(texts.size(), enough); ++at) {
        all += (at == 0 ? "" : "; ") + texts[at];
    }
    return texts.size() > enough ? fmt::format("{}; and {} more", all, texts.size() - enough) : all;
}

std::string_view application_of(const std::string& component) {
    return std::string_view(component).substr(0, component.find('/'));
}

const HeldPackage* find(const HostState& state, const std::string& name) {
    for (const HeldPackage& package : state.packages) {
        if (package.identity.nevra.name == name) {
            return &package;
        }
    }
    return nullptr;
}

/// Names of packages that are not the same on both sides.
std::set<std::string> changed_packages(const Change& change) {
    std::set<std::string> names;
    for (const auto& [one, other] :
         {std::pair(&change.before, &change.after), std::pair(&change.after, &change.before)}) {
        for (const HeldPackage& package : one->packages) {
            const HeldPackage* there = find(*other, package.identity.nevra.name);
            if (there == nullptr || !(there->identity == package.identity)) {
                names.insert(package.identity.nevra.name);
            }
        }
    }
    return names;
}

} // namespace

bool HostTransaction::held_by_another(const std::string& component, const std::string& package) const {
    for (const std::string& other : generations_.components()) {
        if (other != component && generations_.current(other)->find(package) != nullptr) {
            return true;
        }
    }
    return false;
}

bool HostTransaction::brought_by_another(const std::string& component, const std::string& path) const {
    for (const std::string& other : generations_.components()) {
        const Generation held = *generations_.current(other);
        if (other != component && std::any_of(held.config.begin(), held.config.end(),
                                              [&](const ConfigFile& file) { return file.path == path; })) {
            return true;
        }
    }
    return false;
}

HostState HostTransaction::target(const Generation& to) {
    HostState state;
    state.packages = to.packages;
    std::set<std::string> paths;
    for (const ConfigFile& file : to.config) {
        state.files.push_back(config_.wanted(file));
        paths.insert(file.path);
    }
    if (const auto now = generations_.current(to.component)) {
        for (const HeldPackage& package : now->packages) {
            const std::string& name = package.identity.nevra.name;
            if (to.find(name) == nullptr && !held_by_another(to.component, name)) {
                state.absent.push_back(name);
            }
        }
        for (const ConfigFile& file : now->config) {
            if (!paths.contains(file.path) && !brought_by_another(to.component, file.path)) {
                FileState gone;
                gone.path = file.path;
                state.files.push_back(std::move(gone));
            }
        }
    }
    return state;
}

HostState HostTransaction::before(const HostState& after, bool way_back) {
    HostState state;
    const InstalledByName installed = by_name(packages_.installed());
    std::vector<std::string> names = after.absent;
    for (const HeldPackage& package : after.packages) {
        names.push_back(package.identity.nevra.name);
    }
    for (const std::string& name : names) {
        const auto [first, last] = installed.equal_range(name);
        const HeldPackage* wanted = find(after, name);
        const bool once = first != last && std::next(first) == last;
        if (once && wanted != nullptr && wanted->identity == first->second) {
            state.packages.push_back(*wanted);
        } else if (const auto held = once ? generations_.held(first->second) : std::nullopt) {
            state.packages.push_back(*held);
        } else if (first == last || !way_back) {
            state.absent.push_back(name);
        } else if (!once) {
            throw base::Error(
                base::Fault::Conflict,
                "package '{}' is installed twice in '{}'; remove one of the two with rpm -e --justdb", name,
                root_.string());
        } else {
            throw base::Error(base::Fault::Conflict,
                              "package '{}' was installed in '{}' by somebody else and its file is not held "
                              "here, so there is no way back; "
                              "remove it, or leave it out of the component",
                              first->second.nevra.str(), root_.string());
        }
    }
    for (const FileState& file : after.files) {
        state.files.push_back(config_.look(file.path));
    }
    return state;
}

std::vector<std::string> HostTransaction::objections(const Generation& to, const std::string& run) {
    std::vector<std::string> found;
    for (const ConfigFile& file : to.config) {
        if (const auto other = generations_.other_with_config(to.component, file.path, run)) {
            found.push_back(
                fmt::format("config '{}' is brought by component '{}' on this node, too; give one of "
                            "them another path, or another node",
                            file.path, *other));
        }
    }
    for (const std::string& other : generations_.components()) {
        if (other == to.component || application_of(other) == application_of(to.component)) {
            continue;
        }
        const Generation held = *generations_.current(other);
        for (const HeldPackage& package : to.packages) {
            const HeldPackage* theirs = held.find(package.identity.nevra.name);
            if (theirs != nullptr && !(theirs->identity == package.identity)) {
                found.push_back(fmt::format(
                    "package '{}' is needed by component '{}' on this node, which '{}' would change to '{}'",
                    theirs->identity.nevra.str(), other, to.component, package.identity.nevra.str()));
            }
        }
    }
    Change change;
    try {
        change.after = target(to);
        change.before = before(change.after, true);
    } catch (const base::Error& error) {
        if (error.fault() != base::Fault::Conflict && error.fault() != base::Fault::Input) {
            throw;
        }
        found.push_back(error.message());
        return found;
    }
    rpm::TransactionRequest request;
    request.test = true;
    const std::set<std::string> names = changed_packages(change);
    for (const HeldPackage& package : change.after.packages) {
        if (names.contains(package.identity.nevra.name)) {
            request.install.push_back(state_.stage(package.file));
            // Another build of the same version counts as the same for rpm.
            const HeldPackage* there = find(change.before, package.identity.nevra.name);
            request.recover =
                request.recover || (there != nullptr && there->identity.nevra == package.identity.nevra);
        }
    }
    for (const std::string& name : change.after.absent) {
        if (names.contains(name)) {
            request.erase.push_back(name);
        }
    }
    if (!request.install.empty() || !request.erase.empty()) {
        const rpm::TransactionResult result = packages_.transact(std::move(request));
        found.insert(found.end(), result.problems.begin(), result.problems.end());
    }
    return found;
}

Change HostTransaction::apply(const std::string& order, const std::string& run_id, const Generation& to) {
    Change change;
    change.component = to.component;
    change.order = order;
    change.run = run_id;
    change.from_generation = generations_.current_id(to.component);
    change.to_generation = to.id;
    change.after = target(to);
    change.before = before(change.after, true);
    changes_.record(change);
    return run(std::move(change));
}

std::vector<Change> HostTransaction::standing_of_run(const std::string& run_id,
                                                     const std::string& component) const {
    std::vector<Change> of_run;
    bool later = false;
    for (Change& change : changes_.standing(component)) {
        if (change.run == run_id) {
            of_run.push_back(std::move(change));
            later = false;
        } else {
            later = !of_run.empty();
        }
    }
    if (later) {
        throw base::Error(base::Fault::Conflict,
                          "component '{}' was changed by another run after run '{}'; undo that one first",
                          component, run_id);
    }
    return of_run;
}

bool HostTransaction::can_undo(const std::string& run_id, const std::string& component) const {
    return !standing_of_run(run_id, component).empty();
}

std::optional<std::int64_t> HostTransaction::generation_before(const std::string& run_id,
                                                               const std::string& component) const {
    const std::vector<Change> undone = standing_of_run(run_id, component);
    return undone.empty() ? std::nullopt : undone.front().from_generation;
}

std::optional<std::string> HostTransaction::newest_run(const std::string& component) const {
    const std::vector<Change> standing = changes_.standing(component);
    return standing.empty() ? std::nullopt : std::optional(standing.back().run);
}

std::optional<Change> HostTransaction::undo(const std::string& order, const std::string& run_id,
                                            const std::string& component) {
    const std::vector<Change> undone = standing_of_run(run_id, component);
    if (undone.empty()) {
        return std::nullopt;
    }
    Change change;
    change.component = component;
    change.order = order;
    change.run = run_id;
    change.is_undo = true;
    change.from_generation = generations_.current_id(component);
    change.to_generation = undone.front().from_generation;
    // The first change that touched a package or file knows what was there before the run.
    const InstalledByName installed = by_name(packages_.installed());
    std::set<std::string> packages;
    std::set<std::string> paths;
    const auto stays = [&](const std::string& name) {
        // Another component that moved on holds it as it is now; its own undo takes it back.
        const auto found = installed.find(name);
        for (const std::string& other : generations_.components()) {
            if (other != component && found != installed.end()) {
                const Generation generation = *generations_.current(other);
                const HeldPackage* theirs = generation.find(name);
                if (theirs != nullptr && theirs->identity == found->second) {
                    return true;
                }
            }
        }
        return false;
    };
    for (const Change& step : undone) {
        if (step.state == Change::State::Quarantined) {
            packages_.clean_up(scope(step)); // its temporary files bear its own id
        }
        for (const HeldPackage& package : step.before.packages) {
            const std::string& name = package.identity.nevra.name;
            if (packages.insert(name).second && !stays(name)) {
                change.after.packages.push_back(package);
            }
        }
        for (const std::string& name : step.before.absent) {
            if (packages.insert(name).second && !stays(name)) {
                change.after.absent.push_back(name);
            }
        }
        for (const FileState& file : step.before.files) {
            if (paths.insert(file.path).second) {
                change.after.files.push_back(file);
            }
        }
    }
    change.before = before(change.after, false);
    changes_.record(change);
    return run(std::move(change));
}

std::vector<std::filesystem::path> HostTransaction::staged(const std::vector<HeldPackage>& packages) const {
    std::vector<std::filesystem::path> files;
    for (const HeldPackage& package : packages) {
        files.push_back(state_.stage(package.file));
    }
    return files;
}

rpm::Scope HostTransaction::scope(const Change& change) const {
    rpm::Scope scope;
    scope.transaction_id = change.id;
    const std::set<std::string> names = changed_packages(change);
    scope.names.assign(names.begin(), names.end());
    for (const HostState* side : {&change.before, &change.after}) {
        for (const HeldPackage& package : side->packages) {
            if (names.contains(package.identity.nevra.name)) {
                scope.packages.push_back(state_.stage(package.file));
            }
        }
    }
    return scope;
}

void HostTransaction::move_to(const HostState& state, const Change& change, bool again) {
    const std::set<std::string> changed = changed_packages(change);
    const InstalledByName installed = by_name(packages_.installed());
    rpm::TransactionRequest request;
    request.transaction_id = change.id;
    request.recover = again;
    for (const HeldPackage& package : state.packages) {
        const std::string& name = package.identity.nevra.name;
        const auto found = installed.find(name);
        const bool there = installed.count(name) == 1 && found->second == package.identity;
        request.recover =
            request.recover || (found != installed.end() && found->second.nevra == package.identity.nevra);
        if (!there || (again && changed.contains(name))) {
            request.install.push_back(state_.stage(package.file));
        }
    }
    for (const std::string& name : state.absent) {
        if (installed.contains(name)) {
            request.erase.push_back(name);
        } else if (again && changed.contains(name)) {
            // Killed before the database knew it, its files may lie there already: make it whole, then erase
            // it.
            const HeldPackage* package = find(&state == &change.before ? change.after : change.before, name);
            if (package != nullptr) {
                rpm::TransactionRequest whole;
                whole.transaction_id = change.id;
                whole.recover = true;
                whole.install = {state_.stage(package->file)};
                packages_.transact(std::move(whole));
                request.erase.push_back(name);
            }
        }
    }
    std::vector<std::string> problems;
    if (!request.install.empty() || !request.erase.empty()) {
        problems = packages_.transact(std::move(request)).problems;
    }
    if (!problems.empty()) {
        throw base::Error(base::Fault::Unavailable, "{}", joined(problems));
    }
    for (const FileState& file : state.files) {
        config_.put(file);
    }
    sync();
}

std::vector<std::string> HostTransaction::difference(const HostState& state, const Change& change) {
    std::vector<std::string> found;
    const InstalledByName installed = by_name(packages_.installed());
    for (const HeldPackage& package : state.packages) {
        const std::string& name = package.identity.nevra.name;
        const auto there = installed.find(name);
        if (there == installed.end()) {
            found.push_back(fmt::format("package '{}' is not installed", package.identity.nevra.str()));
        } else if (installed.count(name) > 1) {
            found.push_back(fmt::format("package '{}' is installed twice", name));
        } else if (!(there->second == package.identity)) {
            found.push_back(fmt::format("package '{}' is installed instead of '{}'",
                                        there->second.nevra.str(), package.identity.nevra.str()));
        }
    }
    for (const std::string& name : state.absent) {
        if (installed.contains(name)) {
            found.push_back(fmt::format("package '{}' is still installed", name));
        }
    }
    const rpm::Scope look = scope(change);
    if (!look.names.empty()) {
        for (const std::string& line : packages_.verify(look)) {
            found.push_back("verification: " + line);
        }
    }
    for (const FileState& file : state.files) {
        if (!config_.is(file)) {
            found.push_back(fmt::format("config '{}' is not as it should be", file.path));
        }
    }
    return found;
}

std::string HostTransaction::attempt(const HostState& state, Change& change) {
    ++change.attempts;
    changes_.update(change);
    const bool again = change.attempts > 1 || change.state == Change::State::Back;
    try {
        if (again) {
            for (const FileState& file : state.files) {
                config_.clear_leftovers(file.path);
            }
            const rpm::Scope leavings = scope(change);
            if (!leavings.names.empty()) {
                packages_.clean_up(leavings);
            }
        }
        move_to(state, change, again);
        return joined(difference(state, change));
    } catch (const base::Error& error) {
        return error.message();
    }
}

bool HostTransaction::is_in(const HostState& state, const Change& change) {
    try {
        return difference(state, change).empty();
    } catch (const base::Error&) {
        return false; // what cannot be looked at is not known to be anything
    }
}

void HostTransaction::finish(Change& change, Change::State state) {
    change.state = state;
    base::Transaction transaction(database_);
    if (state == Change::State::Done) {
        generations_.make_current(change.component, change.to_generation);
        if (change.is_undo) {
            for (const Change& undone : changes_.standing(change.component)) {
                if (undone.run == change.run) {
                    changes_.mark_undone(undone.id);
                }
            }
            generations_.release_quarantine(change.component);
        }
    } else if (state == Change::State::Quarantined) {
        generations_.quarantine(change.component, change.reason);
        base::log(base::LogLevel::Error, "component is quarantined",
                  {{"component", change.component}, {"reason", change.reason}});
    }
    changes_.update(change);
    transaction.commit();
}

Change HostTransaction::run(Change change) {
    if (change.state == Change::State::Prepared) {
        change.state = Change::State::Forward;
        change.attempts = 0;
    }
    while (change.state == Change::State::Forward) {
        // A killed client counts, too: what kills it every time ends here.
        if (change.attempts >= tries) {
            change.state = change.is_undo ? Change::State::Quarantined : Change::State::Back;
            change.attempts = 0;
            break;
        }
        change.reason = attempt(change.after, change);
        if (change.reason.empty()) {
            finish(change, Change::State::Done);
            return change;
        }
        base::log(base::LogLevel::Warning, "host transaction did not reach its target",
                  {{"component", change.component}, {"attempt", change.attempts}, {"reason", change.reason}});
        // Refused before anything was touched: no second try will change rpm's mind, and there is nothing to
        // take back.
        if (change.attempts == 1 && is_in(change.before, change)) {
            finish(change, Change::State::Undone);
            return change;
        }
    }
    while (change.state == Change::State::Back) {
        if (change.attempts >= tries) {
            change.state = Change::State::Quarantined;
            break;
        }
        const std::string still = attempt(change.before, change);
        if (still.empty()) {
            finish(change, Change::State::Undone);
            return change;
        }
        change.reason = still;
        base::log(base::LogLevel::Warning, "host transaction did not come back",
                  {{"component", change.component}, {"attempt", change.attempts}, {"reason", change.reason}});
    }
    if (change.reason.empty()) {
        change.reason = fmt::format("the client was killed at each of {} tries", tries);
    }
    finish(change, Change::State::Quarantined);
    return change;
}

void HostTransaction::recover() {
    for (Change& change : changes_.unfinished()) {
        base::log(base::LogLevel::Warning, "host transaction was interrupted",
                  {{"component", change.component}, {"order", change.order}, {"attempts", change.attempts}});
        run(std::move(change));
    }
}

void HostTransaction::sync() const {
    const base::Descriptor root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root || ::syncfs(root.get()) != 0) {
        throw base::Error(base::Fault::Unavailable, "'{}' cannot be synced: {}", root_.string(),
                          base::system_reason(errno));
    }
}

base::Digest HostTransaction::present(const std::string& component, const std::string& run) {
    std::set<std::string> touched;
    std::vector<rpm::Installed> packages;
    std::map<std::string, FileState> files;
    for (const Change& change : changes_.standing_beside(component, run)) {
        for (const HeldPackage& package : change.before.packages) {
            if (touched.insert(package.identity.nevra.name).second) {
                packages.push_back(package.identity);
            }
        }
        touched.insert(change.before.absent.begin(), change.before.absent.end());
        for (const FileState& file : change.before.files) {
            files.emplace(file.path, file);
        }
    }
    for (const rpm::Installed& package : packages_.installed()) {
        if (!touched.contains(package.nevra.name)) {
            packages.push_back(package);
        }
    }
    std::vector<std::string> lines;
    if (const auto generation = generations_.current(component)) {
        const std::vector<std::string> names = generation->package_names();
        for (const rpm::Installed& package : packages) {
            if (std::find(names.begin(), names.end(), package.nevra.name) != names.end()) {
                lines.push_back(fmt::format("package {} {}\n", package.nevra.str(), package.header_digest));
            }
        }
        for (const ConfigFile& file : generation->config) {
            const auto before = files.find(file.path);
            const FileState there = before == files.end() ? config_.look(file.path) : before->second;
            lines.push_back(there.bytes ? fmt::format("config {} {} {:04o}\n", file.path,
                                                      base::sha256(*there.bytes).str(), there.mode)
                                        : fmt::format("config {} missing\n", file.path));
        }
    }
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const std::string& line : lines) {
        text += line;
    }
    return base::sha256(text);
}

std::vector<std::string> HostTransaction::drift(const std::string& component) {
    const auto generation = generations_.current(component);
    if (!generation) {
        return {};
    }
    Change look;
    look.after.packages = generation->packages; // against nothing: all of them are verified
    HostState state = look.after;
    for (const ConfigFile& file : generation->config) {
        state.files.push_back(config_.wanted(file));
    }
    return difference(state, look);
}

} // namespace ctl_client
