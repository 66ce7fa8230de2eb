// Mappings that were found, in a file beside a study (mappings.jsonl) or wherever the user wants: what one run has searched the next
// one finds. Lines are added and never changed; processes may share a file (it is locked while it is read or written).
#pragma once

#include <filesystem>
#include <string>

#include "nacre/hw/mapper/mapping_cache.hpp"

namespace nacre {

class MappingFile final : public MappingStore {
 public:
  explicit MappingFile(std::filesystem::path path) : path_(std::move(path)) {}

  // Whole lines only: what a killed process left of its last one is cut off. "" when there is no file.
  std::string read() override;
  // Nothing where the folder does not exist: a plan that is only looked at leaves nothing behind. UserError when the file cannot be
  // written.
  void append(const std::string& line) override;
  std::string place() const override { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace nacre
