// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "templates/work.hpp"

namespace templates {

/// The member of `item` that the `attribute=` of a filter names: "name", "address.ip", "ports.0", or a number
/// for an element; if it is not there, `absent`, or else undefined.
Datum attribute_of(Work& work, const Datum& item, const Datum& attribute, const Datum* absent = nullptr);

} // namespace templates
