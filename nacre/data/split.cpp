#include "nacre/data/split.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <string_view>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/random.hpp"
#include "nacre/data/npy.hpp"

namespace nacre {
namespace {

// How many of each group, so that the sum is `count` and every group is within one of its share (largest remainders; ties
// go to the earlier group).
std::vector<int64_t> apportion(const std::vector<int64_t>& group_sizes, int64_t count) {
  const int64_t total = std::accumulate(group_sizes.begin(), group_sizes.end(), int64_t{0});
  std::vector<int64_t> result(group_sizes.size(), 0);
  std::vector<std::pair<int64_t, size_t>> remainders;  // scaled by total
  int64_t given = 0;
  for (size_t g = 0; g < group_sizes.size(); ++g) {
    const auto product = static_cast<__int128>(group_sizes[g]) * count;
    result[g] = static_cast<int64_t>(product / total);
    given += result[g];
    remainders.emplace_back(-static_cast<int64_t>(product % total), g);
  }
  std::ranges::sort(remainders);
  for (size_t i = 0; given < count; ++i, ++given) ++result[remainders[i].second];
  return result;
}

std::vector<int64_t> without(std::span<const int64_t> from, std::span<const int64_t> taken) {  // both sorted
  std::vector<int64_t> result;
  std::ranges::set_difference(from, taken, std::back_inserter(result));
  return result;
}

void check_list(std::vector<int64_t>& list, const char* name, int64_t size, std::vector<const char*>& owner) {
  std::ranges::sort(list);
  for (const int64_t index : list) {
    if (index < 0 || index >= size) {
      throw UserError(std::string("split: index ") + std::to_string(index) + " of the " + name +
                      " list is out of range, the data have " + std::to_string(size) + " samples");
    }
    const char*& taken = owner[static_cast<size_t>(index)];
    if (taken != nullptr) {
      throw UserError("split: sample " + std::to_string(index) + " stands in the " + name +
                      " list and already in the " + taken + " list");
    }
    taken = name;
  }
}

SplitIndices split_by_lists(const Dataset& pool, const SplitOptions& options, const std::vector<int64_t>& everything) {
  SplitIndices split;
  split.train = options.train.value_or(std::vector<int64_t>{});
  split.validation = options.validation.value_or(std::vector<int64_t>{});
  split.test = options.test.value_or(std::vector<int64_t>{});
  std::vector<const char*> owner(static_cast<size_t>(pool.size()), nullptr);
  check_list(split.validation, "validation", pool.size(), owner);
  check_list(split.test, "test", pool.size(), owner);
  check_list(split.train, "train", pool.size(), owner);
  if (!options.train) split.train = without(without(everything, split.validation), split.test);
  return split;
}

int64_t share_of(int64_t size, double share) { return std::llround(share * static_cast<double>(size)); }

}  // namespace

Hash128 SplitIndices::hash() const {
  Hash128 hash;
  for (const std::vector<int64_t>* list : {&train, &validation, &test}) {
    hash = hash_combine(hash, hash_bytes(list->data(), list->size() * sizeof(int64_t), list->size()));
  }
  return hash;
}

std::vector<int64_t> draw_subset(std::span<const int64_t> candidates, std::span<const int64_t> labels, int64_t count,
                                 uint64_t seed, std::string_view purpose) {
  NACRE_CHECK(count >= 0 && count <= static_cast<int64_t>(candidates.size()));
  std::map<int64_t, std::vector<int64_t>> groups;  // by class; one group without labels
  for (const int64_t index : candidates)
    groups[labels.empty() ? 0 : labels[static_cast<size_t>(index)]].push_back(index);
  std::vector<int64_t> sizes;
  for (const auto& [label, members] : groups) sizes.push_back(static_cast<int64_t>(members.size()));
  std::vector<int64_t> result;
  if (count == 0) return result;
  const std::vector<int64_t> quota = apportion(sizes, count);
  size_t g = 0;
  for (auto& [label, members] : groups) {
    Random random = Random::stream(seed, purpose, static_cast<uint64_t>(label));
    random.shuffle(std::span<int64_t>(members));
    result.insert(result.end(), members.begin(), members.begin() + quota[g++]);
  }
  std::ranges::sort(result);
  return result;
}

SplitIndices split_dataset(const Dataset& pool, const SplitOptions& options) {
  std::vector<int64_t> everything(static_cast<size_t>(pool.size()));
  std::iota(everything.begin(), everything.end(), int64_t{0});
  if (options.train || options.validation || options.test) {
    SplitIndices split = split_by_lists(pool, options, everything);
    if (split.train.empty()) throw UserError("split: no sample is left for training");
    if (split.validation.empty())
      throw UserError("split: the validation list is missing or empty; a search chooses by it");
    return split;
  }
  const bool by_class = options.stratified && pool.labels.type() == ElementType::int64;
  const std::span<const int64_t> labels = by_class ? pool.labels.values<int64_t>() : std::span<const int64_t>{};
  std::vector<int64_t> rest = std::move(everything);
  if (options.subset > 0) {
    if (options.subset > pool.size()) {
      throw UserError("split: a subset of " + std::to_string(options.subset) +
                      " samples was asked for, the data have " + std::to_string(pool.size()));
    }
    rest = draw_subset(rest, labels, options.subset, options.seed, "split/subset");
  }
  const auto size = static_cast<int64_t>(rest.size());
  const int64_t test = share_of(size, options.test_share);
  const int64_t validation = share_of(size, options.validation_share);
  if (test + validation >= size || validation < 1 || (options.test_share > 0 && test < 1)) {
    throw UserError("split: " + std::to_string(size) + " samples give " + std::to_string(size - test - validation) +
                    " for training, " + std::to_string(validation) + " for validation and " + std::to_string(test) +
                    " for test; every part needs one at least");
  }
  SplitIndices split;
  // The test samples are drawn first: they stay the same when the validation share changes.
  split.test = draw_subset(rest, labels, test, options.seed, "split/test");
  rest = without(rest, split.test);
  split.validation = draw_subset(rest, labels, validation, options.seed, "split/validation");
  split.train = without(rest, split.validation);
  return split;
}

std::vector<int64_t> read_index_list(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  if (name.ends_with(".npy") || name.ends_with(".npy.gz")) {
    const Tensor tensor = read_npy(path);
    if (is_floating(tensor.type()) || tensor.rank() != 1)
      throw UserError("'" + path.string() + "': expected one row of whole numbers");
    return tensor.integers();
  }
  const std::string text = read_possibly_gzipped_file(path, uint64_t{1} << 30);
  std::vector<int64_t> result;
  int line = 1;
  for (const char* at = text.data(); at != text.data() + text.size();) {
    const char* end = text.data() + text.size();
    if (*at == '#') {
      at = std::find(at, end, '\n');
    } else if (*at == '\n' || *at == ' ' || *at == '\t' || *at == '\r' || *at == ',') {
      line += *at++ == '\n' ? 1 : 0;
    } else {
      int64_t index = 0;
      const auto [next, error] = std::from_chars(at, end, index);
      if (error != std::errc())
        throw UserError(
            {path.string(), line, 0},
            "expected an index, found '" + std::string(at, std::find(at, std::min(end, at + 20), '\n')) + "'");
      result.push_back(index);
      at = next;
    }
  }
  return result;
}

}  // namespace nacre
