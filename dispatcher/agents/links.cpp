// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/agents/links.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>

namespace dispatcher::agents {

namespace asio = boost::asio;
using protocol::Task;

namespace {

constexpr std::chrono::seconds greeting_time{10};
constexpr std::chrono::seconds write_time{30};
constexpr std::chrono::seconds frame_time{60}; ///< from a frame's first byte to its last
/// A clock that is further off than this makes deadlines of orders meaningless, and is said so.
constexpr std::chrono::seconds tolerable_skew{5};

} // namespace

/// One node's connection: a queue of what is to be sent, and the writer that empties it.
class Links::Session {
public:
    Session(protocol::Hello said, protocol::HttpConnection& over, std::string from, const Settings& settings)
        : hello(std::move(said)), node(hello.node), connection(over), address(std::move(from)),
          settings_(settings), wake_(over.stream().socket().get_executor()) {}

    void say(const protocol::Message& message) {
        queue_.push_back(protocol::frame(protocol::encode(message)));
        wake_.cancel();
    }

    /// Sends what is queued, and a beat when there was nothing for a heartbeat.
    Task<void> write() {
        while (!over_) {
            if (queue_.empty()) {
                wake_.expires_after(settings_.heartbeat);
                boost::system::error_code woken;
                co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
                if (queue_.empty() && !over_ && !woken) {
                    queue_.push_back(protocol::frame(protocol::encode(protocol::Beat{})));
                }
                continue;
            }
            const std::string bytes = std::move(queue_.front());
            queue_.pop_front();
            co_await connection.stream().write_all(bytes, write_time);
        }
    }

    void end() {
        over_ = true;
        wake_.cancel();
        connection.stream().close();
    }
    bool over() const noexcept { return over_; }

