// Spaces written as a function, and an enumeration that knows nothing of traces, for the tests of this module.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nacre/space/direct_chooser.hpp"
#include "nacre/space/space.hpp"

namespace nacre {

// The definition gets a builder and a value to work on: an input of shape [batch,8].
class FunctionSpace : public Space {
 public:
  using Definition = std::function<ValueId(Chooser&, GraphBuilder&, ValueId)>;
  explicit FunctionSpace(Definition definition) : definition_(std::move(definition)) {}

  const std::string& name() const override { return name_; }
  using Space::build;
  Design build(Chooser& choose) const override {
    GraphBuilder builder("function");
    const ValueId x = builder.input("x", ElementType::float32, {builder.graph().symbol("batch"), 8});
    builder.output(definition_(choose, builder, x), "y");
    Design design;
    design.graphs.emplace("task", builder.take());
    return design;
  }

 private:
  std::string name_ = "function";
  Definition definition_;
};

// Follows a sequence of indices, zeros beyond its end, and notes how many alternatives each had.
class OdometerChooser : public DirectChooser {
 public:
  explicit OdometerChooser(std::vector<int64_t> digits) : digits_(std::move(digits)) {}
  Decisions resolved() const { return Decisions(asked_); }
  // The next sequence; false after the last.
  bool advance() {
    digits_.resize(asked_.size(), 0);
    while (!digits_.empty() && ++digits_.back() == counts_[digits_.size() - 1]) digits_.pop_back();
    return !digits_.empty();
  }
  const std::vector<int64_t>& digits() const { return digits_; }

 protected:
  int64_t choose(const std::string& key, const Alternatives& alternatives) override {
    for (const Decision& decision : asked_) {
      if (decision.key == key) return decision.index;
    }
    const int64_t index = asked_.size() < digits_.size() ? digits_[asked_.size()] : 0;
    asked_.push_back({key, index});
    counts_.push_back(alternatives.count);
    return index;
  }

 private:
  std::vector<int64_t> digits_;
  std::vector<Decision> asked_;
  std::vector<int64_t> counts_;
};

// Every decision set, by building; stops past `limit`.
inline std::vector<Decisions> enumerate_by_building(const Space& space, size_t limit) {
  std::vector<Decisions> all;
  std::vector<int64_t> digits;
  bool more = true;
  while (more && all.size() <= limit) {
    OdometerChooser chooser(digits);
    static_cast<void>(space.build(chooser));
    all.push_back(chooser.resolved());
    more = chooser.advance();
    digits = chooser.digits();
  }
  return all;
}

// The message of the UserError that f throws, or "".
template <class F>
std::string user_error(const F& f) {
  try {
    f();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace nacre
