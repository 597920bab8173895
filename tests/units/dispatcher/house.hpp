// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.hpp"
#include "base/toml.hpp"
#include "dispatcher/runs/rollouts.hpp"
#include "dispatcher/runs/workflow_vm.hpp"
#include "tests/units/dispatcher/store.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tests {

/// What a kill throws: no std::exception, so that nothing on its way takes it for a failure and carries on.
struct Killed {};

/// Runs under a virtual clock, with a real database and real scripts, but nodes that do what they are told a
/// second later. A node has a journal of its own: a repeated order gets the recorded report, and an
/// unacknowledged report is said again. The dispatcher can be killed at any of the points where it meets the
/// world, and is started again at once; what was in its memory is gone.
class House {
public:
    /// Environment `prod` with app-1, app-2 and web-1, labelled by color and zone, and releases shop/1.0 to
    /// shop/4.0, of which the last one migrates. There are as many releases of the applications mail, logs
    /// and news.
    House();
    ~House();
    House(const House&) = delete;
    House& operator=(const House&) = delete;

    /// Stock workflows are these from now on, instead of the library's.
    void own_workflow(const std::string& name, const std::string& source);
    void apply_policy(const std::string& text);
    void apply_settings(const std::string& text);
    /// Three more nodes: mail-1 with mail, both-1 with mail and logs, news-1 with logs and news.
    void add_neighbours();
    /// Returns the run's id.
    std::string deploy(const std::string& release, const std::string& actor = "token:alice",
                       const std::function<void(dispatcher::runs::RunRequest&)>& with = {});
    std::string request(dispatcher::runs::RunRequest request, const std::string& actor = "token:alice");
    std::optional<std::string> say(const std::string& run, const std::string& verb,
                                   const std::string& actor = "token:bob", const std::string& role = "");
    std::optional<std::string> signal(const std::string& run, const dispatcher::runs::Signal& signal);

    /// Lets time pass, with everything that happens in it.
    void pass(base::Duration time);
    /// Until all runs have ended, or a day has passed.
    void finish();
    /// Ends the dispatcher without warning, and starts it again.
    void kill();
    /// Kills it when it meets the world for the nth time from now.
    void kill_at(int point) { left_ = point; }
    /// Kills it when it first meets the world after it has journaled something, again and again, and counts
    /// that; the number outlives this.
    void kill_after_each_event(int& kills);
    /// Scripts run in `workflow-vm`, which is killed with SIGKILL when it has given its nth command.
    void use_workflow_vm(int killed_at_command);
    int commands() const noexcept { return commands_; }
    int points() const noexcept { return points_; }

    dispatcher::runs::RunRecord run(const std::string& id) const;
    /// "web-1 updated, app-1 failed".
    std::string targets(const std::string& id) const;
    /// "what, until when; …" of a run.
    std::string waits(const std::string& id) const;
    /// Messages of a run's notes, with their reasons; of state changes nothing.
    std::vector<std::string> story(const std::string& id) const;

    dispatcher::runs::Rollouts& rollouts() { return *rollouts_; }
    base::Database& database() { return store_.database; }
    base::Time now() const noexcept { return now_; }
    void go_to(std::string_view time) { pass(base::from_rfc3339(time) - now_); }
    base::Value input(const std::string& run) const;

    std::set<std::string> offline;                            ///< nodes
    std::map<std::pair<std::string, std::string>, int> fails; ///< node and kind of order: so many times
    std::map<std::string, std::string> codes; ///< kind of order: how it fails, if not as "failed"
    std::vector<std::string> did;             ///< "app-1 apply", each order that a node carried out
    std::vector<dispatcher::runs::OrderRecord> sent;
    std::function<workflows::engine::Measured(const workflows::engine::Measure&)> meter;

private:
    struct Outside;
    struct ReleaseShelf;
    struct Node {
        std::map<std::string, dispatcher::protocol::Report> journal; ///< by order
        std::set<std::string> unacknowledged;
    };
    void boot();
    void point();
    std::int64_t events() const;
    void step(const std::function<void()>& what);
    void schedule(base::Time at, std::function<void()> what, bool survives);
    void arrive(const std::string& node, const std::string& order_id, const std::string& kind,
                const std::string& text);
    void report(const std::string& node, const std::string& order);

    mutable Store store_;
    base::SystemFiles files_;
    std::filesystem::path workflows_ = std::filesystem::path(TIERCEL_SOURCE) / "workflows/library";
    base::Time now_ = base::from_rfc3339("2026-11-18T12:00:00Z"); // a Wednesday
    std::unique_ptr<ReleaseShelf> shelf_;
    std::unique_ptr<Outside> outside_;
    std::unique_ptr<dispatcher::runs::Composer> composer_;
    std::unique_ptr<dispatcher::runs::Envelopes> envelopes_;
    std::unique_ptr<dispatcher::runs::World> world_;
    std::unique_ptr<dispatcher::runs::Rollouts> rollouts_;
    struct Due {
        std::function<void()> what;
        bool survives; ///< a kill of the dispatcher
    };
    std::map<std::pair<base::Time, std::int64_t>, Due> due_;
    std::int64_t next_due_ = 0;
    std::map<std::string, Node> nodes_;
    int points_ = 0;
    int commands_ = 0;
    int killed_at_command_ = 0;
    bool script_is_busy_ = false; ///< the real one: time stands still until it has said something
    std::unique_ptr<boost::asio::io_context> context_;
    std::unique_ptr<dispatcher::runs::WorkflowVms> vms_;
    int left_ = 0;
    int* kills_ = nullptr;          ///< when it is killed after each event
    std::int64_t killed_after_ = 0; ///< so many events
};

} // namespace tests
