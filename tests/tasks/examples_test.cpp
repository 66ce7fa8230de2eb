// The configurations in examples/ name tasks that load.
#include <gtest/gtest.h>

#include "nacre/base/config.hpp"
#include "nacre/tasks/task_registry.hpp"
#include "tests/data/data_test_support.hpp"

namespace nacre {
namespace {

std::filesystem::path examples_folder() {
  const char* variable = std::getenv("NACRE_SOURCE_DIR");
  return std::filesystem::path(variable == nullptr ? "." : variable) / "examples";
}

void load_example(const std::string& name, int64_t classes) {
  const ConfigNode root = load_config(examples_folder() / name);
  const ConfigNode& section = root.at("task");
  const auto& entry = task_registry().get(section.at("kind").as_text("task.kind"));
  const auto task = entry.make(resolve_options(section, entry.parameters, "task", {"kind"}), examples_folder());
  EXPECT_EQ(task->signature().outputs[0].extents[0], classes);
  EXPECT_GT(task->size(Split::test), 0);
  EXPECT_EQ(task->metrics()[0].name, section.at("metric").as_text("metric"));
}

TEST(Examples, DigitsLoad) { load_example("digits.yaml", 10); }

TEST(Examples, TableLoads) { load_example("csv.yaml", 2); }

TEST(Examples, FashionMnistLoads) {
  if (shared_data("fashion_mnist").empty()) GTEST_SKIP() << "no shared data on this machine (NACRE_DATA)";
  load_example("fashion_mnist.yaml", 10);
}

TEST(Examples, EveryTaskSectionIsWellFormed) {
  int seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(examples_folder())) {
    if (file.path().extension() != ".yaml") continue;
    const ConfigNode root = load_config(file.path());
    if (root.find("task") == nullptr) continue;
    const ConfigNode& section = root.at("task");
    const auto& entry = task_registry().get(section.at("kind").as_text("task.kind"));
    EXPECT_NO_THROW(resolve_options(section, entry.parameters, "task", {"kind"})) << file.path();
    ++seen;
  }
  EXPECT_GE(seen, 4);
}

}  // namespace
}  // namespace nacre
