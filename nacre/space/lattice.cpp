#include "nacre/space/lattice.hpp"

#include "nacre/base/error.hpp"

namespace nacre {

ValueId lattice_path(std::string_view name, Chooser& choose, GraphBuilder& builder, ValueId x, const Lattice& lattice) {
  const auto scope = choose.scope(name, builder);
  if (lattice.states.empty() || lattice.steps.empty())
    throw UserError("lattice '" + choose.scope_path() + "': expected at least one state and one step");
  auto* whole = dynamic_cast<LatticeChooser*>(&choose);
  if (whole != nullptr && whole->holds_lattice(choose.scope_path(), lattice))
    return whole->whole_lattice(builder, x, lattice);
  const auto in_part = [&](const std::string& label, const std::function<ValueId(GraphBuilder&)>& build) {
    return whole == nullptr ? build(builder) : whole->lattice_part(builder, label, build);
  };
  int64_t state = choose.pick("start", lattice.states).elastic();
  x = in_part(std::to_string(state), [&](GraphBuilder& b) { return lattice.enter(b, x, state); });
  for (const LatticeStep& step : lattice.steps) {
    const auto inside = choose.scope(step.name, builder);
    const int64_t to = choose.pick("state", lattice.states).elastic();
    x = in_part(std::to_string(state) + "-" + std::to_string(to),
                [&](GraphBuilder& b) { return choose.layer("op", b, x, step.operators(state, to)); });
    state = to;
  }
  return in_part(std::to_string(state), [&](GraphBuilder& b) { return lattice.leave(b, x, state); });
}

}  // namespace nacre
