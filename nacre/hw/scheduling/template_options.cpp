#include "nacre/hw/scheduling/template_options.hpp"

namespace nacre {

const std::vector<Parameter>& template_parameters() {
  static const TemplateConstants kDefaults;
  static const std::vector<Parameter> kParameters = {{.name = "clock_hz",
                                                      .type = ParameterType::real,
                                                      .description = "clock of all sub-accelerators",
                                                      .default_value = kDefaults.clock_hz,
                                                      .minimum = 1,
                                                      .maximum = 1e12,
                                                      .unit = "Hz"},
                                                     {.name = "element_bits",
                                                      .type = ParameterType::integer,
                                                      .description = "of a weight or activation on the network on chip",
                                                      .default_value = kDefaults.element_bits,
                                                      .minimum = 1,
                                                      .maximum = 64},
                                                     {.name = "mac_energy_j",
                                                      .type = ParameterType::real,
                                                      .description = "of a multiply-accumulate (MAESTRO's; accesses "
                                                                     "of buffers are multiples of it)",
                                                      .default_value = kDefaults.mac_energy_j,
                                                      .minimum = 1e-18,
                                                      .maximum = 1,
                                                      .unit = "J"},
                                                     {.name = "l1_bytes",
                                                      .type = ParameterType::integer,
                                                      .description = "buffer of each PE, for the area",
                                                      .default_value = kDefaults.l1_bytes,
                                                      .minimum = 0,
                                                      .maximum = 1e9,
                                                      .unit = "B"},
                                                     {.name = "l2_bytes",
                                                      .type = ParameterType::integer,
                                                      .description = "buffer of each sub-accelerator, for the area",
                                                      .default_value = kDefaults.l2_bytes,
                                                      .minimum = 0,
                                                      .maximum = 1e12,
                                                      .unit = "B"}};
  return kParameters;
}

TemplateConstants template_constants(const Options& options) {
  TemplateConstants constants;
  constants.clock_hz = options.real("clock_hz");
  constants.element_bits = options.integer("element_bits");
  constants.mac_energy_j = options.real("mac_energy_j");
  constants.l1_bytes = options.integer("l1_bytes");
  constants.l2_bytes = options.integer("l2_bytes");
  return constants;
}

}  // namespace nacre
