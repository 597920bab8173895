// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/buckets.hpp"

#include "repo/gzip.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace repo {

namespace {

constexpr std::size_t bucket_text_limit = std::size_t{1} << 30u;

struct Placed {
    std::string place;
    std::int64_t package;
    auto operator<=>(const Placed&) const = default;
};

std::vector<Placed> members_of(base::Database& database, std::int64_t bucket) {
    auto rows =
        database.prepare("SELECT p.place, p.id FROM bucket_member m JOIN package p ON p.id = m.package "
                         "WHERE m.bucket = ?");
    rows.with(bucket);
    std::vector<Placed> members;
    while (rows.step()) {
        members.push_back({rows.text(0), rows.whole(1)});
    }
    return members;
}

std::int64_t make_bucket(base::Database& database, const Placed* first, const Placed* last) {
    database.execute("INSERT INTO bucket DEFAULT VALUES");
    const std::int64_t bucket = database.last_row_id();
    Texts texts;
    auto member = database.prepare("INSERT INTO bucket_member (bucket, package) VALUES (?, ?)");
    auto elements =
        database.prepare("SELECT primary_xml, filelists_xml, other_xml FROM element WHERE package = ?");
    for (; first != last; ++first) {
        member.with(bucket, first->package).run();
        elements.with(first->package);
        elements.step();
        for (std::size_t kind = 0; kind < kinds; ++kind) {
            texts.at(kind) += elements.text(static_cast<int>(kind));
        }
    }
    auto frame = database.prepare("INSERT INTO frame (bucket, kind, gzip) VALUES (?, ?, ?)");
    for (std::size_t kind = 0; kind < kinds; ++kind) {
        frame.reset();
        frame.bind(1, bucket).bind(2, static_cast<std::int64_t>(kind)).bind_blob(3, gzipped(texts.at(kind)));
        frame.run();
    }
    return bucket;
}

/// Puts sorted members into as few buckets of about equal size as the limit allows; the first gets the key
/// `low`.
void add_buckets(base::Database& database, Layout& layout, const std::string& low,
                 const std::vector<Placed>& members) {
    const std::size_t parts = (members.size() + bucket_limit - 1) / bucket_limit;
    for (std::size_t part = 0; part < parts; ++part) {
        const Placed* first = members.data() + members.size() * part / parts;
        const Placed* last = members.data() + members.size() * (part + 1) / parts;
        layout[part == 0 ? low : first->place] = make_bucket(database, first, last);
    }
}

} // namespace

Layout layout_of(base::Database& database, const std::string& snapshot) {
    auto rows = database.prepare("SELECT low, bucket FROM snapshot_bucket WHERE snapshot = ?");
    rows.with(snapshot);
    Layout layout;
    while (rows.step()) {
        layout.emplace(rows.text(0), rows.whole(1));
    }
    return layout;
}

Layout with_packages(base::Database& database, Layout layout, const std::vector<std::int64_t>& packages) {
    std::map<std::string, std::vector<Placed>> touched;
    auto place = database.prepare("SELECT place FROM package WHERE id = ?");
    for (const std::int64_t package : packages) {
        place.with(package);
        place.step();
        const std::string at = place.text(0);
        const auto above = layout.upper_bound(at);
        touched[layout.empty() ? std::string() : std::prev(above)->first].push_back({at, package});
    }
    for (auto& [low, members] : touched) {
        if (const auto old = layout.find(low); old != layout.end()) {
            std::vector<Placed> before = members_of(database, old->second);
            std::move(before.begin(), before.end(), std::back_inserter(members));
        }
        std::sort(members.begin(), members.end());
        add_buckets(database, layout, low, members);
    }
    return layout;
}

Document assemble(base::Database& database, const Layout& layout, std::size_t kind, std::uint64_t packages) {
    Document document;
    base::Sha256 open;
    const auto append = [&](const std::string& gzip, const std::string& text) {
        document.gzip += gzip;
        document.open_bytes += text.size();
        open.update(text);
    };
    const std::string start = document_start(kind, packages);
    append(gzipped(start), start);
    auto frame = database.prepare("SELECT gzip FROM frame WHERE bucket = ? AND kind = ?");
    for (const auto& [low, bucket] : layout) {
        frame.with(bucket, kind);
        frame.step();
        const std::string gzip = frame.text(0);
        append(gzip, gunzipped(gzip, bucket_text_limit));
    }
    const std::string end = document_end(kind);
    append(gzipped(end), end);
    document.digest = base::sha256(document.gzip);
    document.open_digest = open.finish();
    return document;
}

} // namespace repo
