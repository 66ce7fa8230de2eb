#include "nacre/app/report/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "nacre/app/page/html.hpp"
#include "nacre/app/report/analysis.hpp"
#include "nacre/app/report/plot_data.hpp"
#include "report_example.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kHostile = "</script><img src=x onerror=\"alert('1')\">&amp; {{data}} \xff\xe2\x80\xae";

// The embedded data, as a browser would read it.
Json embedded_data(const std::string& page) {
  const std::string open = "<script type=\"application/json\" id=\"report-data\">";
  const size_t begin = page.find(open) + open.size();
  return Json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

std::string without_scripts_and_style(std::string page) {
  for (const char* tag : {"script", "style"}) {
    const std::string open = std::string("<") + tag, close = std::string("</") + tag + ">";
    for (size_t begin; (begin = page.find(open)) != std::string::npos;)
      page.erase(begin, page.find(close, begin) + close.size() - begin);
  }
  return page;
}

// Elements opened and closed, in order; void elements left out. Empty when they nest properly.
std::string nesting_error(const std::string& page) {
  std::vector<std::string> open;
  const std::regex tag("<(/?)([a-z0-9]+)[^>]*>");
  for (std::sregex_iterator it(page.begin(), page.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if (name == "meta" || name == "br") continue;
    if ((*it)[1].length() == 0) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

TEST(Html, EscapesWhatCouldBeMarkup) {
  EXPECT_EQ(html::escape("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(html::escape("größe µs → 日本 🦪"), "größe µs → 日本 🦪");
}

TEST(Html, ReplacesWhatIsNotText) {
  const std::string replaced = "\xEF\xBF\xBD";
  EXPECT_EQ(html::escape("a\xff"
                         "b"),
            "a" + replaced + "b");
  EXPECT_EQ(html::escape("\xc0\x80"), replaced + replaced) << "overlong";
  EXPECT_EQ(html::escape("\xed\xa0\x80"), replaced + replaced + replaced) << "surrogate";
  EXPECT_EQ(html::escape("\xf4\x90\x80\x80").substr(0, 3), replaced) << "past the last code point";
  EXPECT_EQ(html::escape("\xe6\x97"), replaced + replaced) << "cut short";
  EXPECT_EQ(html::escape("x\xE2\x80\xAEy"), "x" + replaced + "y") << "right-to-left override";
  EXPECT_EQ(html::escape(std::string_view("\0\x1b", 2)), replaced + replaced);
}

TEST(Html, LinksStayRelative) {
  EXPECT_EQ(html::relative_link("models/a b.onnx", "a"), "<a href=\"./models/a%20b.onnx\">a</a>");
  EXPECT_THAT(html::relative_link("javascript:alert(1)", "a"), HasSubstr("href=\"./javascript%3Aalert%281%29\""));
  EXPECT_THAT(html::relative_link("\"><b>", "a"), HasSubstr("href=\"./%22%3E%3Cb%3E\""));
}

TEST(Html, QuantitiesKnowTheirUnitAndTheUnknown) {
  EXPECT_THAT(html::quantity(0.00021, "latency_s", "s"), HasSubstr("value=\"0.00021\""));
  EXPECT_EQ(html::quantity(std::nullopt, "latency_s", "s"), "<span class=unknown>unknown</span>");
  EXPECT_EQ(html::quantity(std::nan(""), "latency_s", "s"), "<span class=unknown>unknown</span>");
  EXPECT_THAT(html::quantity(Metric{.value = 0.5, .unit = "s", .spread = 0.012345}, "latency_s"),
              HasSubstr("±\u00a0"
                        "12\u00a0ms"));
}

TEST(Html, ScriptJsonCannotEndItsElement) {
  const std::string text = html::script_json({{"name", kHostile}});
  EXPECT_THAT(text, Not(HasSubstr("<")));
  EXPECT_THAT(Json::parse(text).at("name").get<std::string>(), HasSubstr("</script><img"));
}

TEST(Report, IsPure) { EXPECT_EQ(render_report(example::study()), render_report(example::study())); }

TEST(Report, NestsProperly) {
  EXPECT_EQ(nesting_error(without_scripts_and_style(render_report(example::study()))), "");
  EXPECT_EQ(nesting_error(without_scripts_and_style(render_report(example::base_data()))), "");
}

TEST(Report, LoadsNothing) {
  const std::string page = render_report(example::study());
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  // The one address in the page is the name of the SVG namespace.
  std::string rest = page;
  const std::string name = "http://www.w3.org/2000/svg";
  rest.erase(rest.find(name), name.size());
  for (const char* reference : {"http:", "https:", "//www", " src=", "@import", "url(", "<link", "<iframe", "<object",
                                "fetch(", "XMLHttpRequest", "import(", "WebSocket", "sendBeacon"}) {
    EXPECT_THAT(rest, Not(HasSubstr(reference)));
  }
}

TEST(Report, AnswersFirst) {
  const ReportData data = example::study();
  const std::string page = without_scripts_and_style(render_report(data));
  const Trial& best = data.trials[static_cast<size_t>(data.front[0].trial)].trial;
  EXPECT_THAT(page, HasSubstr("The best network within the limits"));
  EXPECT_THAT(page, HasSubstr("(trial " + std::to_string(best.number) + "): accuracy " +
                              html::quantity(best.metrics.at("accuracy"), "accuracy")));
  EXPECT_THAT(page, HasSubstr("All limits are kept"));
  EXPECT_LT(page.find("The best network"), page.find("<svg"));
  EXPECT_LT(page.find("id=summary"), page.find("id=networks"));
}

TEST(Report, SaysWhichLimitIsBrokenWhenNoneIsKept) {
  ReportData data = example::study();
  data.limits_met = false;
  data.objectives.limits = {{"params", 1e9}, {"latency_s", 1e-9}};
  data.binding = "latency_s <= 1e-09: the nearest candidate has 0.0001";
  const std::string page = without_scripts_and_style(render_report(data));
  EXPECT_THAT(page, HasSubstr("No network keeps the limits."));
  EXPECT_THAT(page, HasSubstr("latency_s &lt;= 1e-09: the nearest candidate has 0.0001"));
  EXPECT_THAT(page, HasSubstr("latency_s<span class=tag>binding</span>"));
  EXPECT_THAT(page, HasSubstr("✗ broken"));
  EXPECT_THAT(page, HasSubstr("Nearest networks"));
}

TEST(Report, EveryFrontNetworkHasItsNumbersOriginsAndLayers) {
  const ReportData data = example::study();
  ASSERT_GE(data.front.size(), 3u);
  const std::string page = render_report(data);
  for (size_t i = 0; i < data.front.size(); ++i) {
    const size_t begin = page.find("<details id=network-" + std::to_string(i + 1) + " ");
    ASSERT_NE(begin, std::string::npos);
    const std::string part = page.substr(begin, page.find("</details>", begin) - begin);
    const Trial& trial = data.trials[static_cast<size_t>(data.front[i].trial)].trial;
    for (const auto& [name, metric] : trial.metrics) {
      EXPECT_THAT(part, HasSubstr(html::quantity(metric, name)));
      EXPECT_THAT(part, HasSubstr(std::string(origin_name(metric.origin))));
      EXPECT_THAT(part, HasSubstr(metric.source));
    }
    for (const CostItem& item : data.front[i].cost.items) EXPECT_THAT(part, HasSubstr(item.scope));
    EXPECT_THAT(part, HasSubstr("test split, 30 epochs, 3 seeds"));
    EXPECT_THAT(part, HasSubstr(trial.candidate.made_by));
  }
}

TEST(Report, TheTableOfTheFrontKeepsToWhatIsCompared) {
  ReportData data = example::study();
  for (ReportNetwork& network : data.front) {
    for (const char* name : {"accuracy", "exported_loss", "test_top5_accuracy", "train_images_per_s"})
      network.final_metrics[name] = example::metric(0.5, "", Origin::trained, "example");
  }
  const auto header = [&] {
    const std::string page = render_report(data);
    const size_t begin = page.find("<caption>Networks of the front");
    return page.substr(begin, page.find("</thead>", begin) - begin);
  };
  EXPECT_THAT(header(), HasSubstr("test_accuracy<span class=sub>exported model</span>"));
  EXPECT_THAT(header(), HasSubstr("accuracy</abbr><span class=sub>exported model</span>"));
  for (const char* name : {"exported_loss", "test_top5_accuracy", "train_images_per_s"})
    EXPECT_THAT(header(), Not(HasSubstr(name))) << "stands with each network";
  for (ReportNetwork& network : data.front) {
    network.final_curve.clear();
    network.model_file.clear();
  }
  EXPECT_THAT(header(), Not(HasSubstr("accuracy</abbr><span class=sub>"))) << "the search's value again";
  EXPECT_THAT(header(), Not(HasSubstr("model</th>"))) << "none was exported";
}

TEST(Report, UnknownIsSaidNotZero) {
  ReportData data = example::study();
  data.front[0].cost.items[0].metrics["latency_s"].value.reset();
  data.front[0].cost.not_covered = {"my.domain::Op"};
  data.trials[static_cast<size_t>(data.front[0].trial)].trial.metrics["latency_s"].value.reset();
  const std::string page = render_report(data);
  EXPECT_THAT(page, HasSubstr("latency_s <span class=unknown>unknown</span>"));
  EXPECT_THAT(page, HasSubstr("sums are lower bounds: my.domain::Op"));
}

TEST(Report, EscapesEveryText) {
  ReportData data = example::study(20);
  for (std::string* text : {&data.study, &data.made_at, &data.task, &data.space, &data.target, &data.strategy,
                            &data.binding, &data.stop_reason}) {
    *text = kHostile;
  }
  data.configuration = {{kHostile, kHostile}};
  data.machine = {{kHostile, kHostile}};
  data.strategy_statistics = {{kHostile, kHostile}};
  data.metrics[0].description = kHostile;
  for (ReportTrial& row : data.trials) {
    row.text = row.trial.reason = row.trial.candidate.made_by = kHostile;
    row.trial.metrics[kHostile] = {1.0, kHostile, Origin::measured, kHostile, 1, 0.5};
    if (!row.trial.curve.empty()) row.trial.curve[0].metrics[kHostile].value = 1;
  }
  for (ReportNetwork& network : data.front) {
    network.model_file = kHostile;
    network.facts = {{kHostile, kHostile}};
    network.final_metrics[kHostile] = {1.0, kHostile, Origin::trained, kHostile, 1, {}};
    network.cost.not_covered = {kHostile};
    network.cost.items[0].name = network.cost.items[0].scope = network.cost.items[0].op = kHostile;
  }
  for (const bool met : {true, false}) {
    data.limits_met = met;
    const std::string page = render_report(data);
    EXPECT_THAT(page, Not(HasSubstr("<img")));
    EXPECT_THAT(page, Not(HasSubstr("\xff")));
    EXPECT_THAT(page, Not(HasSubstr("\xe2\x80\xae"))) << "reordering character";
    EXPECT_EQ(nesting_error(without_scripts_and_style(page)), "");
    EXPECT_THAT(embedded_data(page).at("points").dump(), HasSubstr("<img"));  // escaped there, text again when parsed
  }
}

TEST(Report, EveryPlotHasATableAndALabel) {
  const std::string page = render_report(example::study());
  EXPECT_THAT(page, HasSubstr("Networks of the front, best first"));
  EXPECT_THAT(page, HasSubstr("This search and random search at equal cost"));
  EXPECT_THAT(page, HasSubstr("End of training of the front networks"));
  const std::regex plot("<div class=plot id=[a-z-]+ role=group aria-label=\"[^\"]+\">");
  EXPECT_EQ(std::distance(std::sregex_iterator(page.begin(), page.end(), plot), std::sregex_iterator()), 2);
}

TEST(Report, EmptyStudyIsSaid) {
  const std::string page = render_report(example::base_data());
  EXPECT_THAT(page, HasSubstr("No trial was made yet."));
  EXPECT_THAT(page, Not(HasSubstr("id=networks")));
  EXPECT_THAT(page, Not(HasSubstr("href=\"#networks\"")));
}

TEST(Report, SaysWhatRandomSearchItIsComparedWith) {
  ReportData data = example::study();
  EXPECT_THAT(render_report(data),
              HasSubstr("drawn uniformly at random and evaluated in the same way, beside this search"));
  data.random.clear();
  EXPECT_THAT(render_report(data), HasSubstr("With search.random_baseline: true"));
}

TEST(Report, ShowsTheFrontOfAStudyThatWasStopped) {
  ReportData data = example::study();
  for (ReportNetwork& network : data.front) {
    network.model_file.clear();
    network.final_metrics.clear();
    network.final_curve.clear();
  }
  const std::string page = render_report(data);
  EXPECT_THAT(page, HasSubstr("Networks of the front, best first"));
  EXPECT_THAT(page, HasSubstr("not trained in full and not exported"));
  EXPECT_EQ(nesting_error(without_scripts_and_style(page)), "");
}

TEST(Report, NetworksAreDrawnFromEmbeddedLayers) {
  const ReportData data = example::study();
  const Json drawings = embedded_data(render_report(data)).at("drawings");
  for (const ReportTrial& row : data.trials) {
    const std::string number = std::to_string(row.trial.number);
    ASSERT_EQ(drawings.contains(number), !row.drawing.empty());
    if (!row.drawing.empty()) {
      EXPECT_EQ(drawings[number].at("layers").size(), row.drawing.layers.size());
    }
  }
  const Json& one = drawings.at("0");
  EXPECT_EQ(one.at("from").at("4"), Json({0, 3})) << "a bow over the block";
  EXPECT_FALSE(one.at("from").contains("1")) << "read from the layer before";
}

TEST(Report, TrialsCarryWhatFiltersAskFor) {
  ReportData data = example::study();
  const std::string page = render_report(data);
  EXPECT_THAT(page, HasSubstr("<tr data-status=infeasible data-beyond=\"params"));
  EXPECT_THAT(page, HasSubstr("<tr data-status=failed data-beyond=\""));
  const Json embedded = embedded_data(page);
  ASSERT_EQ(embedded.at("limits").size(), 2u);
  EXPECT_EQ(embedded.at("limits")[1].at("text"), "latency_s ≤ 200 µs");
  for (const Json& point : embedded.at("points")) EXPECT_EQ(point.at("beyond") == "", point.at("feasible"));
}

TEST(Report, DuplicatesAndWhatTheySaved) {
  const ReportData data = example::study();
  const std::string page = render_report(data);
  EXPECT_THAT(page, HasSubstr("2 candidates were the same network as an earlier one"));
  const double saved = data.trials[33].trial.time_s + data.trials[52].trial.time_s;
  EXPECT_THAT(page, HasSubstr(html::quantity(saved, "time_s", "s") + " of evaluation avoided"));
  EXPECT_THAT(page, HasSubstr("repeats_avoided"));
}

TEST(Report, StaysSmallForALargeStudy) {
  const std::string page = render_report(example::study(20000));
  EXPECT_LT(page.size(), 6u << 20);
  const Json data = embedded_data(page);
  EXPECT_LE(data.at("points").size(), 3100u);
  EXPECT_THAT(data.at("notes").at("points").get<std::string>(), HasSubstr("One in 7 trials is drawn"));
  EXPECT_THAT(page, HasSubstr("The last 1000 of 20000 trials."));
}

// --- analysis -----------------------------------------------------------------------------------------------------

TEST(ReportAnalysis, CountsOnlyWhatWasPaidFor) {
  const ReportData data = example::study();
  const TrialCounts counts = count_trials(data);
  EXPECT_EQ(counts.asked, 96);
  EXPECT_EQ(counts.cached, 2);
  EXPECT_EQ(counts.failed, 1);
  EXPECT_EQ(counts.evaluated + counts.cached + counts.infeasible, 96) << "turned away by its costs is not evaluated";
  const auto progress = progress_of(data.trials, data.objectives);
  EXPECT_EQ(progress.back().evaluations, counts.evaluated);
  EXPECT_NEAR(progress.back().cost_s, counts.evaluation_s, 1e-9);
}

TEST(ReportAnalysis, BestSoFarIsMonotoneAndWithinTheLimits) {
  const ReportData data = example::study();
  const auto progress = progress_of(data.trials, data.objectives);
  std::optional<double> best;
  for (const ProgressPoint& point : progress) {
    if (point.value) best = std::max(best.value_or(0), *point.value);
    EXPECT_EQ(point.best, best);
    EXPECT_EQ(best_after_evaluations(progress, point.evaluations), best);
    EXPECT_EQ(best_after_cost(progress, point.cost_s), best);
  }
  EXPECT_EQ(best, metric_value(data.trials[static_cast<size_t>(data.front[0].trial)].trial.metrics, "accuracy"));
  EXPECT_FALSE(best_after_cost(progress, 0));
}

TEST(ReportAnalysis, RandomComparisonIsTheExactExpectation) {
  const ReportData data = example::study();
  const std::vector<RandomResult> draws = random_results(data.random, data.objectives);
  ASSERT_FALSE(draws.empty());
  double sum = 0;
  int64_t usable = 0;
  for (const RandomResult& draw : draws) {
    if (!draw.value) continue;
    sum += *draw.value;
    ++usable;
  }
  const Json curve = plot_data(data).at("random").at("curve");
  ASSERT_EQ(curve.size(), draws.size());
  EXPECT_NEAR(curve[0][2].get<double>(), sum / static_cast<double>(usable), 1e-12) << "one draw finds the mean";
  double best = 0;
  for (const RandomResult& draw : draws) best = std::max(best, draw.value.value_or(0));
  EXPECT_NEAR(curve.back()[2].get<double>(), best, 1e-12) << "all of them find the best of all";
}

TEST(ReportAnalysis, FrontsAreComparedInOneBox) {
  ReportData data = example::study();
  const FrontComparison fronts(data);
  ASSERT_TRUE(fronts.possible());
  const auto draws = static_cast<int64_t>(random_results(data.random, data.objectives).size());
  double before = 0;
  for (int64_t k = 1; k <= draws; ++k) {
    const std::optional<double> share = fronts.of_random_search(k);
    ASSERT_TRUE(share);
    EXPECT_GE(*share, before) << "more draws never cover less";
    before = *share;
  }
  EXPECT_LE(before, 1);
  EXPECT_FALSE(fronts.of_random_search(draws + 1)) << "never more than was drawn";
  EXPECT_GE(fronts.of_search(1000), fronts.of_search(5));
  EXPECT_EQ(fronts.of_search(0), 0);
  EXPECT_THAT(render_report(data), HasSubstr("Hypervolume of a front"));

  // The same networks on both sides cover the same.
  data.random.clear();
  for (const ReportTrial& row : data.trials) data.random.push_back(row);
  const FrontComparison equal(data);
  const auto all = static_cast<int64_t>(random_results(data.random, data.objectives).size());
  EXPECT_NEAR(*equal.of_random_search(all), equal.of_search(all), 1e-12);

  data.objectives.objectives.resize(1);
  EXPECT_FALSE(FrontComparison(data).possible());
  EXPECT_THAT(render_report(data), Not(HasSubstr("Hypervolume of a front")));
}

TEST(ReportAnalysis, TheCurveOfTheSearchIsNoFinalTraining) {
  ReportData data = example::study();
  EXPECT_TRUE(was_trained_anew(data, data.front[0]));
  data.front[0].final_curve = data.trials[static_cast<size_t>(data.front[0].trial)].trial.curve;
  EXPECT_FALSE(was_trained_anew(data, data.front[0]));
  EXPECT_THAT(plot_data(data).at("curves").dump(), Not(HasSubstr("network 1, final training")));
}

TEST(ReportAnalysis, StaircaseHoldsTheUnbeaten) {
  const ReportData data = example::study();
  const Json costs = plot_data(data).at("costs");
  ASSERT_EQ(costs.size(), 4u);
  for (const Json& cost : costs) {
    double last_cost = -1, last_quality = -1;
    for (const Json& step : cost.at("staircase")) {
      EXPECT_GT(step[0].get<double>(), last_cost);
      EXPECT_GT(step[1].get<double>(), last_quality);
      last_cost = step[0];
      last_quality = step[1];
    }
  }
  EXPECT_EQ(costs[0].at("limit"), 2e-4);
  EXPECT_FALSE(costs[1].contains("limit"));
}

}  // namespace
}  // namespace nacre
