// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/agents/connection.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "dispatcher/agents/file_stream.hpp"
#include "dispatcher/runs/continuation.hpp"
#include "dispatcher/runs/patient_script.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace dispatcher::agents {

namespace asio = boost::asio;
using protocol::Task;

namespace {

constexpr std::chrono::seconds handshake_time{10};
constexpr std::chrono::seconds head_time{15};
constexpr std::chrono::seconds body_time{60}; ///< of at most 4 MiB
constexpr std::chrono::seconds write_time{60};
/// What is taken of a request after its refusal.
constexpr std::size_t linger_bytes = 16U << 20;
constexpr std::chrono::seconds linger_time{5};
constexpr int notes_at_once = 500;
constexpr int tries_of_a_text = 5; ///< on a run that moves on meanwhile

/// HTTP's word for what the caller can do about it.
unsigned status_of(base::Fault fault) noexcept {
    switch (fault) {
    case base::Fault::Input:
        return 400;
    case base::Fault::Denied:
        return 403;
    case base::Fault::NotFound:
        return 404;
    case base::Fault::Conflict:
        return 409;
    case base::Fault::Unavailable:
        return 503;
    case base::Fault::Corrupt:
    case base::Fault::Internal:
        break;
    }
    return 500;
}

/// A refusal, and whether the connection can be used after it.
struct Refusal {
    base::Error error;
    unsigned status;
};

class Connection {
public:
    Connection(House& house, protocol::TlsStream& stream, std::string address)
        : house_(house), stream_(stream), connection_(stream), address_(std::move(address)) {}

    Task<void> run() {
        if (const auto certificate = stream_.peer()) {
            try {
                node_ = house_.service.inventory.admit(*certificate);
            } catch (const base::Error& error) {
                refused_certificate_ = error;
            }
        }
        base::Duration patience = head_time;
        while (stream_.open()) {
            std::optional<protocol::RequestHead> head;
            std::optional<Refusal> refusal;
            try {
                const protocol::HttpConnection::Patience times{patience, head_time};
                head = co_await connection_.request(times);
                if (!head) {
                    co_return;
                }
            } catch (const base::Error& error) {
                if (error.fault() != base::Fault::Input) {
                    throw;
                }
                refusal = Refusal{error, 400};
            }
            if (refusal) {
                co_await refuse(*refusal);
                co_return;
            }
            if (!co_await answer(*head) || !head->keep_alive) {
                co_return;
            }
            patience = house_.settings.idle;
        }
    }

private:
    /// False when the connection is used up.
    Task<bool> answer(const protocol::RequestHead& head) {
        api::Request request;
        const api::Route* route = nullptr;
        std::optional<Refusal> refusal;
        try {
            route = admit(head, request);
        } catch (const base::Error& error) {
            refusal = Refusal{error, unauthenticated_ ? 401 : status_of(error.fault())};
        }
        if (refusal) {
            // The body of a request that nobody reads would be taken for the next request's head.
            co_await refuse(*refusal);
            co_return false;
        }
        if (head.find("expect") != nullptr) {
            co_await stream_.write_all("HTTP/1.1 100 Continue\r\n\r\n", write_time);
        }
        request.body =
            co_await connection_.body(head.content_length.value_or(0), route->body_limit_bytes, body_time);
        std::optional<api::Answer> answer;
        try {
            answer = route->handler(house_.service, request);
            if (auto* plan = std::get_if<api::PlanWanted>(&*answer)) {
                answer = co_await make_plan(plan->request, request.caller.actor);
            } else if (auto* run = std::get_if<api::RunWanted>(&*answer)) {
                answer = co_await start_run(run->request, request.caller.actor);
            } else if (auto* wanted = std::get_if<api::ContinuationWanted>(&*answer)) {
                answer = co_await continue_run(*wanted);
            }
        } catch (const base::Error& error) {
            refusal = Refusal{error, status_of(error.fault())};
        } catch (const std::exception& error) {
            refusal = Refusal{
                base::Error(base::Fault::Internal, "the dispatcher could not do it: {}", error.what()), 500};
        }
        if (refusal) {
            co_await send_document(error_document(*refusal), refusal->status, head.keep_alive);
            co_return true;
        }
        co_return co_await carry_out(head, *answer);
    }

