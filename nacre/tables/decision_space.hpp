// A space of decisions alone: what a table has rows for where nacre builds no network. Its designs hold no graph.
#pragma once

#include <string>
#include <vector>

#include "nacre/space/space.hpp"

namespace nacre {

class DecisionSpace final : public Space {
 public:
  struct Factor {
    std::string key;
    std::vector<double> numbers;     // ascending: an ordered decision
    std::vector<std::string> words;  // where they are no numbers
  };

  explicit DecisionSpace(std::string name, std::vector<Factor> factors);

  const std::string& name() const override { return name_; }
  using Space::build;
  Design build(Chooser& choose) const override;

  const std::vector<Factor>& factors() const { return factors_; }
  // The index of an alternative by its text as a table writes it. UserError when there is none.
  int64_t index_of(size_t factor, std::string_view text) const;

 private:
  std::string name_;
  std::vector<Factor> factors_;
};

}  // namespace nacre
