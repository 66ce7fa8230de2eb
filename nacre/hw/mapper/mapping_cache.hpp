// Mappings that were found, by what they were found for: the shape of the workload (not its name), the accelerator, objective, rules,
// constraints and method with its budget. A plain value; a study keeps its lines.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "nacre/hw/accelerator/network_cost.hpp"
#include "nacre/hw/mapper/mapper.hpp"

namespace nacre {

// Where the lines of a cache are kept from one run to the next (run/mapping_file.hpp).
class MappingStore {
 public:
  virtual ~MappingStore() = default;
  virtual std::string read() = 0;  // all lines
  virtual void append(const std::string& line) = 0;
  virtual std::string place() const = 0;  // for messages
};

class MappingCache {
 public:
  // Takes what the store has, at once, and keeps there what is found from now on.
  void connect(std::shared_ptr<MappingStore> store);
  static std::string key(const Workload& workload, const AcceleratorDescription& accelerator,
                         const MapperOptions& options);

  // What was kept; its cost is evaluated again.
  std::optional<MappingResult> find(const Workload& workload, const AcceleratorDescription& accelerator,
                                    const MapperOptions& options) const;
  bool contains(const Workload& workload, const AcceleratorDescription& accelerator,
                const MapperOptions& options) const {
    return kept_.contains(key(workload, accelerator, options));
  }
  void keep(const Workload& workload, const AcceleratorDescription& accelerator, const MapperOptions& options,
            const MappingResult& result);
  // As `find_mapping`, which is asked only once. A search that was interrupted from outside is not kept.
  MappingResult find_or_map(const Workload& workload, const AcceleratorDescription& accelerator,
                            const MapperOptions& options);

  // One JSON object a line.
  std::string lines() const;
  // Adds lines; UserError with the line that is none.
  void read_lines(std::string_view text, const std::string& origin = "mapping cache");
  std::size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    std::string mapping;
    bool proved = false;
    std::optional<double> bound;
    int64_t nodes = 0, evaluations = 0;
    double seconds = 0;
    bool interrupted = false;
  };
  static std::string line_of(const std::string& key, const Kept& kept);

  std::map<std::string, Kept> kept_;
  std::shared_ptr<MappingStore> store_;
};

// For `network_cost`: maps every product by `find_or_map`. The cache outlives the mapper; not for several threads at once.
ProductMapper product_mapper(const AcceleratorDescription& accelerator, const MapperOptions& options,
                             MappingCache& cache);

}  // namespace nacre
