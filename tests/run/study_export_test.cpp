// A study for other programs: tables, Optuna's storage, TensorBoard's event files.
#include "nacre/run/study_export.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "nacre/base/file.hpp"
#include "nacre/data/csv_scanner.hpp"
#include "nacre/ir/protobuf_wire.hpp"
#include "nacre/run/event_file.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/study/sqlite_database.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Metric metric(double value) { return {.value = value, .unit = "", .origin = Origin::trained, .source = "test"}; }

StudyExport example() {
  StudyExport study;
  study.name = "digits";
  SpaceContext context;
  context.signature.inputs = {{"x", ElementType::float32, {1, 8, 8}}};
  context.signature.outputs = {{"logits", ElementType::float32, {10}}};
  const auto& entry = space_registry().get("mbconv");
  study.space =
      entry.make(resolve_options(parse_config("width: [0.5, 1.0]", "test"), entry.parameters, "space"), context);
  study.objectives = {{{"accuracy", Direction::maximize}, {"macs", Direction::minimize}}, {{"params", 100}}};
  study.configuration = {{"search", {{"strategy", "random"}}}};
  study.version = "0.1.0";
  Random random(1);
  const TrialStatus statuses[] = {TrialStatus::ok, TrialStatus::infeasible, TrialStatus::failed, TrialStatus::ok,
                                  TrialStatus::pending};
  for (int64_t i = 0; i < 5; ++i) {
    TrialRow row;
    row.trial.number = i;
    row.trial.status = statuses[i];
    row.trial.candidate.decisions = study.space->trace().sample(random);
    row.trial.candidate.made_by = "random, \"quoted\"";
    row.trial.metrics["macs"] = metric(1000.0 * static_cast<double>(i + 1));
    row.trial.metrics["params"] = metric(i == 1 ? 150 : 50);
    if (row.trial.status == TrialStatus::ok) {
      row.trial.metrics["accuracy"] = metric(0.5 + 0.1 * static_cast<double>(i));
      row.trial.curve = {{1, {{"accuracy", metric(0.25)}}}, {2, {{"accuracy", metric(0.5)}}}};
    }
    if (row.trial.status == TrialStatus::failed) row.trial.reason = "loss is not finite";
    row.trial.time_s = 2;
    row.asked_s = 1700000000 + 10 * static_cast<double>(i);
    if (row.trial.is_complete()) row.completed_s = row.asked_s + 5;
    study.rows.push_back(std::move(row));
  }
  study.front = {0, 3};
  return study;
}

class StudyExportTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "nacre-export-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(StudyExportTest, CsvHasARowATrialAndReadsBack) {
  const StudyExport study = example();
  write_trials_csv(study, folder_ / "trials.csv");
  const std::string text = read_file(folder_ / "trials.csv");
  std::vector<std::string> header;
  std::vector<std::map<std::string, std::string>> rows;
  scan_csv(text, ',', "trials.csv", [&](const CsvRow& row) {
    if (header.empty()) {
      header.assign(row.fields.begin(), row.fields.end());
      return true;
    }
    EXPECT_EQ(row.fields.size(), header.size());
    rows.emplace_back();
    for (size_t i = 0; i < header.size(); ++i) rows.back()[header[i]] = row.fields[i];
    return true;
  });
  ASSERT_EQ(rows.size(), study.rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const Trial& trial = study.rows[i].trial;
    EXPECT_EQ(rows[i].at("status"), trial_status_name(trial.status));
    EXPECT_EQ(rows[i].at("made_by"), "random, \"quoted\"");
    const auto accuracy = metric_value(trial.metrics, "accuracy");
    EXPECT_EQ(rows[i].at("accuracy").empty(), !accuracy.has_value());
    if (accuracy) {
      EXPECT_EQ(std::stod(rows[i].at("accuracy")), *accuracy);
    }
    for (const auto& [key, label] : study.decisions(trial)) EXPECT_EQ(rows[i].at(key), label);
  }
  EXPECT_EQ(rows[3].at("on_front"), "1");
}

TEST_F(StudyExportTest, JsonHoldsTheWholeTrial) {
  const StudyExport study = example();
  write_trials_json(study, folder_ / "trials.json");
  const Json json = parse_json(read_file(folder_ / "trials.json"), "trials.json");
  for (size_t i = 0; i < study.rows.size(); ++i)
    EXPECT_EQ(to_json(trial_from_json(json["trials"][i])), to_json(study.rows[i].trial));
  EXPECT_TRUE(json["trials"][4]["completed_s"].is_null());
}

