// Genuine files of other tools: every one is read, or refused for a reason that is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "nacre/base/error.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/interchange/imported.hpp"
#include "tests/hw/interchange/interchange_data.hpp"

namespace nacre {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

#define NEEDS_DATA(folder)                                                     \
  const std::optional<std::filesystem::path> data = test::shared_data(folder); \
  if (!data) GTEST_SKIP() << "needs " folder " of the shared data (NACRE_DATA or ../shared/data)"

std::vector<std::filesystem::path> files_under(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && !name.starts_with("LICENSE") && !name.starts_with("README"))
      files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

bool holds_something(const Imported& imported) {
  return !imported.accelerators.empty() || !imported.workloads.empty() || !imported.directives.empty() ||
         !imported.dataflows.empty() || !imported.components.energy_j.empty() || !imported.components.area_mm2.empty();
}

TEST(ImportedFiles, EveryGenuineFileOfOtherToolsIsRead) {
  NEEDS_DATA("formats");
  const std::vector<std::filesystem::path> files = files_under(*data);
  EXPECT_EQ(files.size(), 51u);
  for (const std::filesystem::path& file : files) {
    SCOPED_TRACE(file.string());
    try {
      const Imported imported = import_file(file);
      EXPECT_TRUE(holds_something(imported));
      EXPECT_NE(file.extension(), ".txt");
      for (const AcceleratorDescription& accelerator : imported.accelerators) {
        check_accelerator(accelerator);
        const AcceleratorDescription again =
            accelerator_from_config(parse_config(accelerator_yaml(accelerator), "written"), {});
        EXPECT_EQ(again.levels.size(), accelerator.levels.size());
        EXPECT_EQ(again.units(), accelerator.units());
        EXPECT_EQ(again.not_modelled, accelerator.not_modelled);
      }
    } catch (const UserError& error) {
      EXPECT_EQ(file.extension(), ".txt") << error.what();  // reports of Timeloop for people
    }
  }
}

TEST(ImportedFiles, EveryInputOfTheReferenceResultsIsRead) {
  NEEDS_DATA("hw-reference");
  const std::vector<std::filesystem::path> files = files_under(*data / "inputs");
  EXPECT_GE(files.size(), 21u);
  for (const std::filesystem::path& file : files) {
    SCOPED_TRACE(file.string());
    try {
      EXPECT_TRUE(holds_something(import_file(file)));
    } catch (const UserError& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

}  // namespace
}  // namespace nacre
