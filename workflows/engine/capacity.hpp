// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace workflows::engine {

/// The value of a node's label, out of the target's desired document; "(none)" where it has no such label,
/// which is a domain of its own.
std::string label_of(const Desired& target, const std::string& label);

/// How many targets are out of service, and how many may be (law 4): a cap for each component, which the
/// workflow sets (`max_unavailable`) and which counts what this run does, and caps from policies (Budget),
/// for a component or for each value of a label in it, which count whatever is out of service, for whatever
/// reason.
///
/// Targets are known by their place in the run. Every question is answered in the number of caps of one
/// target.
class Capacity {
public:
    explicit Capacity(const RunInput& input);

    /// The component was there before the run: the target is in service unless said otherwise, and shares are
    /// shares of such targets.
    void installed(std::size_t target);
    /// Not ready, so that this run does nothing to it; but policies count it, as out of service when its node
    /// is away or it was so before.
    void missing(std::size_t target, bool away);
    /// Sets a component's own cap.
    void limit(const base::ComponentName& component, const Portion& max_unavailable);
    /// Out of service by this run's doing, or not any more.
    void set_out(std::size_t target, bool out);
    /// Proven healthy: what an earlier run left is mended.
    void healed(std::size_t target);
    /// A declared and approved outage: nothing is limited any more.
    void lift() noexcept { lifted_ = true; }
    bool lifted() const noexcept { return lifted_; }
    /// How many targets of the component were there before the run.
    std::size_t installed(const base::ComponentName& component) const;

    /// May this target be taken out of service, too? If not: may another one of its component, of another
    /// domain?
    enum class Room { Yes, NotInDomain, No };
    Room room(std::size_t target) const noexcept;
    /// Out of service since before the run: to start with it makes nothing worse.
    bool ill(std::size_t target) const noexcept { return seats_[target].ill; }
    /// The cap that is full for this target, with its arithmetic: "max_unavailable of component 'shop/web' is
    /// used up by targets that failed (25% of 4 is 1)".
    std::string explain(std::size_t target) const;

private:
    struct Cap {
        std::string what;
        Portion most;
        bool policy = false;
        bool domain = false; ///< of one value of a label only
        std::size_t installed = 0;
        std::size_t out = 0;
    };
    struct Seat {
        std::vector<std::size_t> caps;
        bool installed = false;
        bool out = false;
        bool ill = false;            ///< out of service since before the run
        bool out_before = false;     ///< that it will be ill, once it is known to be installed
        std::optional<bool> missing; ///< counted by policies alone: as out of service, or not
    };
    bool full(const Cap& cap) const noexcept { return cap.out >= cap.most.limit(cap.installed); }
    void count(Seat& seat, bool out, bool ill);
    void count_missing(const Seat& seat, bool counts);

    std::vector<Cap> caps_;
    std::vector<Seat> seats_;
    std::map<base::ComponentName, std::size_t> own_; ///< component → its own cap
    bool lifted_ = false;
};

} // namespace workflows::engine
