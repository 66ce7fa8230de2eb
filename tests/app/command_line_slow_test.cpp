// Every registered name through the program itself, a process each.
#include <gtest/gtest.h>

#include "nacre/app/catalogue.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::run_program;

TEST(CommandLineSlow, EveryRegisteredThingHasASummaryAndDescribedKeys) {
  for (const CatalogueKind& kind : catalogue()) {
    for (const RegistryRecord& record : kind.records) {
      EXPECT_FALSE(record.summary.empty()) << kind.kind << " " << record.name;
      for (const Parameter& parameter : record.parameters) {
        EXPECT_FALSE(parameter.description.empty()) << kind.kind << " " << record.name << "." << parameter.name;
      }
      EXPECT_EQ(run_program("describe " + kind.kind + " " + record.name).exit_code, 0) << record.name;
      if (record.parameters.empty()) break;  // a process for each of the others would show nothing more
    }
  }
}

}  // namespace
}  // namespace nacre
