// Target `host_table`: costs looked up in a table that was measured before (cost_table.hpp; nacre measure --build-table).
// Nothing runs during a search; the front is measured again at the end on the target that filled the table.
#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/hash.hpp"
#include "nacre/base/log.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/hw/cost_table.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/hw/target_registry.hpp"

namespace nacre {
namespace {

class TableTarget final : public Target {
 public:
  TableTarget(const Options& options, const TargetContext& context)
      : path_(context.base_folder / options.text("table")),
        position_(options.position("table")),
        accepts_stale_(options.text("stale") == "accept"),
        table_(read_cost_table(path_)),
        hash_(hash_text(read_file(path_)).hex()) {
    if (!table_.complete) {
      throw UserError(position_,
                      fmt::format("the table '{}' was not finished; the command that builds it goes on where it "
                                  "stopped",
                                  path_.string()));
    }
    for (const std::string& metric : table_.metrics) {
      MetricSpec spec = metric_spec_of_name(metric);
      spec.description = "by the table of " + table_.target.value("kind", "?");
      metrics_.push_back(std::move(spec));
    }
    for (MetricSpec& spec : counted_metric_specs()) metrics_.push_back(std::move(spec));
  }

  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return "host_table/1/" + hash_; }
  bool measures() const override { return false; }

  std::shared_ptr<Target> measured() override {
    if (!measured_) measured_ = make_target(table_.target, table_.base_folder);
    return measured_;
  }

  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile&) override {
    check_fresh();
    check_deployment(deployment);
    Cost cost = counted_cost(design, deployment);
    cost.items.clear();  // of the trained form; below come those of the deployed one
    for (const std::string& metric : table_.metrics) cost.totals[metric] = {.value = 0, .unit = unit_of(metric)};
    for (const auto& [graph_name, graph] : design.graphs) {
      const Graph deployed = graph_to_measure(graph, deployment);
      const TableAnswer answer = look_up(table_, deployed);
      cost.not_covered.insert(cost.not_covered.end(), answer.not_covered.begin(), answer.not_covered.end());
      Design form;
      form.graphs.emplace(graph_name, deployed);
      std::vector<CostItem> items = counted_cost(form, {}).items;
      for (const std::string& metric : table_.metrics) add(cost, items, answer, metric);
      std::ranges::move(items, std::back_inserter(cost.items));
    }
    return cost;
  }

 private:
  static std::string unit_of(const std::string& metric) { return metric_spec_of_name(metric).unit; }

  // The total, and to each group its share of it.
  void add(Cost& cost, std::vector<CostItem>& items, const TableAnswer& answer, const std::string& metric) {
    const double total = predicted(table_, answer, metric).value();
    Metric& sum = cost.totals[metric];
    sum.value = *sum.value + total;
    sum.origin = Origin::table;
    sum.source = source(answer, metric);
    const auto error = table_.errors.find(metric);
    if (error != table_.errors.end()) sum.spread = *sum.value * error->second.mean_relative;
    double alone = 0;
    for (const TableAnswer::Group& group : answer.groups) alone += value_of(group, metric);
    for (const TableAnswer::Group& group : answer.groups) {
      for (const NodeId id : group.nodes) {
        const auto item = std::ranges::find(items, id, &CostItem::node);
        if (item == items.end()) continue;
        Metric share{
            .value = 0, .unit = unit_of(metric), .origin = Origin::table, .source = "part of " + group.probe.text};
        if (id == group.nodes.front()) {
          share.value = alone > 0 ? value_of(group, metric) * total / alone : 0;
          share.source = (group.known ? "" : "estimated: ") + group.probe.text;
        }
        item->metrics[metric] = share;
      }
    }
  }

  static double value_of(const TableAnswer::Group& group, const std::string& metric) {
    const auto found = group.values.find(metric);
    return found == group.values.end() ? 0 : found->second;
  }

  std::string source(const TableAnswer& answer, const std::string& metric) const {
    std::string text = fmt::format("table {}, {} groups", path_.filename().string(), answer.groups.size());
    if (answer.estimated > 0) text += fmt::format(", {} of them estimated", answer.estimated);
    if (!answer.not_covered.empty())
      text += fmt::format("; a lower bound, without {}", fmt::join(answer.not_covered, " "));
    const auto error = table_.errors.find(metric);
    if (error != table_.errors.end()) {
      text += fmt::format("; off by {:.1f} % on {} networks kept aside", 100 * error->second.mean_relative,
                          error->second.networks);
    }
    return text;
  }

  // Once, before the first answer: device and versions must be those that filled the table.
  void check_fresh() {
    if (checked_ || accepts_stale_) return;
    std::string now;
    try {
      now = measured()->identity();
    } catch (const UserError& error) {
      throw DeviceError(
          fmt::format("the table '{}' cannot be compared with its device: {}; target.stale: accept uses it "
                      "unseen",
                      path_.string(), error.what()));
    }
    if (now != table_.identity) {
      throw DeviceError(
          fmt::format("the table '{}' is stale: it was measured on '{}', the device is now '{}'; build it anew "
                      "with nacre measure --build-table (target.stale: accept uses it all the same)",
                      path_.string(), table_.identity, now));
    }
    checked_ = true;
  }

  void check_deployment(const Deployment& deployment) const {
    const Deployment& own = table_.deployment;
    if (deployment.batch == own.batch && deployment.threads == own.threads && deployment.symbols == own.symbols) return;
    throw DeviceError(
        fmt::format("the table '{}' was measured with batch {} and {} threads, target asks for batch {} and {} "
                    "threads (or other symbols)",
                    path_.string(), own.batch, own.threads, deployment.batch, deployment.threads));
  }

  std::string name_ = "host_table";
  std::filesystem::path path_;
  SourcePosition position_;
  bool accepts_stale_;
  CostTable table_;
  std::string hash_;
  std::vector<MetricSpec> metrics_;
  std::shared_ptr<Target> measured_;
  bool checked_ = false;
};

}  // namespace

void register_host_table(TargetRegistry& registry) {
  registry.add(
      {.name = "host_table",
       .summary = "a table of operators measured before on any measured target (nacre measure --build-table)",
       .source = "nn-Meter, Zhang et al., MobiSys 2021; look-up tables as in FBNet, arXiv 1812.03443, section 3.3",
       .parameters = {{.name = "table", .description = "file that nacre measure --build-table wrote", .required = true},
                      {.name = "stale",
                       .description = "refuse: device and versions must be those that filled the table; accept: "
                                      "they are not looked at",
                       .default_value = "refuse",
                       .choices = {"refuse", "accept"}}},
       .example = "kind: host_table\ntable: mbconv.table.json\n"},
      [](const Options& options, const TargetContext& context) -> std::unique_ptr<Target> {
        return std::make_unique<TableTarget>(options, context);
      });
}

}  // namespace nacre
