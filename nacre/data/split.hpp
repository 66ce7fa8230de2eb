// Which samples train, which choose (validation), and which judge (test): index lists that a seed determines. They are
// disjoint by construction, and their hash is part of the identity of every result.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "nacre/base/hash.hpp"
#include "nacre/data/dataset.hpp"

namespace nacre {

struct SplitOptions {
  double validation_share = 0.1;  // of the pool
  double test_share = 0;          // of the pool; 0 when the test set is a set of its own
  bool stratified = true;         // classes in equal shares everywhere (largest remainders); numbers: ignored
  uint64_t seed = 0;
  int64_t subset = 0;  // keep only so many samples of the pool, drawn likewise; 0: all
  // Instead of shares: explicit lists. Training gets what the others leave when its own list is absent.
  std::optional<std::vector<int64_t>> train = std::nullopt;
  std::optional<std::vector<int64_t>> validation = std::nullopt;
  std::optional<std::vector<int64_t>> test = std::nullopt;
};

// Sorted indices into the pool. Without stratified or explicit lists they are drawn from one permutation.
struct SplitIndices {
  std::vector<int64_t> train;
  std::vector<int64_t> validation;
  std::vector<int64_t> test;

  Hash128 hash() const;
};

// UserError when a part that was asked for comes out empty, an index is out of range or stands twice.
SplitIndices split_dataset(const Dataset& pool, const SplitOptions& options);

// `count` of `candidates`, in equal shares of each class when `labels` (indexed by candidate) is given. Sorted.
std::vector<int64_t> draw_subset(std::span<const int64_t> candidates, std::span<const int64_t> labels, int64_t count,
                                 uint64_t seed, std::string_view purpose);

// Index lists in a text file (whitespace between numbers, '#' comments) or an .npy file.
std::vector<int64_t> read_index_list(const std::filesystem::path& path);

}  // namespace nacre
