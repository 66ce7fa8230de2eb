// Reuse keys, machine facts, artefacts and locks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/study/artifacts.hpp"
#include "nacre/study/file_lock.hpp"
#include "nacre/study/machine.hpp"
#include "nacre/study/memory_store.hpp"
#include "nacre/study/reuse_key.hpp"
#include "tests/study/store_fixture.hpp"

namespace nacre {
namespace {

// --- reuse keys

Design small_design(int64_t width, const std::string& scope = "block") {
  GraphBuilder builder("net");
  ValueId x = builder.input("x", ElementType::float32, {1, 4});
  const GraphBuilder::ScopeGuard guard = builder.scope(scope);
  x = builder.linear("first", x, width);
  x = builder.activation(x, Activation::relu);
  builder.output(builder.linear("second", x, 3), "y");
  Design design;
  design.graphs.emplace("task", builder.take());
  return design;
}

const ReuseContext kContext{"digits, 80/20 split", "trained, avx2, libtorch 1.13", {"macs; batch 1"}};

TEST(ReuseKey, IsTheSameForTheSameQuestion) {
  const std::string key = reuse_key(small_design(8), {}, kContext);
  EXPECT_EQ(key.size(), 32u);
  EXPECT_EQ(reuse_key(small_design(8), {}, kContext), key);
  EXPECT_EQ(reuse_key(small_design(8, "another/scope"), {}, kContext), key);  // names do not matter
}

TEST(ReuseKey, EveryPartMatters) {
  std::set<std::string> keys = {reuse_key(small_design(8), {}, kContext)};
  const auto differs = [&keys](const std::string& key) { EXPECT_TRUE(keys.insert(key).second); };
  differs(reuse_key(small_design(9), {}, kContext));
  Design recipe = small_design(8);
  recipe.recipe.weight_decay = 0.125;
  differs(reuse_key(recipe, {}, kContext));
  Design formats = small_design(8);
  formats.graph().value(formats.graph().outputs[0]).format = "int8";
  differs(reuse_key(formats, {}, kContext));
  formats.graph().value(formats.graph().outputs[0]).format = "int4";
  differs(reuse_key(formats, {}, kContext));
  const auto with = [](const std::function<void(Request&)>& change) {
    Request request;
    change(request);
    return reuse_key(small_design(8), request, kContext);
  };
  differs(with([](Request& r) { r.seed = 1; }));
  differs(with([](Request& r) { r.fidelity.epochs = 2; }));
  differs(with([](Request& r) { r.fidelity.data_share = 0.5; }));
  differs(with([](Request& r) { r.fidelity.resolution = 0.5; }));
  differs(with([](Request& r) { r.want_metrics = false; }));
  differs(with([](Request& r) { r.want_cost = false; }));
  differs(with([](Request& r) { r.parent_checkpoint = "00.weights"; }));
  differs(
      reuse_key(small_design(8), {}, {"digits, 70/30 split", kContext.evaluator_identity, kContext.target_identities}));
  differs(reuse_key(small_design(8), {}, {kContext.task_identity, "trained, avx512", kContext.target_identities}));
  differs(reuse_key(small_design(8), {}, {kContext.task_identity, kContext.evaluator_identity, {"macs; batch 8"}}));
}

TEST(ReuseKey, FormatsOfBodiesAndTwoPlacesAreTold) {
  Design first = small_design(8);
  EXPECT_EQ(formats_text(first), "");
  Design second = first;
  first.graph().value(first.graph().inputs[0]).format = "int8";
  second.graph().value(second.graph().outputs[0]).format = "int8";
  EXPECT_EQ(formats_text(first), "task: value x: int8");
  EXPECT_NE(formats_text(first), formats_text(second));
}

// --- machine facts

TEST(MachineFacts, AreReadFromThisMachineAndSurviveJson) {
  MachineFacts facts = read_machine_facts();
  EXPECT_FALSE(facts.cpu_model.empty());
  EXPECT_FALSE(facts.cpu_capability.empty());
  EXPECT_GE(facts.logical_cpus, 1);
  EXPECT_GT(facts.memory_bytes, int64_t{64} << 20);
  facts.numerics["blas"] = "OpenBLAS 0.3.21";
  facts.decisions["threads_per_trial"] = 1;
  const MachineFacts back = machine_facts_from_json(to_json(facts));
  EXPECT_EQ(to_json(back), to_json(facts));
  EXPECT_TRUE(machine_differences(facts, back).empty());
  EXPECT_THROW(machine_facts_from_json(Json::object()), UserError);
}

TEST(MachineFacts, AnotherMachineIsRefusedUnlessAllowed) {
  MachineFacts stored = read_machine_facts();
  stored.numerics["blas"] = "OpenBLAS";
  MachineFacts current = stored;
  current.host = "elsewhere";  // a name says nothing about numbers
  current.decisions["threads_per_trial"] = 2;
  EXPECT_NO_THROW(check_same_machine(stored, current, false));
  current.cpu_model = "another";
  current.numerics["blas"] = "MKL";
  EXPECT_NO_THROW(check_same_machine(stored, current, true));
  try {
    check_same_machine(stored, current, false);
    FAIL() << "expected UserError";
  } catch (const UserError& error) {
    EXPECT_EQ(
        std::string(error.what()),
        "the study was made on another machine (cpu_model: '" + stored.cpu_model +
            "' then, 'another' now; blas: 'OpenBLAS' then, 'MKL' now); its numbers would not be comparable; resume it "
            "there, or give --allow-other-machine to go on here");
  }
}

// --- artefacts

TEST(Artifacts, AreNamedByContentAndCheckedWhenRead) {
  const test::TemporaryFolder folder;
  const ArtifactFolder artifacts(folder.path() / "artifacts");
  const std::string name = artifacts.put("weights", ".bin");
  EXPECT_EQ(name, ArtifactFolder::name_of("weights", ".bin"));
  EXPECT_EQ(artifacts.put("weights", ".bin"), name);
  EXPECT_NE(artifacts.put("other weights", ".bin"), name);
  EXPECT_EQ(artifacts.get(name), "weights");
  std::ofstream(artifacts.path(name), std::ios::trunc) << "changed";
  EXPECT_THROW(artifacts.get(name), UserError);
  std::filesystem::remove(artifacts.path(name));
  EXPECT_THROW(artifacts.get(name), UserError);
  EXPECT_THROW(artifacts.path("../escape"), UserError);
  EXPECT_THROW(artifacts.path(""), UserError);
}

TEST(Artifacts, FilesThatTheStudyDoesNotKnowAreListed) {
  const test::TemporaryFolder folder;
  const ArtifactFolder artifacts(folder.path());
  const std::unique_ptr<Store> store = make_memory_store();
  EXPECT_TRUE(ArtifactFolder(folder.path() / "none").unregistered(*store).empty());
  const std::string known = artifacts.put("a", ".bin");
  const std::string orphan = artifacts.put("b", ".bin");
  store->register_artifact({known, "weights", -1, 1});
  EXPECT_THAT(artifacts.unregistered(*store), testing::ElementsAre(orphan));
}

// --- locks

TEST(StudyLock, ASecondMasterIsRefusedByName) {
  const test::TemporaryFolder folder;
  {
    const FileLock lock = lock_study_folder(folder.path());
    try {
      lock_study_folder(folder.path());
      FAIL() << "expected UserError";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(),
                  testing::StartsWith("the study in '" + folder.path().string() + "' is being worked on by process " +
                                      std::to_string(getpid()) + " on "));
      EXPECT_THAT(error.what(), testing::HasSubstr("wait for it, stop it, or choose another output_dir"));
    }
  }
  EXPECT_NO_THROW(lock_study_folder(folder.path()));
}

TEST(StudyLock, EndsWithAKilledProcess) {
  const test::TemporaryFolder folder;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const FileLock lock = lock_study_folder(folder.path());
    if (write(ready[1], "x", 1) != 1) _exit(1);
    while (true) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_THROW(lock_study_folder(folder.path()), UserError);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_NO_THROW(lock_study_folder(folder.path()));
  close(ready[0]);
  close(ready[1]);
}

class DeviceLocks : public testing::Test {
 protected:
  DeviceLocks() { setenv("NACRE_LOCK_DIR", folder_.path().c_str(), 1); }
  ~DeviceLocks() override { unsetenv("NACRE_LOCK_DIR"); }
  test::TemporaryFolder folder_;
};

TEST_F(DeviceLocks, MeasurementsExcludeEachOtherAndTrainings) {
  std::atomic<int> measuring{0};
  std::atomic<int> training{0};
  std::atomic<bool> mixed{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 15; ++i) {
        const bool exclusive = t < 2;
        const DeviceLock lock("host", exclusive ? FileLock::Mode::exclusive : FileLock::Mode::shared);
        std::atomic<int>& mine = exclusive ? measuring : training;
        ++mine;
        if (measuring > 1 || (measuring == 1 && training > 0)) mixed = true;
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        --mine;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(mixed);
}

TEST_F(DeviceLocks, AWaitingMeasurementIsSeenAndNotStarved) {
  auto first = std::make_unique<DeviceLock>("host", FileLock::Mode::shared);
  EXPECT_FALSE(DeviceLock::is_wanted("host"));
  std::atomic<bool> measured{false};
  std::thread measurement([&] {
    const DeviceLock lock("host", FileLock::Mode::exclusive);
    measured = true;
  });
  for (int i = 0; i < 1000 && !DeviceLock::is_wanted("host"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(DeviceLock::is_wanted("host"));
  EXPECT_FALSE(measured);
  // A new training has to wait behind it.
  std::atomic<bool> give_up{false};
  std::thread other(
      [&] { EXPECT_THROW(DeviceLock("host", FileLock::Mode::shared, [&] { return give_up.load(); }), Interrupted); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  give_up = true;
  other.join();
  first.reset();
  measurement.join();
  EXPECT_TRUE(measured);
}

}  // namespace
}  // namespace nacre
