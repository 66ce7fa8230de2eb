// Any text, read as a file of another accelerator model, an accelerator or a dataflow: values or a UserError, nothing else. What was
// read can be written, and reads back.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "nacre/base/error.hpp"
#include "nacre/hw/accelerator/dataflow.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/interchange/imported.hpp"
#include "nacre/hw/interchange/timeloop.hpp"

namespace {

template <class Work>
void tolerate(Work work) {
  try {
    work();
  } catch (const nacre::UserError&) {
  }
}

void use(const nacre::Imported& imported) {
  for (const nacre::AcceleratorDescription& accelerator : imported.accelerators) {
    const nacre::AcceleratorDescription again =
        nacre::accelerator_from_config(nacre::parse_config(nacre::accelerator_yaml(accelerator), "again"), {});
    if (again.units() != accelerator.units()) std::abort();
    for (const nacre::Workload& workload : imported.workloads)
      tolerate([&] { nacre::mapping_of_directives(imported.directives, workload, accelerator); });
  }
  for (const nacre::Workload& workload : imported.workloads) tolerate([&] { nacre::timeloop_problem_yaml(workload); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  // The first byte says as what. Stream's files name others, which are not here.
  constexpr const char* kNames[] = {"f.yaml", "f.m", "f.cfg", "f.csv"};
  tolerate([&] { use(nacre::import_text(text, kNames[data[0] % 4], {.kind = "", .elements = 64})); });
  tolerate([&] {
    const nacre::ConfigNode root = nacre::parse_config(text, "fuzz.yaml");
    if (root.find("estimator") != nullptr) return;  // names a program
    const nacre::AcceleratorDescription accelerator = nacre::accelerator_from_config(root, {});
    nacre::accelerator_from_config(nacre::parse_config(nacre::accelerator_yaml(accelerator), "again"), {});
  });
  tolerate([&] { nacre::dataflow_from_config(nacre::parse_config(text, "fuzz.yaml")); });
  return 0;
}
