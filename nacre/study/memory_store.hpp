// A study that lives as long as its process: for tests, benchmarks of strategies, and searches that keep no record.
#pragma once

#include <memory>

#include "nacre/study/store.hpp"

namespace nacre {

std::unique_ptr<Store> make_memory_store(Store::Clock clock = wall_clock_s);

}  // namespace nacre
