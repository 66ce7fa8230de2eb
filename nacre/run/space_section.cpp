#include "nacre/run/space_section.hpp"

#include "nacre/space/cell_graph.hpp"
#include "nacre/tables/open_benchmark.hpp"

namespace nacre {
namespace {

// Keeps the benchmark whose space it is.
class TableSpace final : public Space {
 public:
  explicit TableSpace(std::shared_ptr<const TabularBenchmark> benchmark) : benchmark_(std::move(benchmark)) {}
  const std::string& name() const override { return name_; }
  using Space::build;
  Design build(Chooser& choose) const override { return benchmark_->space().build(choose); }
  std::optional<NetworkSummary> summarize(const Decisions& complete) const override {
    return benchmark_->space().summarize(complete);
  }
  std::optional<Hash128> identity_of(const Decisions& complete) const override {
    return benchmark_->space().identity_of(complete);
  }
  std::optional<CellGraph> cell_of(const Decisions& complete) const override {
    return benchmark_->space().cell_of(complete);
  }

 private:
  std::string name_ = "table";
  std::shared_ptr<const TabularBenchmark> benchmark_;
};

}  // namespace

const Registry<SpaceFactory>& run_space_registry() {
  static const Registry<SpaceFactory> registry = [] {
    Registry<SpaceFactory> list = space_registry();
    list.add({.name = "table",
              .summary = "the space behind a published benchmark, with the benchmark's own input and classes",
              .source = "",
              .parameters = benchmark_parameters(),
              .example = "space:\n  kind: table\n  benchmark: nasbench_graph\n  dataset: cora\n"},
             [](const Options& options, const SpaceContext& context) -> std::unique_ptr<Space> {
               return std::make_unique<TableSpace>(open_benchmark(options, {.base_folder = context.base_folder}));
             });
    return list;
  }();
  return registry;
}

}  // namespace nacre
