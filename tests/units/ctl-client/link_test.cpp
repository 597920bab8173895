// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The client's link with a dispatcher that is this test: real TLS on loopback, one connection at a time.
#include "ctl-client/link.hpp"

#include "tests/units/ctl-client/node.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <thread>

namespace {

using namespace ctl_client_tests;
using namespace std::chrono_literals;
namespace protocol = dispatcher::protocol;
using Status = base::TlsSession::Status;
using Steady = std::chrono::steady_clock;

constexpr auto patience = 10s; ///< after that a test has failed

void wait_for(int socket, short events, Steady::time_point until = Steady::now() + patience) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now()).count();
    pollfd wanted{socket, events, 0};
    if (::poll(&wanted, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) <= 0) {
        throw std::runtime_error("the client does nothing");
    }
}

/// The dispatcher's end of one link. Torn, as when a dispatcher is killed, when it goes.
class Connection {
public:
    Connection(base::Descriptor socket, const base::TlsContext& tls)
        : socket_(std::move(socket)), session_(tls, socket_.get(), true) {
        steps([&] { return session_.handshake(); });
        std::optional<protocol::RequestHead> head;
        while (!(head = protocol::take_request_head(arrived_))) {
            arrived_ += read();
        }
        CHECK(head->method + " " + head->target == "GET /v1/link");
        CHECK(head->upgrade);
        CHECK(*head->find("upgrade") == "tiercel/1");
        CHECK(session_.peer()->node == base::NodeName("app-1"));
    }
    void answer(unsigned status, const std::string& frames = "") {
        write(protocol::response_head(
                  status, {{"connection", "Upgrade"}, {"upgrade", std::string(protocol::upgrade_token)}},
                  status == 101 ? std::nullopt : std::optional<std::uint64_t>(0)) +
              frames);
    }
    /// Upgrades, hears hello and says welcome.
    protocol::Hello welcome(const protocol::Welcome& welcome) {
        answer(101);
        auto hello = next<protocol::Hello>();
        send(welcome);
        return hello;
    }
    void send(const protocol::Message& message) { send_json(protocol::encode(message)); }
    void send_json(const std::string& json) { write(protocol::frame(json)); }
    /// The next message, which must be of this kind.
    template <class Kind> Kind next() {
        std::optional<std::string> json;
        while (!(json = frames_.next())) {
            frames_.add(arrived_.empty() ? read() : std::exchange(arrived_, {}));
        }
        INFO(*json);
        const protocol::Message message = protocol::decode(*json);
        REQUIRE(std::holds_alternative<Kind>(message));
        return std::get<Kind>(message);
    }
    /// Returns when the client has read all that was sent and has had nothing else to say.
    void settle() {
        send_json(R"({"kind": "anything else?"})");
        CHECK(next<protocol::Refused>().what == "anything else?");
    }
    void wait_for_end() {
        try {
            while (true) {
                read();
            }
        } catch (const base::Error&) {
        }
    }

private:
    template <class Step> std::size_t steps(Step step) {
        while (true) {
            const base::TlsSession::Progress progress = step();
            if (progress.status == Status::Done) {
                return progress.bytes;
            }
            if (progress.status == Status::Closed) {
                throw base::Error(base::Fault::Unavailable, "the client has closed");
            }
            wait_for(socket_.get(), progress.status == Status::WantRead ? POLLIN : POLLOUT);
        }
    }
    std::string read() {
        std::array<char, 4096> block{};
        return {block.data(), steps([&] { return session_.read(block); })};
    }
    void write(std::string_view bytes) {
        while (!bytes.empty()) {
            bytes.remove_prefix(steps([&] { return session_.write(bytes); }));
        }
    }

    base::Descriptor socket_;
    base::TlsSession session_;
    std::string arrived_;
    protocol::FrameReader frames_;
};

