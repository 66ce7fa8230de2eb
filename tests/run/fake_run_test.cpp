#include "tests/run/fake_run.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <new>
#include <thread>

#include "nacre/base/error.hpp"
#include "nacre/base/log.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/study/file_lock.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre::test {
namespace {

constexpr int kDecisions = 4;

int64_t decided(const Candidate& candidate, std::string_view key) {
  const int64_t* index = candidate.decisions.find(key);
  return index != nullptr ? *index : 0;
}

// Keeps what it was told and changes one decision of the better of two random told trials: its asks depend on all tells.
class FakeStrategy final : public Strategy {
 public:
  explicit FakeStrategy(const FakeSettings& fake) : fake_(fake) {}

  std::optional<Proposal> ask(int64_t number, Random& random) override {
    Candidate candidate;
    if (told_.size() < 3) {
      for (int d = 0; d < kDecisions; ++d) set(candidate, d, random);
      candidate.made_by = "random";
    } else {
      const Trial& a = told_[random.below(told_.size())];
      const Trial& b = told_[random.below(told_.size())];
      const Trial& parent = score(a) >= score(b) ? a : b;
      candidate.decisions = parent.candidate.decisions;
      set(candidate, static_cast<int>(random.below(kDecisions)), random);
      candidate.parents = {parent.number};
      candidate.made_by =
          "mutation after " + std::to_string(told_.size()) + " tells, last " + std::to_string(told_.back().number);
    }
    const bool faulty = random.bernoulli(fake_.fault_share);
    candidate.decisions.set("fault", static_cast<int64_t>(faulty ? Fault::throws : Fault::none));
    EXPECT_EQ(number, asked_++);
    return candidate;
  }
  void tell(const Trial& trial) override { told_.push_back(trial); }

 private:
  void set(Candidate& candidate, int decision, Random& random) const {
    candidate.decisions.set("d" + std::to_string(decision),
                            static_cast<int64_t>(random.below(static_cast<uint64_t>(fake_.alternatives))));
  }
  static double score(const Trial& trial) { return metric_value(trial.metrics, "accuracy").value_or(-1); }

  FakeSettings fake_;
  std::vector<Trial> told_;
  int64_t asked_ = 0;
};

class FakeTarget final : public Target {
 public:
  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return "fake"; }
  bool measures() const override { return false; }
  Cost cost(const Design& design, const Deployment&, const ActivityProfile&) override {
    double params = 0;
    for (const Initializer& initializer : design.graph().initializers()) {
      double count = 1;
      for (const Dim dim : *design.graph().value(initializer.value).shape) count *= static_cast<double>(dim.extent());
      params += count;
    }
    return {{{"params", {params, "", Origin::counted, "fake"}}}, {}, {}};
  }

 private:
  std::string name_ = "fake";
  std::vector<MetricSpec> metrics_ = {{"params", Direction::minimize, "", "parameters"}};
};

// Starts what it gets at once, finishes in random order.
class ShufflingExecutor final : public TrialExecutor {
 public:
  ShufflingExecutor(int64_t capacity, uint64_t seed) : capacity_(capacity), random_(seed) {}
  int64_t capacity() const override { return capacity_; }
  int64_t running() const override { return static_cast<int64_t>(trials_.size()); }
  void start(const Trial& trial, const Json& stopping) override {
    NACRE_CHECK(running() < capacity_);
    trials_.emplace_back(trial, stopping);
  }
  std::vector<TrialOutcome> wait(double) override {
    if (trials_.empty() || random_.bernoulli(0.3)) return {};
    const size_t chosen = random_.below(trials_.size());
    TrialOutcome outcome;
    outcome.number = trials_[chosen].first.number;
    outcome.result = fake_evaluation(trials_[chosen].first, trials_[chosen].second);
    trials_.erase(trials_.begin() + static_cast<std::ptrdiff_t>(chosen));
    return {outcome};
  }
  std::string worker_of(int64_t) const override { return "shuffling"; }
  void cancel() override { trials_.clear(); }
  void pause() override {}
  void resume() override {}

 private:
  int64_t capacity_;
  Random random_;
  std::vector<std::pair<Trial, Json>> trials_;
};

[[noreturn]] void sleep_forever() {
  while (true) pause();
}

WorkerResult evaluate_in_worker(const Trial& trial, const EvaluationContext& context, double delay_s) {
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < delay_s) {
    context.interrupted();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  switch (static_cast<Fault>(decided(trial.candidate, "fault"))) {
    case Fault::aborts: std::abort();
    case Fault::out_of_memory: {
      std::vector<std::unique_ptr<char[]>> blocks;
      while (true) {
        blocks.push_back(std::make_unique<char[]>(16 << 20));
      }
    }
    case Fault::silent: sleep_forever();
    case Fault::leaves: _exit(7);
    case Fault::none:
    case Fault::throws: break;
  }
  return {fake_evaluation(trial, context.report), {}};
}

int work() {
  return serve_trials([](const Json& setup) -> TrialHandler {
    if (setup.contains("refuse")) throw UserError(setup["refuse"].get<std::string>());
    if (setup.contains("die")) std::abort();
    const double delay_s = setup.at("delay_s").get<double>();
    return [delay_s](const Trial& trial, const EvaluationContext& context) {
      return evaluate_in_worker(trial, context, delay_s);
    };
  });
}

