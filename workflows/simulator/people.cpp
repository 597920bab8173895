// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/people.hpp"

#include <array>
#include <string>
#include <string_view>

namespace workflows::simulator {
namespace {

struct Verb {
    std::string_view verb;
    std::string_view said; ///< how it stands in what the run waits for
    bool harsh;
};
constexpr std::array<Verb, 8> verbs = {{{"resume", "resume", false},
                                        {"retry", "retry", false},
                                        {"approve", "approv", false},
                                        {"continue", "continue", false},
                                        {"cancel", "cancel", true},
                                        {"skip", "skip", true},
                                        {"rollback", "roll", true},
                                        {"reject", "approv", true}}};
struct Person {
    std::string_view name;
    std::string_view role; ///< of their token; empty: none
};
// One of them asked for the run.
constexpr std::array<Person, 4> people = {
    {{"ann", "operator"}, {"bob", "operator"}, {"cid", ""}, {"author", "operator"}}};

} // namespace

bool fits(std::string_view verb, const std::vector<engine::Waiting>& waiting) {
    const bool mends = waiting.front().what.find("to continue") != std::string::npos;
    return !mends || verb == "continue" || verb == "rollback" || verb == "cancel";
}

engine::Signalled decide(const std::vector<engine::Waiting>& waiting, double harsh, Chance& chance) {
    const bool be_harsh = chance.happens(harsh);
    std::vector<std::string_view> fitting;
    for (const Verb& verb : verbs) {
        const bool named = waiting.front().what.find(verb.said) != std::string::npos;
        if (named && verb.harsh == be_harsh) {
            fitting.push_back(verb.verb);
        }
    }
    if (fitting.empty()) {
        fitting.push_back(be_harsh ? "cancel" : "resume");
    }
    const std::string verb(fitting[static_cast<std::size_t>(chance.roll(static_cast<int>(fitting.size())))]);
    const Person& person = people[static_cast<std::size_t>(chance.roll(people.size()))];
    return {verb, std::string(person.name), "", std::nullopt,
            base::Object{{"role", std::string(person.role)}}};
}

} // namespace workflows::simulator