    protocol::Hello hello; ///< its components as it said last
    const base::NodeName node;
    protocol::HttpConnection& connection;
    const std::string address;

private:
    const Settings& settings_;
    asio::steady_timer wake_;
    std::deque<std::string> queue_;
    bool over_ = false;
};

Links::Links(base::Database& database, runs::Alarms& alarms, const Settings& settings)
    : database_(database), alarms_(alarms), settings_(settings), inventory_(database), orders_(database) {}
Links::~Links() = default;

Task<void> Links::converse(const base::NodeName& node, protocol::HttpConnection& connection,
                           std::string address) {
    const protocol::HttpConnection::Patience greeting{greeting_time, greeting_time};
    const auto first = co_await connection.frame(greeting);
    if (!first) {
        co_return;
    }
    const protocol::Message message = protocol::decode(*first);
    const auto* hello = std::get_if<protocol::Hello>(&message);
    if (hello == nullptr) {
        const protocol::Message refusal = protocol::Refused{"link", "the first message must be hello"};
        co_await connection.send(refusal, write_time);
        co_return;
    }
    const auto version = protocol::common_version(hello->version_min, hello->version_max);
    if (!version || hello->node != node) {
        const std::string reason =
            version
                ? fmt::format("the certificate is of node '{}', but hello of '{}'", node, hello->node)
                : fmt::format("versions {} to {} are spoken here, but {} to {} there", protocol::version_min,
                              protocol::version_max, hello->version_min, hello->version_max);
        const protocol::Message refusal = protocol::Refused{"hello", reason};
        co_await connection.send(refusal, write_time);
        throw base::Error(base::Fault::Denied, "node '{}' was not welcome: {}", node, reason);
    }
    // Named, as above: g++ 12 destroys a temporary made with braces inside a co_await twice.
    const protocol::Message welcome = protocol::Welcome{.version = *version,
                                                        .heartbeat = settings_.heartbeat,
                                                        .backoff = settings_.backoff,
                                                        .time = alarms_.now()};
    co_await connection.send(welcome, write_time);
    const auto session = std::make_shared<Session>(*hello, connection, std::move(address), settings_);
    // The writer ends by itself when the session is over; it must not outlive the connection, so this waits
    // for it.
    bool writing = true;
    asio::steady_timer written(connection.stream().socket().get_executor(),
                               asio::steady_timer::time_point::max());
    asio::co_spawn(
        connection.stream().socket().get_executor(), [session]() { return session->write(); },
        [&writing, &written, session](const std::exception_ptr& broken) {
            writing = false;
            if (broken) {
                session->end();
            }
            written.cancel();
        });
    std::exception_ptr failure;
    try {
        join(session);
        co_await listen(*session);
    } catch (const std::exception&) {
        failure = std::current_exception();
    }
    session->end();
    leave(session);
    while (writing) {
        boost::system::error_code ignored;
        co_await written.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

void Links::join(const std::shared_ptr<Session>& session) {
    const protocol::Hello& hello = session->hello;
    const base::NodeName& node = session->node;
    const auto before = sessions_.find(node);
    const bool duplicate = before != sessions_.end();
    {
        base::Transaction transaction(database_);
        inventory_.said_hello(hello, alarms_.now());
        if (duplicate) {
            inventory_.count_duplicate(node);
        }
        transaction.commit();
    }
    if (duplicate) {
        base::log(base::LogLevel::Warning, "second connection with one certificate replaces the first",
                  {{"node", node.str()}, {"address", session->address}, {"before", before->second->address}});
        before->second->end();
    }
    sessions_[node] = session;
    const auto skew = hello.time - alarms_.now();
    const bool off = skew > tolerable_skew || skew < -tolerable_skew;
    base::log(off ? base::LogLevel::Warning : base::LogLevel::Info, "node connected",
              {{"node", node.str()},
               {"address", session->address},
               {"program", hello.program},
               {"clock_ahead_ms", skew.count()}});
    for (const runs::OrderRecord& order : orders_.unanswered(node, alarms_.now())) {
        send(order);
    }
    rollouts_->node_seen(node, true);
}

void Links::leave(const std::shared_ptr<Session>& session) {
    const auto found = sessions_.find(session->node);
    if (found == sessions_.end() || found->second != session) {
        return; // replaced
    }
    sessions_.erase(found);
    try {
        base::Transaction transaction(database_);
        inventory_.left(session->hello, alarms_.now());
        transaction.commit();
        rollouts_->node_seen(session->node, false);
    } catch (const base::Error& error) {
        base::log(base::LogLevel::Error, "node left, but that could not be stored",
                  {{"node", session->node.str()}, {"error", error.message()}});
    }
    base::log(base::LogLevel::Info, "node disconnected", {{"node", session->node.str()}});
}

Task<void> Links::listen(Session& session) {
    while (!session.over()) {
        const protocol::HttpConnection::Patience patience{2 * settings_.heartbeat + write_time, frame_time};
        const auto json = co_await session.connection.frame(patience);
        if (!json) {
            co_return;
        }
        take(session, protocol::decode(*json));
    }
}

void Links::take(Session& session, const protocol::Message& message) {
    if (const auto* received = std::get_if<protocol::Received>(&message)) {
        rollouts_->received(session.node, received->order);
    } else if (const auto* report = std::get_if<protocol::Report>(&message)) {
        take_report(session, *report);
    } else if (const auto* holding = std::get_if<protocol::Holding>(&message)) {
        session.hello.components = holding->components;
    } else if (const auto* refused = std::get_if<protocol::Refused>(&message)) {
        base::log(base::LogLevel::Warning, "node refuses",
                  {{"node", session.node.str()}, {"what", refused->what}, {"reason", refused->reason}});
    } else if (const auto* unknown = std::get_if<protocol::Unknown>(&message)) {
        session.say(protocol::refusal(*unknown));
    } else if (!std::holds_alternative<protocol::Beat>(message)) {
        session.say(protocol::Refused{"message", "this kind is not for a dispatcher that has welcomed"});
    }
}

void Links::take_report(Session& session, const protocol::Report& report) {
    try {
        rollouts_->reported(session.node, report);
    } catch (const base::Error& error) {
        if (error.fault() != base::Fault::NotFound && error.fault() != base::Fault::Conflict) {
            throw; // not stored: not acknowledged, and repeated at the next connection
        }
        // Nobody here can use it: the database is older than the order, or was exchanged. Repeating it for
        // ever would help nobody either.
        base::log(base::LogLevel::Warning, "report about an unknown order",
                  {{"node", session.node.str()}, {"error", error.message()}});
    }
    session.say(protocol::Reported{report.order});
}

const protocol::ComponentStates* Links::components(const base::NodeName& node) const {
    const auto session = sessions_.find(node);
    return session == sessions_.end() ? nullptr : &session->second->hello.components;
}

bool Links::online(const base::NodeName& node) const {
    return sessions_.contains(node);
}

void Links::send(const runs::OrderRecord& order) {
    const auto session = sessions_.find(base::NodeName(order.node));
    if (session == sessions_.end()) {
        return;
    }
    try {
        session->second->say(protocol::OrderSent{order.text});
    } catch (const base::Error& error) {
        base::log(base::LogLevel::Error, "order is too large to be sent",
                  {{"node", order.node}, {"order", order.id}, {"error", error.message()}});
    }
}

void Links::close(const base::NodeName& node, const std::string& because) {
    if (const auto session = sessions_.find(node); session != sessions_.end()) {
        base::log(base::LogLevel::Info, "link closed", {{"node", node.str()}, {"reason", because}});
        session->second->end();
    }
}

void Links::close_all(const std::string& because) {
    for (const auto& [node, session] : sessions_) {
        session->end();
    }
    base::log(base::LogLevel::Info, "all links closed", {{"reason", because}});
}

} // namespace dispatcher::agents
