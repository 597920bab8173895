// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/workflow_vm.hpp"

#include "base/error.hpp"
#include "base/process.hpp"
#include "dispatcher/runs/vm_lines.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <cerrno>
#include <deque>
#include <fcntl.h>

namespace dispatcher::runs {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds patience{30};

int own_copy(int descriptor) {
    const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        throw base::Error(base::Fault::Unavailable, "pipe to 'workflow-vm' cannot be opened: {}",
                          base::system_reason(errno));
    }
    return copy;
}

/// The conversation with one child. Kept alive by its own pending reads and writes, so that the host may be
/// destroyed at any time, also from within the listener.
class Conversation : public std::enable_shared_from_this<Conversation> {
public:
    Conversation(asio::io_context& context, ScriptHosts::Listener listener)
        : child_({vm_program().string()}), to_(context, own_copy(child_.to())),
          from_(context, own_copy(child_.from())), silence_(context), listener_(std::move(listener)) {
        child_.close_input();
    }

    void say(std::string line) {
        lines_.push_back(std::move(line));
        if (lines_.size() == 1) {
            write();
        }
        silence_.expires_after(patience);
        silence_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
            if (!error && self->silence_.expiry() <= std::chrono::steady_clock::now()) {
                self->end("it gave no command within 30 s");
            }
        });
    }

    void listen() {
        asio::async_read_until(
            from_, asio::dynamic_buffer(heard_, max_vm_line_bytes), '\n',
            [self = shared_from_this()](const boost::system::error_code& error, std::size_t bytes) {
                if (error) {
                    self->child_.kill(); // it may have closed its output and live on
                    self->end("it ended with " + std::to_string(self->child_.wait()));
                    return;
                }
                self->silence_.cancel();
                const std::string line = self->heard_.substr(0, bytes - 1);
                self->heard_.erase(0, bytes);
                self->hear(line);
            });
    }

    /// Nothing is told any more; the child is killed.
    void leave() {
        listener_.reset();
        close();
    }

private:
    void write() {
        asio::async_write(to_, asio::buffer(lines_.front()),
                          [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                              // A child that is gone is noticed by the reader.
                              if (!error) {
                                  self->lines_.pop_front();
                                  if (!self->lines_.empty()) {
                                      self->write();
                                  }
                              }
                          });
    }

    void hear(const std::string& line) {
        std::optional<workflows::engine::Script::Step> step;
        try {
            step = step_of(line);
        } catch (const base::Error& error) {
            end(error.message());
            return;
        }
        listen();
        if (const auto listener = listener_) {
            listener->stepped(*step);
        }
    }

    void end(const std::string& why) {
        close();
        if (const auto listener = std::exchange(listener_, {})) {
            listener->died(why);
        }
    }

    void close() {
        child_.kill();
        silence_.cancel();
        boost::system::error_code ignored;
        to_.close(ignored);
        from_.close(ignored);
    }

    base::Child child_;
    asio::posix::stream_descriptor to_;
    asio::posix::stream_descriptor from_;
    asio::steady_timer silence_;
    std::optional<ScriptHosts::Listener> listener_;
    std::deque<std::string> lines_;
    std::string heard_;
};

class WorkflowVm final : public ScriptHost {
public:
    explicit WorkflowVm(std::shared_ptr<Conversation> conversation)
        : conversation_(std::move(conversation)) {}
    ~WorkflowVm() override { conversation_->leave(); }
    WorkflowVm(const WorkflowVm&) = delete;
    WorkflowVm& operator=(const WorkflowVm&) = delete;

    void answer(const workflows::engine::Answer& answer) override { conversation_->say(answer_line(answer)); }

private:
    std::shared_ptr<Conversation> conversation_;
};

} // namespace

std::unique_ptr<ScriptHost> WorkflowVms::start(const ScriptStart& start, Listener listener) {
    const auto conversation = std::make_shared<Conversation>(context_, std::move(listener));
    conversation->listen();
    conversation->say(start_line(start));
    return std::make_unique<WorkflowVm>(conversation);
}

} // namespace dispatcher::runs
