// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"

#include <cstddef>
#include <cstdint>

namespace workflows::simulator {

/// Dice that fall the same way on every machine: splitmix64 (the distributions of std differ between
/// libraries). A seed names a whole course of events.
class Chance {
public:
    explicit Chance(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15u);
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
        return mixed ^ (mixed >> 31);
    }
    /// 0 … sides - 1; 0 for no sides.
    int roll(int sides) noexcept {
        return sides <= 0 ? 0 : static_cast<int>(next() % static_cast<std::uint64_t>(sides));
    }
    /// True so often; 0 never, 1 always.
    bool happens(double probability) noexcept {
        return probability > 0 && static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
    }
    /// From `low` to `high`, both included.
    base::Duration between(base::Duration low, base::Duration high) noexcept {
        return high <= low ? low
                           : low + base::Duration(static_cast<base::Duration::rep>(
                                       next() % static_cast<std::uint64_t>((high - low).count() + 1)));
    }
    template <class T, std::size_t Size> const T& pick(const T (&choices)[Size]) noexcept {
        return choices[next() % Size];
    }

private:
    std::uint64_t state_;
};

} // namespace workflows::simulator