    /// Who asks, for what, and whether they may. @throws base::Error
    const api::Route* admit(const protocol::RequestHead& head, api::Request& request) {
        unauthenticated_ = false;
        request.method = head.method;
        request.target = api::Target::parse(head.target);
        api::Routed routed = api::find_route(request.method, request.target);
        request.captures = std::move(routed.captures);
        request.caller = caller_of(head);
        const auto verdict = routed.route->policy.judge(request.caller);
        if (verdict == auth::Policy::Verdict::Unauthenticated) {
            unauthenticated_ = true;
            throw refused_certificate_ ? *refused_certificate_
                                       : base::Error(base::Fault::Denied, "{} {} needs {}", head.method,
                                                     routed.route->path, routed.route->policy.wanted());
        }
        if (verdict == auth::Policy::Verdict::Forbidden) {
            throw base::Error(base::Fault::Denied, "{} {} needs {}, and '{}' has not got it", head.method,
                              routed.route->path, routed.route->policy.wanted(), request.caller.actor);
        }
        if (head.content_length.value_or(0) > routed.route->body_limit_bytes) {
            throw base::Error(
                base::Fault::Input, "body of {} bytes is larger than the {} bytes that {} {} takes",
                *head.content_length, routed.route->body_limit_bytes, head.method, routed.route->path);
        }
        return routed.route;
    }

    auth::Caller caller_of(const protocol::RequestHead& head) {
        auth::Caller caller;
        if (node_) {
            // It may have been revoked since the handshake.
            node_ = house_.service.inventory.admit(*stream_.peer());
            caller.node = node_;
            caller.actor = "node:" + node_->str();
        }
        if (const std::string* authorization = head.find("authorization")) {
            constexpr std::string_view scheme = "Bearer ";
            unauthenticated_ = true;
            if (!authorization->starts_with(scheme)) {
                throw base::Error(base::Fault::Denied,
                                  std::string("authorization is not understood; send 'Bearer' and a token"));
            }
            const auth::Caller holder = house_.service.tokens.authenticate(
                std::string_view(*authorization).substr(scheme.size()), house_.service.alarms.now());
            unauthenticated_ = false;
            caller.scope = holder.scope;
            caller.role = holder.role;
            caller.actor = holder.actor;
        }
        return caller;
    }

    Task<bool> carry_out(const protocol::RequestHead& head, const api::Answer& answer) {
        if (const auto* document = std::get_if<api::Document>(&answer)) {
            co_await send_document(document->value, document->status, head.keep_alive);
            co_return true;
        }
        if (const auto* stored = std::get_if<api::StoredFile>(&answer)) {
            co_await send_file(stream_, head, *stored, write_time);
            co_return true;
        }
        if (const auto* story = std::get_if<api::Story>(&answer)) {
            co_await tell(*story);
            co_return true;
        }
        co_await link(head);
        co_return false;
    }

