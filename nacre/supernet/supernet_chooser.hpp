// Builds networks of a space under weight sharing from the space's one definition: a supernet that computes every alternative of
// its open decisions, or the part of it that is active.
//
//   open layer      all branches, then nacre.Mix with the weights "mix/<key>"
//   open sum        all parts (edges of a cell), mixed or summed
//   open repeat     the largest count; the values after each count mixed
//   open lattice    every edge of every step, mixed where they meet; the sum of what leaves (space/lattice.hpp)
//   open number     the largest alternative: smaller ones are slices of its weights (shared_store.hpp)
//   decided         as decided; nothing is mixed
//
// Each branch of a layer is built in a scope of its own, "<label>" in angle brackets, so that the parameters of different
// branches differ in name: "stage1/0/<k3_e6>/expand/conv/weight". Without these parts of the path it is the name in the network
// that stands alone.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nacre/design/candidate.hpp"
#include "nacre/space/chooser.hpp"
#include "nacre/space/elastic.hpp"
#include "nacre/space/lattice.hpp"
#include "nacre/space/space.hpp"

namespace nacre {

// How a supernet differs from its networks.
struct SupernetForm {
  // Partial connections: operators of edges see 1 / partial_channels of the channels, the others pass by (max-pooled where the
  // edge has stride 2), then all are shuffled (PC-DARTS, arXiv 1907.05737, section 3.1).
  int64_t partial_channels = 1;
  bool zero_operator = false;    // edges have an alternative "none", which is 0
  bool edge_weights = false;     // parts of sums have weights (edge normalization, section 3.2), else they are summed
  bool normalize_pools = false;  // batch-norm after branches that are but a pooling (DARTS)
  bool affine = true;            // false: the batch-norms of searched stages have neither scale nor shift (DARTS)
};

// A decision with several alternatives in a supernet.
struct OpenDecision {
  enum class Kind : uint8_t { operators, edges, depth, number, lattice };
  std::string key;
  Kind kind = Kind::operators;
  // Branches, parts, or counts as text; with a zero operator "none" comes first.
  std::vector<std::string> labels;
  bool has_zero = false;
  int64_t kept = 1;                  // edges: so many parts are chosen
  std::vector<int64_t> values = {};  // numbers and depths: the alternatives; lattices: the states
  std::string lattice = {};  // the scope of a step's lattice; labels go by state before, state after and operator
};

// Alternatives by key (of operators without "none", parts, positions in counts); what is not named is open.
using ActiveAlternatives = std::map<std::string, std::vector<int64_t>, std::less<>>;

// Nodes that belong to alternatives of an open decision: a branch, a part of a sum, the body of a repeat that all counts above its
// index share. Parts nest; one inside another belongs to both.
struct SupernetPart {
  std::string key;
  std::vector<int64_t> positions;  // among the decision's labels
  NodeId first = 0, last = 0;      // nodes first .. last - 1
};

struct Supernet {
  Graph graph;
  Recipe recipe;
  std::vector<OpenDecision> open;  // in the order of the definition
  std::vector<SupernetPart> parts;
  std::vector<OpenDecision> numbers;  // undecided sizes, of which the graph has the largest
};

inline constexpr std::string_view kMixPrefix = "mix/";

// The graph of the space's one network with what is decided fixed, what is active mixed, and the rest open. UserError, which names
// the decision, when something undecided cannot be open: a structural number, a subset, a field of the recipe.
Supernet build_supernet(const Space& space, const SupernetForm& form, const Decisions* decided = nullptr,
                        const ActiveAlternatives* active = nullptr);

// The name of a parameter of a supernet in the network that stands alone: without the parts in angle brackets.
std::string plain_parameter_name(std::string_view name);

class SupernetChooser : public Chooser, public LatticeChooser {
 public:
  // What is given outlives the chooser.
  SupernetChooser(const SupernetForm& form, const Decisions* decided, const ActiveAlternatives* active)
      : form_(form), decided_(decided), active_(active) {}

  ValueId layer(std::string_view name, GraphBuilder& builder, ValueId x, const std::vector<Branch>& branches) override;
  ValueId edge(std::string_view name, GraphBuilder& builder, ValueId x, int64_t channels,
               const EdgeBranches& branches) override;
  ValueId sum_of(std::string_view name, GraphBuilder& builder, ValueId x, const std::vector<Branch>& parts,
                 int64_t k) override;
  ValueId repeat(std::string_view name, GraphBuilder& builder, ValueId x, std::span<const int64_t> counts,
                 const RepeatBody& body) override;
  using Chooser::repeat;
  std::vector<int64_t> subset(std::string_view name, std::span<const std::string> labels, int64_t k) override;
  ValueId block(std::string_view name, GraphBuilder& builder, ValueId x, const LayerBody& body) override;
  bool holds_lattice(const std::string& scope_path, const Lattice& lattice) override;
  ValueId whole_lattice(GraphBuilder& builder, ValueId x, const Lattice& lattice) override;
  ValueId lattice_part(GraphBuilder& builder, const std::string& label,
                       const std::function<ValueId(GraphBuilder&)>& build) override;

  const std::vector<OpenDecision>& open() const { return open_; }
  const std::vector<SupernetPart>& parts() const { return parts_; }
  const std::vector<OpenDecision>& numbers() const { return numbers_; }

 protected:
  int64_t choose(const std::string& key, const Alternatives& alternatives) override;
  void mark_structural(const std::string& key) override;

 private:
  std::optional<int64_t> decided(const std::string& key, int64_t alternatives) const;
  // Alternatives to build; all of them when nothing is said.
  std::vector<int64_t> active(const std::string& key, int64_t alternatives) const;
  ValueId build_layer(const std::string& key, GraphBuilder& builder, ValueId x, const std::vector<Branch>& branches,
                      bool zero);
  ValueId build_branch(GraphBuilder& builder, ValueId x, const Branch& branch) const;
  ValueId mix(GraphBuilder& builder, const OpenDecision& decision, const std::vector<int64_t>& positions,
              std::vector<ValueId> values);
  static void note(OpenDecision decision, std::vector<OpenDecision>& list);
  // Runs `build` and notes its nodes as a part.
  template <class Build>
  ValueId part(GraphBuilder& builder, const std::string& key, std::vector<int64_t> positions, const Build& build) {
    const auto first = static_cast<NodeId>(builder.graph().nodes().size());
    const ValueId y = build();
    parts_.push_back({key, std::move(positions), first, static_cast<NodeId>(builder.graph().nodes().size())});
    return y;
  }

  const SupernetForm form_;
  const Decisions* decided_;
  const ActiveAlternatives* active_;
  std::vector<OpenDecision> open_, numbers_;
  std::vector<SupernetPart> parts_;
  std::map<std::string, ValueId> weights_;  // by key
};

}  // namespace nacre
