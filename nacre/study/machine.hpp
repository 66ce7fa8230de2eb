// What a study's numbers depend on beside the study itself: processor, libraries, threads and precision. Measured once,
// stored, and reused on resume; a study is not continued on another machine unless the user says so.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nacre/base/json.hpp"

namespace nacre {

struct MachineFacts {
  // Must be equal on resume.
  std::string cpu_model;
  std::string cpu_capability;  // widest vector extension: "avx512", "avx2", "sse4.2", "neon", ...
  int64_t logical_cpus = 0;    // that this process may use
  std::map<std::string, std::string, std::less<>>
      numerics;  // "blas", "libtorch", "device", ...: filled in by who uses them
  // Decided by measurement at the first sitting and then kept.
  std::map<std::string, Json, std::less<>> decisions;  // "threads_per_trial", "precision", "workers_side_by_side", ...
  // For people only.
  std::string host;
  std::string operating_system;
  int64_t memory_bytes = 0;

  // Names the numerics class: part of the reuse key.
  std::string numerics_class() const;
};

// Reads what can be read without measuring; numerics and decisions are left empty.
MachineFacts read_machine_facts();

Json to_json(const MachineFacts& facts);
MachineFacts machine_facts_from_json(const Json& json);  // UserError when malformed

// One line per fact that must be equal and is not: "cpu_model: 'A' then, 'B' now". Empty when the study may go on.
std::vector<std::string> machine_differences(const MachineFacts& stored, const MachineFacts& current);

// UserError naming the differences unless there are none or `allow_other_machine`.
void check_same_machine(const MachineFacts& stored, const MachineFacts& current, bool allow_other_machine);

}  // namespace nacre
