#include "nacre/app/report/report.hpp"

#include <fmt/format.h>

#include "nacre/app/page/html.hpp"
#include "nacre/app/page/page.hpp"
#include "nacre/app/report/assets.hpp"
#include "nacre/app/report/plot_data.hpp"
#include "nacre/app/report/sections.hpp"
#include "nacre/base/config.hpp"
#include "nacre/base/error.hpp"

namespace nacre {
namespace {

using html::element;
using html::escape;

std::string facts_table(const char* caption, const std::vector<ReportFact>& facts) {
  html::Table table(caption, {{"what"}, {.header = "value", .text = true}});
  for (const ReportFact& fact : facts) table.add({escape(fact.name), escape(fact.value)});
  return table.empty() ? "" : table.text("class=compact");
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
  for (const auto section :
       {summary_section, front_plots_section, networks_section, progress_section, curves_section,
        shared_weights_section, origins_section, duplicates_section, trials_section, configuration_section}) {
    const std::string text = section(data);
    if (!text.empty()) sections += text + "\n";
  }
  Page page;
  page.title = data.study.empty() ? "nacre" : data.study;
  page.brand = "nacre search report";
  page.made_at = data.made_at;
  page.links = {{"summary", "Summary"},   {"front", "Front"},
                {"networks", "Networks"}, {"progress", "Progress"},
                {"curves", "Curves"},     {"shared-weights", "Shared weights"},
                {"origins", "Origins"},   {"duplicates", "Duplicates"},
                {"trials", "Trials"},     {"configuration", "Configuration"}};
  page.sections = std::move(sections);
  page.script = report_assets::js;
  page.data = plot_data(data);
  return render_page(page);
}

}  // namespace nacre
