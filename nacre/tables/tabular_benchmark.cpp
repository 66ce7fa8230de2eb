#include "nacre/tables/tabular_benchmark.hpp"

#include <algorithm>
#include <set>

namespace nacre {

std::optional<size_t> TabularBenchmark::find_column(std::string_view metric, double epochs) const {
  const std::vector<TableColumn>& all = columns();
  std::optional<size_t> found;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].metric.name != metric) continue;
    if (epochs > 0 ? all[i].epochs == epochs : !found || all[i].epochs > all[*found].epochs) found = i;
  }
  return found;
}

std::vector<double> TabularBenchmark::fidelities() const {
  std::set<double> epochs;
  for (const TableColumn& column : columns()) {
    if (column.quality) epochs.insert(column.epochs);
  }
  return {epochs.begin(), epochs.end()};
}

}  // namespace nacre