    Task<void> send_document(const base::Value& value, unsigned status, bool keep_alive) {
        const std::string body = base::to_json(value) + "\n";
        std::string bytes = protocol::response_head(
            status, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}}, body.size(),
            keep_alive);
        bytes += body;
        co_await stream_.write_all(bytes, write_time);
    }

    static base::Value error_document(const Refusal& refusal) {
        return base::Object{{"fault", base::word(refusal.error.fault())},
                            {"message", refusal.error.message()}};
    }

    Task<void> refuse(const Refusal& refusal) {
        base::log(base::LogLevel::Info, "request refused",
                  {{"address", address_},
                   {"status", static_cast<std::int64_t>(refusal.status)},
                   {"reason", refusal.error.message()}});
        co_await send_document(error_document(refusal), refusal.status, false);
        co_await stream_.linger(linger_bytes, linger_time);
    }

    // Named coroutines, not lambdas: g++ 12 destroys the captures of a lambda inside a co_await twice.
    static Task<base::Value> plan_document(std::shared_ptr<std::optional<runs::Planner::Answers>> answers,
                                           base::Time now) {
        co_return runs::plan_document(**answers, now);
    }

    static Task<void> check_workflows(std::shared_ptr<const runs::Composition> composition, base::Time now) {
        runs::check_workflows(*composition);
        runs::try_workflow(*composition, now);
        co_return;
    }

    Task<api::Answer> make_plan(const runs::RunRequest& request, const std::string& actor) {
        const auto executor = stream_.socket().get_executor();
        auto ready = std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max());
        auto kept = std::make_shared<std::optional<runs::Planner::Answers>>();
        house_.planner.ask(request, actor, [ready, kept](runs::Planner::Answers given) {
            *kept = std::move(given);
            ready->cancel();
        });
        while (!*kept) {
            boost::system::error_code ignored;
            co_await ready->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        const base::Time now = house_.service.alarms.now();
        Task<base::Value> planning = plan_document(kept, now);
        base::Value document =
            co_await asio::co_spawn(house_.scripts, std::move(planning), asio::use_awaitable);
        co_return api::Document{std::move(document)};
    }

    Task<api::Answer> start_run(const runs::RunRequest& request, const std::string& actor) {
        // A way back waits for no script of others. Where it goes depends on the run that it takes over from.
        if (request.kind != workflows::engine::RunKind::Rollback) {
            const auto composition =
                std::make_shared<const runs::Composition>(house_.composer.compose(request));
            Task<void> checking = check_workflows(composition, house_.service.alarms.now());
            co_await asio::co_spawn(house_.scripts, std::move(checking), asio::use_awaitable);
        }
        co_return api::Document{base::Object{{"run", house_.service.rollouts.request(request, actor)}}};
    }

    static Task<std::int64_t> try_text(std::shared_ptr<const api::ContinuationWanted> wanted,
                                       std::shared_ptr<const runs::Rollouts::Course> course) {
        co_return runs::check_continuation(wanted->run, *course, wanted->text);
    }

    Task<api::Answer> continue_run(const api::ContinuationWanted& asked) {
        runs::Rollouts& rollouts = house_.service.rollouts;
        auto wanted = std::make_shared<api::ContinuationWanted>(asked);
        for (int tries = 0; tries < tries_of_a_text; ++tries) {
            const auto course = std::make_shared<const runs::Rollouts::Course>(rollouts.course(wanted->run));
            if (wanted->text.source.empty()) {
                wanted->text.source = house_.composer.workflow_text(course->release, wanted->text.workflow);
            }
            Task<std::int64_t> trying = try_text(wanted, course);
            const std::int64_t same =
                co_await asio::co_spawn(house_.scripts, std::move(trying), asio::use_awaitable);
            if (rollouts.continue_with(wanted->run, *course, wanted->text)) {
                co_return api::Document{base::Object{{"run", wanted->run}, {"commands", same}}};
            }
        }
        throw base::Error(
            base::Fault::Unavailable,
            "run '{}' moves on faster than the text can be tried on it; try again, or pause it first",
            wanted->run);
    }

    /// Notes as they come, one JSON object a line, until the run has ended and all is told.
    Task<void> tell(api::Story story) {
        const std::string head = protocol::response_head(200,
                                                         {{"Content-Type", "application/x-ndjson"},
                                                          {"Transfer-Encoding", "chunked"},
                                                          {"Cache-Control", "no-store"}},
                                                         std::nullopt);
        co_await stream_.write_all(head, write_time);
        while (stream_.open()) {
            const bool ended = house_.service.records.find(story.run).state == "ended";
            std::string lines;
            for (const runs::NoteRecord& note :
                 house_.service.journal.notes(story.run, story.after, notes_at_once)) {
                lines += base::to_json(note.to_value()) + "\n";
                story.after = note.sequence;
            }
            if (!lines.empty()) {
                const std::string bytes = protocol::chunk(lines);
                co_await stream_.write_all(bytes, write_time);
            } else if (ended || !story.follows) {
                break;
            } else {
                co_await house_.news.wait(story.run, std::chrono::seconds(5));
                if (connection_.ended()) {
                    stream_.close();
                    co_return;
                }
            }
        }
        co_await stream_.write_all(protocol::last_chunk, write_time);
    }

    Task<void> link(const protocol::RequestHead& head) {
        const std::string* wanted = head.find("upgrade");
        if (!head.upgrade || wanted == nullptr || *wanted != protocol::upgrade_token) {
            const Refusal refusal{base::Error(base::Fault::Input,
                                              "GET /v1/link needs 'Connection: Upgrade' and 'Upgrade: {}'",
                                              protocol::upgrade_token),
                                  400};
            co_await refuse(refusal);
            co_return;
        }
        const std::vector<protocol::HttpField> fields = {{"Connection", "Upgrade"},
                                                         {"Upgrade", std::string(protocol::upgrade_token)}};
        const std::string switching = protocol::response_head(101, fields, std::nullopt);
        co_await stream_.write_all(switching, write_time);
        co_await house_.links.converse(*node_, connection_, address_);
    }

    House& house_;
    protocol::TlsStream& stream_;
    protocol::HttpConnection connection_;
    std::string address_;
    std::optional<base::NodeName> node_;
    std::optional<base::Error> refused_certificate_;
    bool unauthenticated_ = false;
};

} // namespace

Task<void> serve_connection(House& house, protocol::TlsStream::Socket socket, base::TlsContext context) {
    std::string address;
    try {
        const auto remote = socket.remote_endpoint();
        address = remote.address().to_string() + ":" + std::to_string(remote.port());
        socket.set_option(asio::socket_base::keep_alive(true));
        protocol::TlsStream stream(std::move(socket), context, true);
        co_await stream.handshake(handshake_time);
        Connection connection(house, stream, address);
        co_await connection.run();
    } catch (const base::Error& error) {
        base::log(error.fault() == base::Fault::Unavailable ? base::LogLevel::Debug : base::LogLevel::Warning,
                  "connection ended", {{"address", address}, {"reason", error.message()}});
    } catch (const std::exception& error) {
        base::log(base::LogLevel::Error, "connection failed",
                  {{"address", address}, {"reason", error.what()}});
    }
}

} // namespace dispatcher::agents
