// The probe `zero_cost`: what it refuses, and by which words. What it measures: Repro.ZeroCostProxiesRankAsPublished.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "nacre/base/config.hpp"
#include "nacre/bench/probe.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ZeroCostProbe : public testing::Test {
 protected:
  void SetUp() override {
    const char* given = std::getenv("NACRE_DATA");
    const fs::path root = given != nullptr ? fs::path(given) : fs::path("..") / "shared" / "data";
    if (!fs::exists(root / "nasbench201")) GTEST_SKIP() << "nasbench201 is not in NACRE_DATA or ../shared/data";
    std::string pattern = (fs::temp_directory_path() / "nacre-zero-cost-XXXXXX").string();
    scratch_ = mkdtemp(pattern.data());
    std::ofstream(scratch_ / "scores.csv") << "dataset,idx,ours\none,3,1.5\none,7,2.5\none,9,0.5\nfar,20000,1\n";
  }
  void TearDown() override {
    if (!scratch_.empty()) fs::remove_all(scratch_);
  }

  std::string error(const std::string& keys) const {
    const auto& probe = probe_registry().get("zero_cost");
    const ConfigNode node = parse_config(
        "{benchmark: nasbench201, dataset: cifar10, scores: scores.csv, task: {kind: classification, data: {format: "
        "csv, path: "
        "none.csv}}, " +
            keys + "}",
        "probe");
    ProbeContext context;
    context.output = context.folder = scratch_;
    try {
      probe.make(resolve_options(node, probe.parameters, "probe"), context);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  fs::path scratch_;
};

TEST_F(ZeroCostProbe, NamesWhatIsWrong) {
  EXPECT_THAT(error("scores_of: one, columns: {nwat: ours}"), HasSubstr("did you mean 'nwot'"));
  EXPECT_THAT(error("scores_of: one, columns: nwot"), HasSubstr("columns: expected a map"));
  EXPECT_THAT(error("scores_of: two, columns: {nwot: ours}"), HasSubstr("no row of data set 'two'"));
  EXPECT_THAT(error("scores_of: one, columns: {nwot: theirs}"), HasSubstr("theirs"));
  EXPECT_THAT(error("scores_of: one, columns: {nwot: ours}, metric: acuracy"), HasSubstr("metric: the table has none"));
  EXPECT_THAT(error("scores_of: one, columns: {nwot: ours}"), HasSubstr("none.csv"));
}

}  // namespace
}  // namespace nacre
