// How many trials a study records per second (asked, leased, told; each a durable transaction of its own or grouped), and
// how fast it is read and rebuilt.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "nacre/study/memory_store.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {
namespace {

// A study file in the system's folder for temporary files, or none for the memory store.
class Study {
 public:
  explicit Study(bool on_disk) {
    if (on_disk) {
      folder_ = std::filesystem::temp_directory_path() / ("nacre-study-benchmark-" + std::to_string(getpid()));
      std::filesystem::remove_all(folder_);
      store = open_sqlite_store(folder_ / "study.sqlite", StoreMode::open_or_create);
    } else {
      store = make_memory_store();
    }
    store->create_study({});
  }
  ~Study() {
    store.reset();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::unique_ptr<Store> store;

 private:
  std::filesystem::path folder_;
};

// As of a search over 22 decisions with 12 epochs of training curve.
Trial typical_trial(int64_t number) {
  Trial trial;
  trial.number = number;
  for (int d = 0; d < 22; ++d) trial.candidate.decisions.set("stage" + std::to_string(d) + "/op", (number + d) % 9);
  trial.candidate.parents = {number / 2};
  trial.candidate.made_by = "mutation";
  trial.key = "0123456789abcdef0123456789abcde" + std::to_string(number % 10);
  return trial;
}

Trial typical_result(int64_t number) {
  Trial trial = typical_trial(number);
  trial.status = TrialStatus::ok;
  for (const char* name : {"accuracy", "loss", "params", "macs", "latency_s", "peak_memory_bytes", "train_time_s"}) {
    trial.metrics[name] = {0.123456789 * static_cast<double>(number), "", Origin::trained, "validation split", 1, 0.01};
  }
  for (int epoch = 1; epoch <= 12; ++epoch) {
    trial.curve.push_back({static_cast<double>(epoch), {{"accuracy", {0.5}}, {"loss", {1.5}}}});
  }
  trial.time_s = 12;
  return trial;
}

void record_one(Store& store, int64_t number) {
  store.record_ask(typical_trial(number));
  const Lease lease = *store.lease_trial(number, "worker 1", {});
  store.tell(lease, typical_result(number));
}

void record_trials(benchmark::State& state, bool on_disk, int64_t group) {
  Study study(on_disk);
  int64_t number = 0;
  for (auto _ : state) {
    study.store->transaction([&] {
      for (int64_t i = 0; i < group; ++i) record_one(*study.store, number++);
    });
  }
  state.SetItemsProcessed(number);
}

// As the drive loop does: ask, lease and tell each committed.
void record_trials_one_by_one(benchmark::State& state, bool on_disk) {
  Study study(on_disk);
  int64_t number = 0;
  for (auto _ : state) record_one(*study.store, number++);
  state.SetItemsProcessed(number);
}

void read_trials(benchmark::State& state, bool on_disk) {
  Study study(on_disk);
  study.store->transaction([&] {
    for (int64_t i = 0; i < 2000; ++i) record_one(*study.store, i);
  });
  for (auto _ : state) benchmark::DoNotOptimize(study.store->trials());
  state.SetItemsProcessed(state.iterations() * 2000);
}

void rebuild_tables(benchmark::State& state, bool on_disk) {
  Study study(on_disk);
  study.store->transaction([&] {
    for (int64_t i = 0; i < 2000; ++i) record_one(*study.store, i);
  });
  for (auto _ : state) study.store->rebuild();
  state.SetItemsProcessed(state.iterations() * 2000);
}

BENCHMARK_CAPTURE(record_trials_one_by_one, sqlite, true)->UseRealTime();
BENCHMARK_CAPTURE(record_trials, sqlite_groups_of_100, true, 100)->UseRealTime();
BENCHMARK_CAPTURE(record_trials_one_by_one, memory, false)->UseRealTime();
BENCHMARK_CAPTURE(read_trials, sqlite, true)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(rebuild_tables, sqlite, true)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace nacre