TEST_F(StudyExportTest, OptunaStorageHoldsStatesValuesParametersAndConstraints) {
  const StudyExport study = example();
  const fs::path path = folder_ / "optuna.sqlite";
  write_optuna_storage(study, path);
  write_optuna_storage(study, path);  // again: replaces it
  SqliteDatabase database(path, SqliteDatabase::Mode::read_only, "Optuna storage");
  std::vector<std::string> states;
  for (auto s = database.prepare("SELECT state FROM trials ORDER BY number"); s.step();) states.push_back(s.text(0));
  EXPECT_THAT(states, testing::ElementsAre("COMPLETE", "PRUNED", "FAIL", "COMPLETE", "WAITING"));
  EXPECT_EQ(database.integer("SELECT count(*) FROM trial_values"), 4);
  EXPECT_EQ(database.text("SELECT group_concat(direction) FROM study_directions"), "MAXIMIZE,MINIMIZE");
  size_t decisions = 0;
  for (const TrialRow& row : study.rows) decisions += study.decisions(row.trial).size();
  EXPECT_EQ(database.integer("SELECT count(*) FROM trial_params"), static_cast<int64_t>(decisions));
  EXPECT_EQ(
      database.text("SELECT value_json FROM trial_system_attributes WHERE \"key\" = 'constraints' AND trial_id = 2"),
      "[0.5]");
  EXPECT_EQ(database.text("SELECT value_json FROM study_system_attributes"), "[\"accuracy\",\"macs\"]");
  EXPECT_EQ(database.integer("SELECT count(*) FROM trials WHERE datetime_complete IS NULL"), 1);
  EXPECT_EQ(database.text("SELECT version_num FROM alembic_version"), "v3.2.0.a");
}

// Optuna itself, where Debian's package is installed (an older schema check is left out: the tables are the same).
TEST_F(StudyExportTest, OptunaReadsItsStorage) {
  if (std::system("/usr/bin/python3 -c 'import optuna' >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "python3-optuna is not installed";
  write_optuna_storage(example(), folder_ / "optuna.sqlite");
  std::ofstream(folder_ / "check.py") << R"(
import sys, optuna
storage = optuna.storages.RDBStorage("sqlite:///" + sys.argv[1], skip_compatibility_check=True)
study = optuna.load_study(study_name="digits", storage=storage)
assert [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"], study.directions
assert [t.state.name for t in study.trials] == ["COMPLETE", "PRUNED", "FAIL", "COMPLETE", "WAITING"]
assert study.trials[3].values == [0.8, 4000.0], study.trials[3].values
assert study.trials[3].intermediate_values == {1: 0.25, 2: 0.5}
assert study.trials[0].params["width_percent"] in (50, 100), study.trials[0].params
assert sorted(t.number for t in study.best_trials) == [0, 3]
assert study.trials[2].user_attrs["nacre: reason"] == "loss is not finite"
)";
  const std::string command = "/usr/bin/python3 '" + (folder_ / "check.py").string() + "' '" +
                              (folder_ / "optuna.sqlite").string() + "' 2>'" + (folder_ / "err").string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << read_file(folder_ / "err");
}

// --- event files

TEST(EventFileTest, Crc32cIsTheStandards) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);            // the check value of CRC-32C
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
}

struct Scalar {
  std::string tag;
  int64_t step = 0;
  float value = 0;
  bool operator==(const Scalar&) const = default;
};

uint64_t word(std::string_view bytes) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

// Reads a TFRecord file back; checks all sums.
std::vector<std::string> records(std::string_view file) {
  std::vector<std::string> result;
  while (!file.empty()) {
    const std::string_view head = file.substr(0, 8);
    const uint64_t length = word(head);
    EXPECT_EQ(word(file.substr(8, 4)), masked_crc32c(head));
    const std::string_view body = file.substr(12, length);
    EXPECT_EQ(word(file.substr(12 + length, 4)), masked_crc32c(body));
    result.emplace_back(body);
    file.remove_prefix(16 + length);
  }
  return result;
}

std::vector<Scalar> scalars(const std::vector<std::string>& messages, std::vector<std::string>* plugins) {
  std::vector<Scalar> result;
  for (const std::string& message : messages) {
    WireReader::Source source{message, "event"};
    WireReader event(source);
    Scalar scalar;
    bool is_scalar = false;
    while (event.next()) {
      if (event.field() == 2) scalar.step = event.integer();
      if (event.field() != 5) continue;
      for (WireReader summary = event.message(); summary.next();) {
        for (WireReader value = summary.message(); value.next();) {
          if (value.field() == 1) scalar.tag = value.text();
          if (value.field() == 2) {
            scalar.value = value.real();
            is_scalar = true;
          }
        }
      }
    }
    if (is_scalar) {
      result.push_back(scalar);
    } else if (!scalar.tag.empty()) {
      plugins->push_back(scalar.tag);
    }
  }
  return result;
}

TEST_F(StudyExportTest, EventFilesReadBack) {
  const StudyExport study = example();
  write_tensorboard_events(study, folder_ / "events");
  int runs = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "events")) runs += entry.is_directory();
  EXPECT_EQ(runs, 5);
  const std::string file = read_file(folder_ / "events" / "trial_0003" / "events.out.tfevents.0000000003.nacre");
  std::vector<std::string> plugins;
  const std::vector<Scalar> found = scalars(records(file), &plugins);
  EXPECT_THAT(found, testing::IsSupersetOf({Scalar{"curve/accuracy", 1, 0.25F}, Scalar{"curve/accuracy", 2, 0.5F},
                                            Scalar{"trial/accuracy", 0, 0.8F}, Scalar{"trial/macs", 0, 4000.0F}}));
  EXPECT_THAT(plugins, testing::ElementsAre("_hparams_/session_start_info", "_hparams_/session_end_info"));
}

TEST(ExportRegistry, EveryFormatHasAPlace) {
  std::set<std::string> names;
  for (const auto& entry : export_registry().entries()) names.insert(default_export_name(entry.name));
  EXPECT_EQ(names.size(), export_registry().entries().size());
}

}  // namespace
}  // namespace nacre