class Dispatcher {
public:
    Dispatcher() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        REQUIRE(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(listening_.get(), 16) == 0);
        REQUIRE(::getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
        port_ = ntohs(address.sin_port);
    }
    base::Descriptor accept_socket(Steady::time_point until = Steady::now() + patience) const {
        wait_for(listening_.get(), POLLIN, until);
        return base::Descriptor(::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    }
    Connection accept() const { return Connection(accept_socket(), tls_); }
    /// Nobody is answered any more, those who wait neither: a client does not wait for a handshake before it
    /// ends.
    void hang_up() { listening_.reset(); }
    bool is_called() const {
        pollfd waiting{listening_.get(), POLLIN, 0};
        return ::poll(&waiting, 1, 0) > 0;
    }
    ctl_client::Identity node_identity() const {
        ctl_client::Identity identity;
        identity.server = fmt::format("127.0.0.1:{}", port_);
        identity.node = "app-1";
        identity.ca = authority_.certificate().fingerprint;
        const auto key = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
        const base::NodeName name("app-1");
        identity.certificate_pem =
            authority_.sign_node(base::make_certificate_request(key, name), name, now_, 24h).pem;
        identity.key_pem = key.pem();
        return identity;
    }
    /// A client that lost this dispatcher comes back at once.
    protocol::Welcome welcome() const { return {.backoff = 1ms, .time = now_}; }

private:
    base::TlsContext server_context() const {
        const auto key = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
        const base::Certificate certificate = authority_.sign_server(key.public_key(), "test", now_, 24h);
        return base::TlsContext::server({certificate.pem, key.pem()}, authority_.certificate().pem);
    }

    base::Time now_ = base::SystemClock().now();
    base::CertificateAuthority authority_ = base::CertificateAuthority::create("test", now_);
    base::TlsContext tls_ = server_context();
    base::Descriptor listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    int port_ = 0;
};

/// A client that runs, as main() puts it together, until it is stopped.
class Client {
public:
    Client(Node& node, Dispatcher& dispatcher)
        : dispatcher_(dispatcher), identity_(dispatcher.node_identity()), database_(node.state.open()),
          worker_(
              [this, &node] {
                  workers_database_.emplace(node.state.open());
                  return node.make_executor(*workers_database_);
              },
              [this] { notice(); }),
          link_(identity_, database_, worker_, node.interruption, node.clock, wake_.get(), stop_.get()),
          thread_([this] { link_.run(); }) {}
    ~Client() {
        dispatcher_.hang_up();
        stop();
    }
    void notice() const { ::eventfd_write(wake_.get(), 1); }
    void stop() {
        ::eventfd_write(stop_.get(), 1);
        if (thread_.joinable()) {
            thread_.join();
        }
    }

private:
    Dispatcher& dispatcher_;
    ctl_client::Identity identity_;
    base::Descriptor wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    base::Descriptor stop_{::eventfd(0, EFD_CLOEXEC)};
    base::Database database_;
    std::optional<base::Database> workers_database_;
    ctl_client::Worker worker_;
    ctl_client::Link link_;
    std::thread thread_;
};

} // namespace

TEST_CASE("a client says what it has; a report is repeated over each new link until the dispatcher has it",
          "[law-7]") {
    Node node;
    const std::string envelope = node.release("shop/1.0", shop("1.0"));
    REQUIRE(node.prepare(envelope).ok);
    const Report report = node.send("apply", node.apply_body(envelope));
    for (const Report& earlier : node.executor().journal().unacknowledged()) {
        if (earlier.order != report.order) {
            node.executor().journal().acknowledge(earlier.order);
        }
    }
    Dispatcher dispatcher;
    const Client client(node, dispatcher);
    {
        Connection link = dispatcher.accept();
        link.answer(101);
        const auto hello = link.next<protocol::Hello>();
        CHECK(hello.node == base::NodeName("app-1"));
        CHECK(hello.components.at(base::ComponentName("shop/app")).release == "shop/1.0");
        link.settle(); // no report before the welcome
        link.send(dispatcher.welcome());
        CHECK(link.next<Report>().to_value() == report.to_value());
    }
    {
        Connection link = dispatcher.accept();
        // In one piece with the head of the answer.
        link.answer(101, protocol::frame(protocol::encode(dispatcher.welcome())));
        link.next<protocol::Hello>();
        CHECK(link.next<Report>().to_value() == report.to_value());
        link.send(protocol::Reported{report.order});
        link.settle();
    }
    Connection link = dispatcher.accept();
    link.welcome(dispatcher.welcome());
    link.settle();
    CHECK(node.executor().journal().unacknowledged().empty());
}

TEST_CASE(
    "an order is acknowledged once it is in the journal, carried out and reported; a repeat gets the record",
    "[law-6]") {
    Node node;
    Dispatcher dispatcher;
    const Client client(node, dispatcher);
    Connection link = dispatcher.accept();
    link.welcome(dispatcher.welcome());
    const Order order = node.make_order("drain", {});
    link.send(protocol::OrderSent{order.text()});
    CHECK(link.next<protocol::Received>().order == order.id);
    base::Statement journaled = node.database().prepare("SELECT text FROM orders WHERE id = ?");
    journaled.with(order.id);
    REQUIRE(journaled.step());
    CHECK(journaled.text(0) == order.text());
    journaled.reset();
    const auto report = link.next<Report>();
    CHECK(report.ok);
    CHECK(report.order_digest == base::sha256(order.text()));

    link.send(protocol::OrderSent{order.text()});
    CHECK(link.next<protocol::Received>().order == order.id);
    CHECK(link.next<Report>().to_value() == report.to_value());

    Order late = node.make_order("drain", {});
    late.expires = node.clock.now() - 1h;
    link.send(protocol::OrderSent{late.text()});
    CHECK(link.next<protocol::Received>().order == late.id);
    CHECK(link.next<Report>().code == "expired");
    link.settle();
}

