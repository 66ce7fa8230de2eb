// Parts of the reader of Timeloop's files.
#pragma once

#include <string>

#include "nacre/hw/interchange/foreign_map.hpp"
#include "nacre/hw/interchange/imported.hpp"

namespace nacre::timeloop {

void read_architecture(const ConfigNode& node, const std::string& name, Imported& imported);
void read_problem(const ConfigNode& node, const std::string& name, Imported& imported);
// A list of directives under "mapping" or "constraints".
void read_directives(const ConfigNode& list, bool constraints, Imported& imported);
// Of a component of v0.4: {spatial: {...}, temporal: {...}, dataspace: {...}}.
void read_inline_constraints(const ConfigNode& constraints, const std::string& target, Imported& imported);

// "Weights" -> weights; nothing for other names.
std::optional<TensorRole> role_of_name(std::string_view name);

}  // namespace nacre::timeloop
