// The constants of the dataflow templates as configuration keys.
#pragma once

#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/hw/accelerator/template_cost.hpp"

namespace nacre {

const std::vector<Parameter>& template_parameters();
TemplateConstants template_constants(const Options& options);

}  // namespace nacre