// A whole search in this process: what `nacre search` does, on the fake problem.
int drive_child(const std::filesystem::path& folder, int64_t workers, double delay_s) {
  const FileLock lock = lock_study_folder(folder);
  const std::unique_ptr<Store> store = open_sqlite_store(folder / "study.sqlite", StoreMode::open_or_create);
  if (!store->study()) store->create_study({});
  const std::unique_ptr<TrialExecutor> executor = make_worker_processes(fake_workers(workers, delay_s));
  const FakeSettings fake;
  const DriveResult result = drive(drive_settings(fake), fake_parts(fake, *store, *executor));
  return result.reason == StopReason::trials ? 0 : 1;
}

}  // namespace

DriveSettings drive_settings(const FakeSettings& fake) {
  DriveSettings settings;
  settings.seed = 11;
  settings.order = fake.order;
  settings.lookahead = fake.lookahead;
  settings.trials = fake.trials;
  settings.request.seed = 5;
  settings.objectives.objectives = {{"accuracy", Direction::maximize}, {"params", Direction::minimize}};
  if (fake.macs_limit > 0) settings.objectives.limits = {{"params", fake.macs_limit, false}};
  settings.reuse = {"fake task", "fake evaluator", {}};
  if (!fake.stop.empty()) settings.stop = stopping_from_config(parse_config(fake.stop, "fake"));
  return settings;
}

std::unique_ptr<Strategy> make_fake_strategy(const FakeSettings& fake) { return std::make_unique<FakeStrategy>(fake); }

Design fake_design(const Candidate& candidate) {
  GraphBuilder builder("fake");
  ValueId x = builder.input("x", ElementType::float32, {1, 4});
  for (int d = 0; d < kDecisions; ++d) {
    const int64_t index = decided(candidate, "d" + std::to_string(d));
    if (index > 0) x = builder.linear("l" + std::to_string(d), x, 4 * index, false);  // 0: no layer, so networks repeat
  }
  if (decided(candidate, "unbuildable") != 0) throw UserError("this network has no shape");
  builder.output(x, "y");
  Design design;
  design.graphs.emplace("fake", builder.take());
  design.recipe.epochs = kFakeEpochs;
  design.recipe.learning_rate =
      0.01 + static_cast<double>(decided(candidate, "fault"));  // the fault is part of the key
  return design;
}

std::shared_ptr<Target> make_fake_target() { return std::make_shared<FakeTarget>(); }

Trial fake_evaluation(const Trial& trial, const Json& stopping) {
  TrainingWatch watch(stopping);
  Trial result = fake_evaluation(trial, [&watch](const CurvePoint& point) { return watch.goes_on(point); });
  watch.settle(result);
  return result;
}

Trial fake_evaluation(const Trial& trial, const std::function<bool(const CurvePoint&)>& report) {
  Trial result = trial;
  if (decided(trial.candidate, "fault") == static_cast<int64_t>(Fault::throws)) {
    result.status = TrialStatus::failed;
    result.reason = "the loss is not a number";
    return result;
  }
  // Of the network, not of the decisions: equal networks are equal in accuracy.
  const Hash128 network = hash_text(design_identity(fake_design(trial.candidate)), trial.request.seed);
  result.status = TrialStatus::ok;
  const double accuracy = static_cast<double>(network.low % 1000) / 1000;
  for (int epoch = 1; epoch <= kFakeEpochs && result.status == TrialStatus::ok; ++epoch) {
    const double to_come = 0.3 + 0.02 * static_cast<double>(network.high >> (4 * epoch) & 7);
    const double left = static_cast<double>(kFakeEpochs - epoch) / kFakeEpochs;
    CurvePoint point{static_cast<double>(epoch), {}};
    point.metrics["accuracy"] = {accuracy - to_come * left, "", Origin::trained, "fake", 1};
    result.metrics["accuracy"] = point.metrics["accuracy"];
    result.curve.push_back(point);
    if (!report(point)) result.status = TrialStatus::pruned;
  }
  result.metrics["train_time_s"] = {0.001, "s", Origin::measured, "clock", 1};
  result.time_s = 0.001;
  return result;
}

DriveParts fake_parts(const FakeSettings& fake, Store& store, TrialExecutor& executor) {
  return {.store = store,
          .make_strategy = [fake] { return make_fake_strategy(fake); },
          .complete = nullptr,
          .build = fake_design,
          .costs = {{make_fake_target(), {}}},
          .executor = executor};
}

std::unique_ptr<TrialExecutor> make_shuffling_executor(int64_t capacity, uint64_t seed) {
  return std::make_unique<ShufflingExecutor>(capacity, seed);
}

WorkerProcessOptions fake_workers(int64_t count, double delay_s) {
  WorkerProcessOptions options;
  options.count = count;
  options.setup = {{"delay_s", delay_s}};
  return options;
}

std::optional<int> run_as_child(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  if (role != "worker" && role != "drive") return std::nullopt;
  try {
    return role == "worker" ? work() : drive_child(argv[2], std::atol(argv[3]), std::atof(argv[4]));
  } catch (const std::exception& error) {
    log_error("{}", error.what());
    return 2;
  }
}

}  // namespace nacre::test

int main(int argc, char** argv) {
  if (const std::optional<int> code = nacre::test::run_as_child(argc, argv)) return *code;
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
