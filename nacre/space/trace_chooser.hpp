// Runs a definition so that every decision is seen: all branches of a layer, all bodies of a repeat, and, where control
// flow asked for a plain number, every alternative of that number.
//
// A closure (the whole build, a branch, a body, a block) runs in a Context, which holds what is decided in it. When
// .value() is asked of a decision that a context holds, the context becomes a fork: its closure runs once more per
// alternative, each in a context of its own with that decision fixed. So a context is a small decision tree whose leaves
// are runs:
//
//   Context leaf   items: decisions, layers (a context per branch), repeats (per body), blocks (one)
//   Context fork   decision, and a context per alternative
//
// Asking a key again gives the same item. A layer or block met again (a repeated cell) runs in the contexts it has, leaf
// by leaf, so that what its second use adds is added where it belongs. Alternatives run from the last to the first, and
// the graph is rolled back in between: what remains is the network of first alternatives.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nacre/space/chooser.hpp"
#include "nacre/space/trace_builder.hpp"

namespace nacre {

inline constexpr int64_t kStructuralRunLimit = 100'000;

class TraceChooser : public Chooser {
 public:
  TraceChooser();
  ~TraceChooser() override;

  // Traces the definition `build`, which asks this chooser. UserError when it breaks the rules of Chooser.
  Trace trace(const std::function<void(Chooser&)>& build);

  ValueId layer(std::string_view name, GraphBuilder& builder, ValueId x, const std::vector<Branch>& branches) override;
  ValueId repeat(std::string_view name, GraphBuilder& builder, ValueId x, std::span<const int64_t> counts,
                 const RepeatBody& body) override;
  using Chooser::repeat;
  std::vector<int64_t> subset(std::string_view name, std::span<const std::string> labels, int64_t k) override;
  ValueId block(std::string_view name, GraphBuilder& builder, ValueId x, const LayerBody& body) override;

 protected:
  int64_t choose(const std::string& key, const Alternatives& alternatives) override;
  void mark_structural(const std::string& key) override;

 private:
  struct Item;
  struct Context;
  struct Frame;
  struct Found;
  struct Fork;
  using Closure = std::function<ValueId()>;

  static Context clone(const Context& context);
  bool is_fixed(const Context& leaf, const std::string& key, int64_t* index = nullptr) const;
  void find_in_leaf(Context& leaf, const std::string& key, Found& found) const;
  void find_in(Context& context, const std::string& key, Found& found) const;
  Found find(const std::string& key) const;
  Item& add_item(const std::string& key, int32_t decision, size_t parts);
  // The item of a layer, repeat or block: a new one, or the one that is there. The frame is frozen when the item belongs
  // to another context, so that its contexts must not grow.
  Item& enter(const std::string& key, int32_t decision, size_t parts, Frame& frame);
  // Runs the closure in the context, once per leaf; leaves the graph and the result of the first.
  ValueId explore(Context& context, const Frame& frame, GraphBuilder* builder, const Closure& closure);
  ValueId explore_leaf(Context& context, const Frame& frame, GraphBuilder* builder, const Closure& closure);
  ValueId explore_children(Context& context, const Frame& frame, GraphBuilder* builder, const Closure& closure);
  static void split(Context& context, int32_t decision, size_t alternatives);
  void count_run(const Context& context);
  int32_t freeze(const Context& context);
  int32_t freeze(const Item& item);

  TraceBuilder nodes_;
  std::unique_ptr<Context> root_;
  std::vector<Frame> frames_;
  int64_t structural_runs_ = 0;
};

}  // namespace nacre
