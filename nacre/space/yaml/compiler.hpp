// Reads a whole definition: the network, named blocks and grammars, which may refer to one another.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nacre/space/yaml/step.hpp"

namespace nacre::yaml_space {

// Steps under a name, with parameters that each use gives.
struct Block {
  std::vector<std::string> parameters;
  SharedSteps steps;
  bool recurses = false;
};

struct Grammar {
  struct Rule {
    std::string label;
    SharedSteps steps;
    bool terminal = false;
  };
  int64_t depth = 0;
  std::vector<Rule> productions;  // filled after all steps are read: productions refer to their grammar
};

class Compiler {
 public:
  // `root`: a map with network, and optionally blocks and grammars. UserErrors with positions.
  explicit Compiler(const ConfigNode& root);

  SharedSteps network() const { return network_; }

  SharedSteps steps(const ConfigNode& list, std::vector<std::string> names, const std::string& what);
  // UserError at `position` when there is none of that name, or when a block uses itself.
  std::shared_ptr<const Block> block(const std::string& name, const SourcePosition& position);
  std::shared_ptr<const Grammar> grammar(const std::string& name, const SourcePosition& position);

 private:
  Step step(const ConfigNode& node, size_t index, std::vector<std::string>& names);

  const ConfigNode* blocks_node_;
  const ConfigNode* grammars_node_;
  std::map<std::string, std::shared_ptr<Block>> blocks_;  // null while it is read
  std::map<std::string, std::shared_ptr<Grammar>> grammars_;
  SharedSteps network_;
  int depth_ = 0;
};

}  // namespace nacre::yaml_space