TEST_CASE("what an order changed of a component is told before its report, and only then") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    for (const Report& earlier : node.executor().journal().unacknowledged()) {
        node.executor().journal().acknowledge(earlier.order);
    }
    const base::ComponentName app("shop/app");
    Dispatcher dispatcher;
    const Client client(node, dispatcher);
    Connection link = dispatcher.accept();
    CHECK_FALSE(link.welcome(dispatcher.welcome()).components.at(app).drained);

    link.send(protocol::OrderSent{node.make_order("drain", {}).text()});
    link.next<protocol::Received>();
    CHECK(link.next<protocol::Holding>().components.at(app).drained);
    CHECK(link.next<Report>().ok);

    link.send(protocol::OrderSent{node.make_order("drain", {}).text()});
    link.next<protocol::Received>();
    CHECK(link.next<Report>().ok); // as it was told already
    link.settle();
}

TEST_CASE("what a client does not know it refuses by name, and the link stays") {
    Node node;
    Dispatcher dispatcher;
    const Client client(node, dispatcher);
    Connection link = dispatcher.accept();
    link.welcome(dispatcher.welcome());
    link.send_json(R"({"kind": "dance", "partner": "app-2"})");
    const auto kind = link.next<protocol::Refused>();
    CHECK(kind.what == "dance");
    CHECK(kind.reason.find("'dance'") != std::string::npos);
    link.send(protocol::OrderSent{node.make_order("dance", {}).text()});
    const auto order = link.next<protocol::Refused>();
    CHECK(order.what == "order");
    CHECK(order.reason.find("'dance'") != std::string::npos);
    link.send(protocol::OrderSent{"{}"});
    CHECK(link.next<protocol::Refused>().what == "order");
    link.send(protocol::Refused{"report", "no such order"});
    link.send(protocol::Beat{});
    link.settle();
    CHECK_FALSE(node.executor().perform_next());
}

TEST_CASE("a client with nothing to say beats as often as the dispatcher told it") {
    Node node;
    Dispatcher dispatcher;
    const Client client(node, dispatcher);
    Connection link = dispatcher.accept();
    protocol::Welcome often = dispatcher.welcome();
    often.heartbeat = 1ms; // it takes nothing below 100 ms; without the welcome it would be a minute
    link.welcome(often);
    link.next<protocol::Beat>();
    link.next<protocol::Beat>();
}

TEST_CASE("the pause before a client comes back is at most what the dispatcher told last") {
    Node node;
    Dispatcher dispatcher;
    Client client(node, dispatcher);
    {
        Connection link = dispatcher.accept();
        link.welcome(dispatcher.welcome());
        link.settle(); // it has read the welcome
    }
    // The client's own pause, until it is told another one, would make this 50 seconds.
    const auto until = Steady::now() + 20s;
    for (int turn = 0; turn < 20; ++turn) {
        dispatcher.accept_socket(until); // and gone before it said a word
    }
    {
        Connection link = dispatcher.accept();
        link.answer(503);
        link.wait_for_end();
    }
    {
        Connection link = dispatcher.accept();
        link.answer(101);
        link.next<protocol::Hello>();
        link.send_json("no message");
        link.wait_for_end();
    }
    {
        Connection link = dispatcher.accept();
        protocol::Welcome later = dispatcher.welcome();
        later.version = 2;
        later.backoff = 1h; // of a version that it does not speak it believes nothing
        link.welcome(later);
        link.wait_for_end();
    }
    {
        Connection link = dispatcher.accept();
        protocol::Welcome later = dispatcher.welcome();
        later.backoff = 1000h;
        link.welcome(later);
        link.settle();
    }
    // Neither is the pause cut short by the worker's news, nor does it keep a client from stopping.
    client.notice();
    client.notice();
    client.stop();
    CHECK_FALSE(dispatcher.is_called());
}

TEST_CASE("a cancel order that comes while its order is under way ends it, and both are reported") {
    Node node;
    auto made = shop("1.0");
    rpm::PackagedCommand command;
    command.name = "work";
    command.run = {"/opt/work"};
    made[0].about.commands = {command};
    node.deploy(node.release("shop/1.0", made), "run-1");
    for (const Report& earlier : node.executor().journal().unacknowledged()) {
        node.executor().journal().acknowledge(earlier.order);
    }
    node.programs.answer("work", [&node](const base::Command&) -> base::Outcome {
        while (!node.interruption.asked()) {
            node.interruption.wait(1s);
        }
        node.interruption.ended("command 'work' (1 process)");
        throw base::Error(base::Fault::Unavailable, std::string("command 'work' was ended with 1 process"));
    });
    const Order order = node.make_order("command", {{"name", "work"}});
    const Order cancel = node.make_order("cancel", {{"order", order.id}});
    Dispatcher dispatcher;
    Client client(node, dispatcher);
    Connection link = dispatcher.accept();
    link.welcome(dispatcher.welcome());
    link.send(protocol::OrderSent{order.text()});
    CHECK(link.next<protocol::Received>().order == order.id);
    link.send(protocol::OrderSent{cancel.text()});
    CHECK(link.next<protocol::Received>().order == cancel.id);
    std::map<std::string, Report> reports;
    while (reports.size() < 2) {
        const Report report = link.next<Report>();
        reports.emplace(report.order, report);
    }
    // It may not have been begun yet.
    CHECK(reports.at(order.id).code == "cancelled");
    CHECK(reports.at(cancel.id).ok);
}
