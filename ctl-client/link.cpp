// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/link.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "ctl-client/cancellation.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <random>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace ctl_client {

namespace protocol = dispatcher::protocol;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

namespace {

constexpr auto answer_time = 30s; ///< for connecting, and for the other side to take what we write

} // namespace

Link::Link(const Identity& identity, base::Database& database, Worker& worker, Interruption& interruption,
           const base::Clock& clock, int wake, int stop)
    : identity_(identity), journal_(database), worker_(worker), interruption_(interruption), clock_(clock),
      wake_(wake), stop_(stop) {}

Link::Event Link::wait(int socket, Deadline until) {
    std::array<pollfd, 3> wanted{{{stop_, POLLIN, 0}, {wake_, POLLIN, 0}, {socket, POLLIN, 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now()).count();
    const int ready =
        ::poll(wanted.data(), wanted.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
    if (ready < 0 && errno != EINTR) {
        throw base::Error(base::Fault::Internal, "the link cannot wait: {}", base::system_reason(errno));
    }
    if (wanted[0].revents != 0) {
        return Event::Stop;
    }
    if (wanted[1].revents != 0) {
        eventfd_t count = 0;
        ::eventfd_read(wake_, &count);
        return Event::Worker;
    }
    return wanted[2].revents != 0 ? Event::Server : Event::Nothing;
}

void Link::run() {
    std::mt19937_64 chance(std::random_device{}());
    while (worker_.failure().empty() && session()) {
        // Random from the start: all clients lose a dispatcher that ends in the same instant.
        std::uniform_int_distribution<std::int64_t> pause(0, std::max<std::int64_t>(backoff_.count(), 1));
        const Deadline until = Steady::now() + std::chrono::milliseconds(pause(chance));
        do { // once at least: a pause of nothing must not hide that it is time to stop
            if (wait(-1, until) == Event::Stop) {
                return;
            }
        } while (Steady::now() < until && worker_.failure().empty());
    }
}

bool Link::session() {
    // Before that the state of the components is not known, and hello would say nothing true.
    while (!worker_.ready() && worker_.failure().empty()) {
        if (wait(-1, Steady::now() + 1h) == Event::Stop) {
            return false;
        }
    }
    try {
        const base::TlsContext context = base::TlsContext::client(
            *identity_.ca, base::Identity{identity_.certificate_pem, identity_.key_pem});
        const Deadline deadline = Steady::now() + answer_time;
        ServerConnection connection(identity_.server, context, deadline);
        std::string arrived;
        const protocol::ResponseHead head = connection.exchange(
            "GET", "/v1/link", {{"connection", "Upgrade"}, {"upgrade", std::string(protocol::upgrade_token)}},
            std::nullopt, arrived, deadline);
        if (head.status != 101) {
            throw base::Error(base::Fault::Denied, "'{}' answers {} instead of switching protocols: {}",
                              identity_.server, head.status, arrived);
        }
        sent_.clear();
        welcomed_ = false;
        said_ = holding();
        send(connection, protocol::Hello{.program = "ctl-client " TIERCEL_VERSION,
                                         .node = base::NodeName(identity_.node),
                                         .time = clock_.now(),
                                         .components = said_});
        return converse(connection, std::move(arrived));
    } catch (const base::Error& error) {
        base::log(base::LogLevel::Warning, "link is down",
                  {{"server", identity_.server}, {"reason", error.message()}});
        return true;
    }
}

bool Link::converse(ServerConnection& connection, std::string early) {
    protocol::FrameReader frames;
    Deadline last_received = Steady::now();
    while (worker_.failure().empty()) {
        // What came together with the head of the answer is the beginning of the frames.
        const std::string arrived = std::exchange(early, {}) + connection.read_available();
        frames.add(arrived);
        while (const auto frame = frames.next()) {
            last_received = Steady::now();
            handle(connection, protocol::decode(*frame));
        }
        if (!arrived.empty()) {
            continue;
        }
        const Deadline dead = last_received + 2 * heartbeat_ + answer_time;
        if (Steady::now() >= dead) {
            throw base::Error(base::Fault::Unavailable, "'{}' is silent", identity_.server);
        }
        if (welcomed_ && Steady::now() >= last_sent_ + heartbeat_) {
            send(connection, protocol::Beat{});
        }
        switch (wait(connection.socket(), std::min(dead, last_sent_ + heartbeat_))) {
        case Event::Stop:
            return false;
        case Event::Worker:
            if (welcomed_) {
                send_holding(connection);
                send_reports(connection);
            }
            break;
        case Event::Server:
        case Event::Nothing:
            break;
        }
    }
    return false;
}

void Link::handle(ServerConnection& connection, const protocol::Message& message) {
    if (const auto* welcome = std::get_if<protocol::Welcome>(&message)) {
        if (welcome->version < protocol::version_min || welcome->version > protocol::version_max) {
            throw base::Error(base::Fault::Denied,
                              "'{}' speaks protocol version {}, which this client does not; update it",
                              identity_.server, welcome->version);
        }
        heartbeat_ = std::max<base::Duration>(welcome->heartbeat, 100ms);
        backoff_ = welcome->backoff;
        welcomed_ = true;
        base::log(
            base::LogLevel::Info, "link is up",
            {{"server", identity_.server},
             {"node", identity_.node},
             {"clock_ahead_ms",
              std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - welcome->time).count()}});
        send_holding(connection);
        send_reports(connection);
    } else if (const auto* sent = std::get_if<protocol::OrderSent>(&message)) {
        try {
            const std::optional<protocol::Report> answer = journal_.receive(sent->text, clock_.now());
            const protocol::Order order = protocol::Order::parse(sent->text);
            send(connection, protocol::Received{order.id});
            if (answer) {
                send(connection, *answer);
                sent_.insert(answer->order);
            } else if (order.kind == "cancel") {
                carry_out_cancels(journal_, interruption_);
                send_reports(connection);
            } else {
                worker_.wake();
            }
        } catch (const base::Error& error) {
            if (error.fault() != base::Fault::Input) {
                throw;
            }
            send(connection, protocol::Refused{"order", error.message()});
        }
    } else if (const auto* reported = std::get_if<protocol::Reported>(&message)) {
        journal_.acknowledge(reported->order);
    } else if (const auto* refused = std::get_if<protocol::Refused>(&message)) {
        base::log(base::LogLevel::Warning, "dispatcher refuses",
                  {{"what", refused->what}, {"reason", refused->reason}});
    } else if (const auto* unknown = std::get_if<protocol::Unknown>(&message)) {
        send(connection, protocol::refusal(*unknown));
    }
}

void Link::send(ServerConnection& connection, const protocol::Message& message) {
    connection.write(protocol::frame(protocol::encode(message)), Steady::now() + answer_time);
    last_sent_ = Steady::now();
}

void Link::send_reports(ServerConnection& connection) {
    for (const protocol::Report& report : journal_.unacknowledged()) {
        if (sent_.insert(report.order).second) {
            send(connection, report);
        }
    }
}

void Link::send_holding(ServerConnection& connection) {
    protocol::ComponentStates now = holding();
    if (now != said_) {
        said_ = std::move(now);
        send(connection, protocol::Holding{said_});
    }
}

protocol::ComponentStates Link::holding() const {
    protocol::ComponentStates states;
    for (const Executor::ComponentStatus& status : worker_.status()) {
        states.emplace(base::ComponentName(status.component),
                       protocol::ComponentState{status.release, status.present.str(), status.state,
                                                status.drained, status.generation, status.stopped});
    }
    return states;
}

} // namespace ctl_client
