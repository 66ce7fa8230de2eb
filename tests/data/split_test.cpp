#include "nacre/data/split.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

#include "nacre/base/random.hpp"
#include "tests/data/data_test_support.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Dataset make_pool(const std::vector<int64_t>& class_sizes) {
  std::vector<int64_t> labels;
  for (size_t k = 0; k < class_sizes.size(); ++k)
    labels.insert(labels.end(), static_cast<size_t>(class_sizes[k]), static_cast<int64_t>(k));
  Random random(5);
  random.shuffle(std::span<int64_t>(labels));
  const auto n = static_cast<int64_t>(labels.size());
  Dataset pool;
  pool.features = Tensor(ElementType::uint8, {n, 1});
  pool.labels = Tensor::of<int64_t>(std::vector<int64_t>{n}, labels);
  for (size_t k = 0; k < class_sizes.size(); ++k) pool.class_names.push_back(std::to_string(k));
  return pool;
}

std::map<int64_t, int64_t> class_counts(const Dataset& pool, const std::vector<int64_t>& indices) {
  std::map<int64_t, int64_t> counts;
  for (const int64_t index : indices) ++counts[pool.labels.values<int64_t>()[static_cast<size_t>(index)]];
  return counts;
}

void expect_partition(const SplitIndices& split, int64_t size) {
  std::vector<int64_t> all = split.train;
  all.insert(all.end(), split.validation.begin(), split.validation.end());
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::ranges::sort(all);
  std::vector<int64_t> everything(static_cast<size_t>(size));
  std::iota(everything.begin(), everything.end(), int64_t{0});
  EXPECT_EQ(all, everything);
}

TEST(Split, PartitionsDeterministically) {
  const Dataset pool = make_pool({50, 30, 20});
  for (const bool stratified : {true, false}) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const SplitOptions options{.validation_share = 0.15, .test_share = 0.2, .stratified = stratified, .seed = seed};
      const SplitIndices split = split_dataset(pool, options);
      EXPECT_EQ(split.test.size(), 20U);
      EXPECT_EQ(split.validation.size(), 15U);
      expect_partition(split, 100);
      EXPECT_EQ(split_dataset(pool, options).hash(), split.hash());
      EXPECT_TRUE(std::ranges::is_sorted(split.train));
    }
  }
}

TEST(Split, SeedsDiffer) {
  const Dataset pool = make_pool({50, 50});
  std::set<Hash128> hashes;
  for (uint64_t seed = 0; seed < 50; ++seed) hashes.insert(split_dataset(pool, {.seed = seed}).hash());
  EXPECT_EQ(hashes.size(), 50U);
}

TEST(Split, StratifiedSharesAreWithinOneOfExact) {
  const std::vector<int64_t> sizes = {97, 13, 41, 7, 300};
  const Dataset pool = make_pool(sizes);
  const SplitIndices split = split_dataset(pool, {.validation_share = 0.13, .test_share = 0.21, .seed = 3});
  auto test = class_counts(pool, split.test);
  auto validation = class_counts(pool, split.validation);
  for (size_t k = 0; k < sizes.size(); ++k) {
    const auto label = static_cast<int64_t>(k);
    EXPECT_NEAR(static_cast<double>(test[label]), 0.21 * static_cast<double>(sizes[k]), 1.0);
    EXPECT_NEAR(static_cast<double>(validation[label]), 0.13 * static_cast<double>(sizes[k]), 1.5);
  }
}

TEST(Split, TestSamplesDoNotDependOnTheValidationShare) {
  const Dataset pool = make_pool({60, 40});
  const SplitIndices a = split_dataset(pool, {.validation_share = 0.1, .test_share = 0.2});
  const SplitIndices b = split_dataset(pool, {.validation_share = 0.3, .test_share = 0.2});
  EXPECT_EQ(a.test, b.test);
}

TEST(Split, EverySampleIsDrawnEquallyOften) {
  const Dataset pool = make_pool({10, 10});
  std::vector<int> times(20, 0);
  constexpr int kRuns = 4000;
  for (uint64_t seed = 0; seed < kRuns; ++seed) {
    for (const int64_t index : split_dataset(pool, {.validation_share = 0.2, .seed = seed}).validation)
      ++times[static_cast<size_t>(index)];
  }
  // Binomial(4000, 0.2): standard deviation 25; five of them.
  for (const int count : times) EXPECT_NEAR(count, kRuns * 0.2, 5 * 25.3);
}

TEST(Split, SubsetKeepsClassShares) {
  const Dataset pool = make_pool({500, 300, 200});
  const SplitIndices split = split_dataset(pool, {.validation_share = 0.2, .subset = 100});
  EXPECT_EQ(split.train.size() + split.validation.size(), 100U);
  std::vector<int64_t> all = split.train;
  all.insert(all.end(), split.validation.begin(), split.validation.end());
  EXPECT_EQ(class_counts(pool, all), (std::map<int64_t, int64_t>{{0, 50}, {1, 30}, {2, 20}}));
  EXPECT_THAT(error_of([&] { split_dataset(pool, {.subset = 1001}); }),
              HasSubstr("a subset of 1001 samples was asked for, the data have 1000"));
}

TEST(Split, ExplicitLists) {
  const Dataset pool = make_pool({5, 5});
  SplitOptions options;
  options.validation = std::vector<int64_t>{7, 3};
  options.test = std::vector<int64_t>{0};
  const SplitIndices split = split_dataset(pool, options);
  EXPECT_THAT(split.validation, ElementsAre(3, 7));
  EXPECT_THAT(split.train, ElementsAre(1, 2, 4, 5, 6, 8, 9));
  options.test = std::vector<int64_t>{7};
  EXPECT_THAT(error_of([&] { split_dataset(pool, options); }),
              HasSubstr("sample 7 stands in the test list and already in the validation list"));
  options.test = std::vector<int64_t>{10};
  EXPECT_THAT(error_of([&] { split_dataset(pool, options); }),
              HasSubstr("index 10 of the test list is out of range, the data have 10 samples"));
  options.test.reset();
  options.validation = std::vector<int64_t>{1, 1};
  EXPECT_THAT(error_of([&] { split_dataset(pool, options); }),
              HasSubstr("sample 1 stands in the validation list and already in the validation list"));
}

TEST(Split, EmptyPartsAreRefused) {
  const Dataset pool = make_pool({2, 2});
  EXPECT_THAT(error_of([&] { split_dataset(pool, {.validation_share = 0.01}); }), HasSubstr("0 for validation"));
  EXPECT_THAT(error_of([&] { split_dataset(pool, {.validation_share = 0.5, .test_share = 0.5}); }),
              HasSubstr("0 for training"));
}

TEST(Split, ReadsIndexLists) {
  const TemporaryFolder folder;
  EXPECT_THAT(read_index_list(folder.write("a.txt", "# validation\n3 1\n4\n")), ElementsAre(3, 1, 4));
  EXPECT_THAT(error_of([&] { read_index_list(folder.write("b.txt", "1\n2\nx7\n")); }),
              HasSubstr("b.txt:3: expected an index, found 'x7'"));
}

}  // namespace
}  // namespace nacre
