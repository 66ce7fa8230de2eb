#include "nacre/app/report/report.hpp"

#include <fmt/format.h>

#include "nacre/app/report/assets.hpp"
#include "nacre/app/report/html.hpp"
#include "nacre/app/report/plot_data.hpp"
#include "nacre/app/report/sections.hpp"
#include "nacre/base/config.hpp"
#include "nacre/base/error.hpp"

namespace nacre {
namespace {

using html::element;
using html::escape;

// Replaces each {{name}} of the frame once; what is inserted is not searched again.
std::string fill(std::string_view frame, const std::vector<std::pair<std::string, std::string>>& values) {
  std::string page;
  for (;;) {
    const size_t open = frame.find("{{");
    page += frame.substr(0, open);
    if (open == std::string_view::npos) return page;
    const size_t close = frame.find("}}", open);
    NACRE_CHECK(close != std::string_view::npos, "report.html: {{ without }}");
    const std::string_view name = frame.substr(open + 2, close - open - 2);
    bool found = false;
    for (const auto& [key, value] : values) {
      if (key != name) continue;
      page += value;
      found = true;
    }
    NACRE_CHECK(found, "report.html: unknown placeholder " + std::string(name));
    frame.remove_prefix(close + 2);
  }
}

std::string facts_table(const char* caption, const std::vector<ReportFact>& facts) {
  html::Table table(caption, {{"what"}, {.header = "value", .text = true}});
  for (const ReportFact& fact : facts) table.add({escape(fact.name), escape(fact.value)});
  return table.empty() ? "" : table.text("class=compact");
}

// Links to the sections that are there.
std::string navigation(const std::string& sections) {
  constexpr std::pair<const char*, const char*> kLinks[] = {
      {"summary", "Summary"},       {"front", "Front"},   {"networks", "Networks"},
      {"progress", "Progress"},     {"curves", "Curves"}, {"origins", "Origins"},
      {"duplicates", "Duplicates"}, {"trials", "Trials"}, {"configuration", "Configuration"}};
  std::string links;
  for (const auto& [id, label] : kLinks) {
    if (sections.find(fmt::format("<section id={}>", id)) != std::string::npos)
      links += element("a", fmt::format("href=\"#{}\"", id), label);
  }
  return links;
}

}  // namespace

std::string configuration_section(const ReportData& data) {
  std::string text;
  if (!data.configuration.is_null() && !data.configuration.empty()) {
    text += element("details", element("summary", "Resolved configuration, every key") +
                                   element("pre", "tabindex=0", escape(yaml_text(data.configuration))));
  }
  text += facts_table("Machine", data.machine) + facts_table("Versions", data.versions);
  if (text.empty()) return "";
  return element("section", "id=configuration", element("h2", "Configuration, machine and versions") + "\n" + text);
}

std::string render_report(const ReportData& data) {
  NACRE_CHECK(!data.objectives.objectives.empty(), "a report needs an objective");
  std::string sections;
  for (const auto section : {summary_section, front_plots_section, networks_section, progress_section, curves_section,
                             origins_section, duplicates_section, trials_section, configuration_section}) {
    const std::string text = section(data);
    if (!text.empty()) sections += text + "\n";
  }
  return fill(report_assets::html, {{"title", escape(data.study.empty() ? "nacre" : data.study)},
                                    {"made_at", escape(data.made_at)},
                                    {"navigation", navigation(sections)},
                                    {"sections", sections},
                                    {"style", std::string(report_assets::css)},
                                    {"script", std::string(report_assets::js)},
                                    {"data", html::script_json(plot_data(data))}});
}

}  // namespace nacre
