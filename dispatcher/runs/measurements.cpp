// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/measurements.hpp"

#include "base/download.hpp"
#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"

#include <boost/asio/post.hpp>

#include <charconv>
#include <cmath>
#include <set>

namespace dispatcher::runs {

namespace asio = boost::asio;
namespace engine = workflows::engine;

namespace {

constexpr std::string_view placeholder = "{{ nodes }}";
constexpr std::size_t answer_limit_bytes = 1U << 20;
constexpr std::chrono::seconds patience{10};

std::string replaced(std::string text, std::string_view what, const std::string& with) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
        text.replace(at, what.size(), with);
    }
    return text;
}

std::string url_encoded(std::string_view text) {
    std::string out;
    for (const char letter : text) {
        const bool plain = std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '-' ||
                           letter == '.' || letter == '_' || letter == '~';
        out += plain ? std::string(1, letter)
                     : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(letter)));
    }
    return out;
}

std::string nodes_of(const std::vector<engine::Target>& targets, std::string_view separator,
                     bool expression) {
    std::set<std::string> names;
    for (const engine::Target& target : targets) {
        // Of a node's name only the dot means something in an expression; the string around it takes one
        // backslash.
        names.insert(expression ? replaced(target.node.str(), ".", "\\\\.") : target.node.str());
    }
    return fmt::format("{}", fmt::join(names, separator));
}

const base::Value& member_at(const base::Value& document, std::string_view path) {
    const base::Value* at = &document;
    while (!path.empty() && at != nullptr) {
        const std::string_view part = path.substr(0, path.find('.'));
        path.remove_prefix(std::min(path.size(), part.size() + 1));
        if (const base::Array* list = at->array()) {
            std::size_t place = list->size();
            std::from_chars(part.data(), part.data() + part.size(), place);
            at = place < list->size() ? &(*list)[place] : nullptr;
        } else {
            at = at->object() == nullptr ? nullptr : at->object()->find(part);
        }
    }
    if (at == nullptr) {
        throw base::Error(base::Fault::Corrupt, std::string("the answer has nothing at this path"));
    }
    return *at;
}

double number_of(const base::Value& value) {
    double number = std::nan("");
    if (value.whole() != nullptr) {
        number = static_cast<double>(*value.whole());
    } else if (value.number() != nullptr) {
        number = *value.number();
    } else if (const std::string* text = value.text()) {
        const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
        if (error != std::errc() || end != text->data() + text->size()) {
            number = std::nan("");
        }
    }
    if (!std::isfinite(number)) {
        throw base::Error(base::Fault::Corrupt, "the answer has {} where a number should be", value.kind());
    }
    return number;
}

/// Of the instant API: a scalar, or a vector of exactly one series.
const base::Value& prometheus_value(const base::Value& document) {
    const base::Fields fields(document, "the answer");
    if (fields.text("status") != "success") {
        throw base::Error(base::Fault::Corrupt, "the query failed: {}",
                          fields.text("error", "no reason given"));
    }
    const base::Value& data = member_at(document, "data");
    const base::Value& result = member_at(data, "result");
    if (member_at(data, "resultType") == base::Value("scalar")) {
        return member_at(result, "1");
    }
    const std::size_t series = result.array() == nullptr ? 0 : result.array()->size();
    if (series != 1) {
        throw base::Error(base::Fault::Corrupt, "the query gave {} series instead of one{}", series,
                          series == 0 ? "" : "; put sum() or avg() around it");
    }
    return member_at(result, "0.value.1");
}

double fetch(const Measurement& measurement, const std::vector<engine::Target>& targets) {
    base::HttpRequest request;
    request.url = measurement.url_for(targets);
    request.timeout = patience;
    request.limit_bytes = answer_limit_bytes;
    const base::HttpResponse response = base::send(request);
    // Prometheus says in the body what is wrong with a query.
    if (response.status >= 300 && !(measurement.prometheus && response.status < 500)) {
        throw base::Error(base::Fault::Unavailable, "{} answered {}", request.url, response.status);
    }
    return measurement.number_in(response.body);
}

engine::Measured carried_out(const engine::Measure& wanted) {
    engine::Measured measured{wanted.measurement, true, {}, {}, {}};
    try {
        const Measurement measurement = Measurement::read(wanted.spec);
        measured.updated = fetch(measurement, wanted.updated);
        if (measurement.compares() && !wanted.peers.empty()) {
            measured.peers = fetch(measurement, wanted.peers);
        }
    } catch (const std::exception& error) {
        return {wanted.measurement, false, {}, {}, error.what()};
    }
    return measured;
}

} // namespace

Measurement Measurement::read(const base::Value& spec) {
    const base::Fields fields(spec, "measurement");
    Measurement measurement;
    const auto http = fields.record("http");
    const auto prometheus = fields.record("prometheus");
    if (http.has_value() == prometheus.has_value()) {
        fields.fail("", "a measurement is either http = { url, path } or prometheus = { url, query }");
    }
    const base::Fields& record = http ? *http : *prometheus;
    measurement.url = record.text("url");
    if (!measurement.url.starts_with("http://") && !measurement.url.starts_with("https://")) {
        record.fail("url",
                    fmt::format("'url' is '{}', but must begin with http:// or https://", measurement.url));
    }
    measurement.prometheus = prometheus.has_value();
    if (prometheus) {
        measurement.query = prometheus->text("query");
    } else {
        measurement.path = http->text("path", "");
    }
    record.finish();
    return measurement;
}

bool Measurement::compares() const noexcept {
    return (prometheus ? query : url).find(placeholder) != std::string::npos;
}

std::string Measurement::url_for(const std::vector<engine::Target>& targets) const {
    if (!prometheus) {
        return replaced(url, placeholder, nodes_of(targets, ",", false));
    }
    const std::string base_url = url.ends_with('/') ? url.substr(0, url.size() - 1) : url;
    return base_url +
           "/api/v1/query?query=" + url_encoded(replaced(query, placeholder, nodes_of(targets, "|", true)));
}

double Measurement::number_in(std::string_view body) const {
    try {
        const base::Value document = base::parse_json(body, "the answer");
        return number_of(prometheus ? prometheus_value(document) : member_at(document, path));
    } catch (const base::Error& error) {
        throw base::Error(base::Fault::Corrupt, "{}{}", error.message(),
                          prometheus || path.empty() ? "" : fmt::format(" (path '{}')", path));
    }
}

HttpMeters::~HttpMeters() {
    threads_.stop();
    threads_.join();
}

void HttpMeters::measure(const engine::Measure& wanted, std::function<void(engine::Measured)> done) {
    asio::post(threads_, [this, wanted, done = std::move(done)] {
        asio::post(context_, [measured = carried_out(wanted), done] { done(measured); });
    });
}

} // namespace dispatcher::runs
