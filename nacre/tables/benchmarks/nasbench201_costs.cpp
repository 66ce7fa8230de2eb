// HW-NAS-Bench (Li et al., arXiv 2103.10584), the latencies of HELP (Lee et al., arXiv 2106.08630), HW-NAS-Bench-360.
#include "nacre/tables/benchmarks/nasbench201_costs.hpp"

#include <fmt/format.h>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr double kMilli = 1000;

void add_cost(TableContent& content, const CsvTable& table, const std::string& column, const std::string& name,
              const std::string& description, std::optional<double> unknown = std::nullopt) {
  const bool there =
      std::ranges::any_of(content.columns, [&](const TableColumn& other) { return other.metric.name == name; });
  if (there) return;
  const std::string unit = name.starts_with("energy") ? "J" : "s";
  content.add({.metric = {name, Direction::minimize, unit, description}},
              read_cells(table, column, {.divide = kMilli, .unknown = unknown}));
}

void check_order(const CsvTable& table, const TableContent& content) {
  const size_t index = table.column("idx");
  bool ordered = table.rows() == content.keys.size();
  for (size_t row = 0; ordered && row < table.rows(); ++row)
    ordered = table.number(row, index) == static_cast<double>(row);
  if (!ordered)
    throw UserError(
        fmt::format("'{}': expected {} rows in the benchmark's order", table.origin(), content.keys.size()));
}

void add_hw_nas_bench(BenchmarkFiles& files, TableContent& content) {
  const CsvTable table = files.read("hwnasbench/hwnb_nb201_cifar10.csv",
                                    "HW-NAS-Bench (github.com/GATECH-EIC/HW-NAS-Bench), its CIFAR-10 part");
  check_order(table, content);
  struct Device {
    std::string name, what;
    bool energy = false;
  };
  const std::vector<Device> devices = {{"edgegpu", "on NVIDIA Jetson TX2, measured", true},
                                       {"raspi4", "on Raspberry Pi 4, measured"},
                                       {"edgetpu", "on Google Edge TPU, measured"},
                                       {"pixel3", "on Pixel 3, measured"},
                                       {"eyeriss", "on the accelerator Eyeriss, modelled", true},
                                       {"fpga", "on an FPGA, modelled", true}};
  for (const Device& device : devices) {
    add_cost(content, table, device.name + "_latency_ms", "latency_s_" + device.name, "latency " + device.what, -1);
    if (device.energy)
      add_cost(content, table, device.name + "_energy_mj", "energy_j_" + device.name, "energy " + device.what);
  }
  content.add(
      {.metric = {"hw_nas_bench_complete", Direction::maximize, "",
                  "1: all nine numbers are the benchmark's; 0: edge GPU and Edge TPU are unknown and the energies "
                  "of eyeriss and fpga follow from exact relations of the other rows"},
       .note = true},
      read_cells(table, "complete"));
}

void add_help(BenchmarkFiles& files, TableContent& content) {
  const CsvTable table =
      files.read("hwnasbench/help_nasbench201_latency.csv", "HELP (github.com/HayeonLee/HELP), data/nasbench201");
  check_order(table, content);
  for (const std::string& device : table.names()) {
    if (device != "idx") add_cost(content, table, device, "latency_s_" + device, "latency on " + device + ", by HELP");
  }
}

// Measured once for each class of cells of one function; `rep_idx` is the first cell of a class.
void add_hw_nas_bench_360(BenchmarkFiles& files, TableContent& content) {
  const std::string source = "HW-NAS-Bench-360 (github.com/roldebijvank/HW-NAS-Bench-360)";
  const CsvTable classes = files.read("hwnb360/hwnb360_accuracy.csv", source);
  check_order(classes, content);
  const CsvTable table = classes.joined(files.read("hwnb360/hwnb360_measurements.csv", source), "rep_idx");
  if (table.rows() != content.keys.size())
    throw UserError(fmt::format("'{}': cells without a measured class", table.origin()));
  for (const std::string& column : table.names()) {
    const bool energy = column.starts_with("energy_mj_");
    if (!energy && !column.starts_with("lat_ms_")) continue;
    const std::string where = column.substr(energy ? 10 : 7);  // "pi5_litert_cifar100"
    add_cost(content, table, column, (energy ? "energy_j_" : "latency_s_") + where,
             fmt::format("{} measured on device, with runtime and task {}", energy ? "energy" : "latency", where));
  }
}

}  // namespace

const std::vector<std::string>& nasbench201_cost_tables() {
  static const std::vector<std::string> kNames = {"hw_nas_bench", "help", "hw_nas_bench_360"};
  return kNames;
}

void add_nasbench201_costs(const std::string& costs, BenchmarkFiles& files, TableContent& content) {
  if (costs == "hw_nas_bench") {
    add_hw_nas_bench(files, content);
  } else if (costs == "help") {
    add_help(files, content);
  } else {
    NACRE_CHECK(costs == "hw_nas_bench_360", "a cost table of nasbench201");
    add_hw_nas_bench_360(files, content);
  }
}

}  // namespace nacre
