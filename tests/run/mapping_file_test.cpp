#include "nacre/run/mapping_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/target_registry.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

Workload small_product() {
  return {.name = "product",
          .dimensions = {{"P", 6}, {"K", 8}, {"C", 4}},
          .tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {{{{1, 1}}}, {{{2, 1}}}}},
                      {.name = "Inputs", .role = TensorRole::inputs, .axes = {{{{0, 1}}}, {{{2, 1}}}}},
                      {.name = "Outputs", .role = TensorRole::outputs, .axes = {{{{0, 1}}}, {{{1, 1}}}}}}};
}

const MapperOptions kOptions = {.method = "random_pruned", .time_s = 0, .evaluations = 100};

TEST(MappingFile, TheNextRunFindsWhatOneSearched) {
  const TemporaryFolder folder;
  const AcceleratorDescription chip = load_accelerator("eyeriss");
  MappingCache first;
  first.connect(std::make_shared<MappingFile>(folder.path() / "m.jsonl"));
  const MappingResult searched = first.find_or_map(small_product(), chip, kOptions);
  MappingCache second;
  second.connect(std::make_shared<MappingFile>(folder.path() / "m.jsonl"));
  ASSERT_TRUE(second.contains(small_product(), chip, kOptions));
  const MappingResult found = second.find_or_map(small_product(), chip, kOptions);
  EXPECT_EQ(found.cost.cycles, searched.cost.cycles);
  EXPECT_EQ(found.cost.energy_j, searched.cost.energy_j);
  EXPECT_EQ(read_file(folder.path() / "m.jsonl"), second.lines());  // nothing was added
  EXPECT_FALSE(second.contains(small_product(), load_accelerator("gemmini"), kOptions));
}

TEST(MappingFile, ATornLineIsCutOff) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "m.jsonl";
  MappingFile file(path);
  file.append("{\"a\": 1}\n");
  std::ofstream(path, std::ios::app) << "{\"b\": ";
  EXPECT_EQ(file.read(), "{\"a\": 1}\n");
  file.append("{\"c\": 3}\n");
  EXPECT_EQ(file.read(), "{\"a\": 1}\n{\"c\": 3}\n");
}

TEST(MappingFile, LeavesNoFolderBehindAndNamesTheLineThatIsNone) {
  const TemporaryFolder folder;
  MappingFile nowhere(folder.path() / "none" / "m.jsonl");
  nowhere.append("{}\n");
  EXPECT_EQ(nowhere.read(), "");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "none"));
  write_file_atomically(folder.path() / "m.jsonl", "{}\n");
  MappingCache cache;
  EXPECT_THAT([&] { cache.connect(std::make_shared<MappingFile>(folder.path() / "m.jsonl")); },
              testing::ThrowsMessage<UserError>(testing::AllOf(testing::HasSubstr("m.jsonl:1"),
                                                               testing::HasSubstr("not a line of a mapping cache"))));
}

// Counts what a target asks to be kept.
class CountingStore final : public MappingStore {
 public:
  std::string read() override { return text; }
  void append(const std::string& line) override {
    text += line;
    ++appended;
  }
  std::string place() const override { return "memory"; }

  std::string text;
  int appended = 0;
};

TEST(MappingFile, ATargetKeepsItsMappingsThere) {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {1, 3, 8, 8});
  x = builder.convolution_norm_activation("conv", x, 4, {.kernel = 3}, Activation::relu);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), 10), "logits");
  Design design;
  design.graphs.emplace("task", builder.take());
  const auto store = std::make_shared<CountingStore>();
  const auto& entry = target_registry().get("accelerator");
  std::optional<double> before;
  for (int sitting = 0; sitting < 2; ++sitting) {
    const auto target =
        entry.make(resolve_options(parse_config("{accelerator: eyeriss, method: lattice, evaluations: 100}", "t.yaml"),
                                   entry.parameters, "target"),
                   {.base_folder = {}, .mappings = store});
    const auto energy = metric_value(target->cost(design, {}, {}).totals, "energy_j");
    EXPECT_EQ(store->appended, 2);  // two shapes, at the first sitting
    if (before) {
      EXPECT_EQ(energy, before);
    }
    before = energy;
  }
}

}  // namespace
}  // namespace nacre
