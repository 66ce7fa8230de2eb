// The supernet of a search with shared weights: its course, what the decisions came to, how far its weights can be trusted.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nacre/app/page/html.hpp"
#include "nacre/app/report/sections.hpp"
#include "nacre/base/count.hpp"

namespace nacre {
namespace {

using html::element;
using html::escape;

constexpr size_t kEpochRows = 20;
constexpr size_t kDecisionRows = 200;
constexpr size_t kShownAlternatives = 3;

std::string number_cell(const Json& json, const char* format) {
  if (!json.is_number()) return element("span", "class=unknown", "-");
  const double value = json.get<double>();
  return element("data", fmt::format("value=\"{}\"", value), fmt::format(fmt::runtime(format), value));
}

std::string facts(const Json& supernet) {
  std::string text =
      fmt::format("{} parameters are shared", count_text(Count(supernet.value("parameters", int64_t{0}))));
  if (const auto memory = supernet.find("memory"); memory != supernet.end()) {
    text += fmt::format(
        "; counted memory: {:.1f} MB of weights, {:.1f} MB of the optimizer, {:.1f} MB of results in the largest step",
        memory->value("weights_bytes", 0.0) / 1e6, memory->value("optimizer_bytes", 0.0) / 1e6,
        memory->value("activation_bytes", 0.0) / 1e6);
  }
  text += ". ";
  if (const auto ranking = supernet.find("ranking"); ranking != supernet.end()) {
    text += fmt::format(
        "Shared weights rank {} networks as their own training does with Kendall {:.2f} and Spearman {:.2f}: that "
        "is how far they can be trusted.",
        ranking->value("networks", int64_t{0}), ranking->value("kendall", 0.0), ranking->value("spearman", 0.0));
  } else {
    text += "How well shared weights rank networks was not measured.";
  }
  return html::paragraph(text);
}

std::string epochs_table(const Json& epochs) {
  html::Table table("Course of the supernet", {{.header = "epoch", .number = true},
                                               {.header = "loss", .number = true},
                                               {.header = "loss of the architecture", .number = true, .minor = true},
                                               {.header = "expected cost", .number = true},
                                               {.header = "entropy of decisions", .number = true},
                                               {.header = "time", .number = true, .minor = true}});
  const size_t step = std::max<size_t>(1, (epochs.size() + kEpochRows - 1) / kEpochRows);
  for (size_t i = 0; i < epochs.size(); ++i) {
    if (i % step != 0 && i + 1 != epochs.size()) continue;
    const Json& epoch = epochs[i];
    table.add({number_cell(epoch.at("epoch"), "{:.0f}"), number_cell(epoch.at("weight_loss"), "{:.4f}"),
               number_cell(epoch.at("architecture_loss"), "{:.4f}"), number_cell(epoch.at("expected_cost"), "{:.4g}"),
               number_cell(epoch.at("entropy"), "{:.3f}"), number_cell(epoch.at("time_s"), "{:.1f} s")});
  }
  return table.text("class=compact");
}

// The weight of each alternative over the epochs, as small lines; the numbers of the end stand beside them.
std::string course_lines(const Json& epochs, size_t decision, size_t alternatives) {
  constexpr double kWidth = 120, kHeight = 28;
  double top = 1;
  for (const Json& epoch : epochs)
    for (const Json& p : epoch.at("probabilities").at(decision)) top = std::max(top, p.get<double>());
  std::string lines;
  for (size_t k = 0; k < std::min<size_t>(alternatives, 16); ++k) {
    std::string points;
    for (size_t i = 0; i < epochs.size(); ++i) {
      const double p = epochs[i].at("probabilities").at(decision).at(k).get<double>();
      const double x = epochs.size() < 2 ? 0 : kWidth * static_cast<double>(i) / static_cast<double>(epochs.size() - 1);
      points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", x, kHeight - 2 - (kHeight - 4) * p / top);
    }
    lines += element("polyline",
                     fmt::format("points=\"{}\" fill=none stroke=currentColor stroke-opacity={:.2f}", points,
                                 std::max(0.25, 1 - 0.25 * static_cast<double>(k))),
                     "");
  }
  return element(
      "svg", fmt::format("viewBox=\"0 0 {} {}\" width={} height={} aria-hidden=true", kWidth, kHeight, kWidth, kHeight),
      lines);
}

std::string decisions_table(const Json& supernet) {
  const Json& epochs = supernet.at("epochs");
  const Json& decisions = supernet.at("decisions");
  html::Table table("Decisions in the end", {{.header = "decision"},
                                             {.header = "weights in the end", .text = true},
                                             {.header = "over the epochs", .minor = true}});
  for (size_t i = 0; i < std::min(decisions.size(), kDecisionRows); ++i) {
    const auto labels = decisions[i].at("alternatives").get<std::vector<std::string>>();
    const auto last = epochs.back().at("probabilities").at(i).get<std::vector<double>>();
    if (labels.size() != last.size() || labels.empty()) continue;
    std::vector<size_t> order(labels.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, std::greater<>(), [&](size_t k) { return last[k]; });
    std::string text;
    for (size_t k = 0; k < std::min(order.size(), kShownAlternatives); ++k)
      text += fmt::format("{}{}\u00a0{:.3f}", k == 0 ? "" : ", ", labels[order[k]], last[order[k]]);
    if (order.size() > kShownAlternatives) text += fmt::format(", {} more", order.size() - kShownAlternatives);
    table.add(
        {escape(decisions[i].at("key").get<std::string>()), escape(text), course_lines(epochs, i, labels.size())});
  }
  return table.empty() ? "" : table.text("class=compact");
}

}  // namespace

std::string shared_weights_section(const ReportData& data) {
  const Json& supernet = data.supernet;
  if (!supernet.is_object() || !supernet.contains("epochs") || supernet["epochs"].empty()) return "";
  std::string text = element("h2", "Shared weights") + "\n" + facts(supernet) + epochs_table(supernet["epochs"]);
  if (!supernet.value("decisions", Json::array()).empty())
    text += element("details", element("summary", "What each decision came to") + decisions_table(supernet));
  return element("section", "id=shared-weights", text);
}

}  // namespace nacre
