// Property test over random definitions: a trace either refuses a definition or counts exactly what building enumerates.
#include <gtest/gtest.h>

#include <memory>

#include "function_space.hpp"

namespace nacre {
namespace {

// A term of a definition; keys are drawn from few names, so that decisions are often shared.
struct Term {
  enum class Kind { nothing, pick, structural, layer, repeat, block, subset, sequence, scope };
  Kind kind = Kind::nothing;
  std::string name;
  std::vector<int64_t> numbers;
  std::vector<std::shared_ptr<Term>> parts;
};
using TermPointer = std::shared_ptr<Term>;

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  TermPointer term(int depth) {
    if (depth < 3 && !made_.empty() && random_.bernoulli(0.15))
      return made_[random_.below(made_.size())];  // a repeated cell
    auto result = std::make_shared<Term>();
    Term& t = *result;
    t.kind = depth == 0 ? (random_.bernoulli(0.6) ? Term::Kind::pick : Term::Kind::nothing)
                        : static_cast<Term::Kind>(random_.below(9));
    t.name = std::string(1, static_cast<char>('a' + random_.below(12)));
    switch (t.kind) {
      case Term::Kind::nothing: break;
      case Term::Kind::pick: t.numbers = numbers(); break;
      case Term::Kind::structural:
        t.numbers = numbers();
        for (size_t i = 0; i < t.numbers.size(); ++i) t.parts.push_back(term(depth - 1));
        break;
      case Term::Kind::layer:
        for (uint64_t i = 0; i < 2 + random_.below(2); ++i) t.parts.push_back(term(depth - 1));
        break;
      case Term::Kind::repeat:
        t.numbers = random_.bernoulli(0.3)   ? std::vector<int64_t>{2}
                    : random_.bernoulli(0.5) ? std::vector<int64_t>{0, 1, 2}
                                             : std::vector<int64_t>{1, 2};
        t.parts.push_back(term(depth - 1));
        break;
      case Term::Kind::subset:
        for (int i = 0; i < 3; ++i) t.parts.push_back(term(depth - 1));
        break;
      case Term::Kind::block:
      case Term::Kind::scope: t.parts.push_back(term(depth - 1)); break;
      case Term::Kind::sequence:
        for (uint64_t i = 0; i < 2 + random_.below(2); ++i) t.parts.push_back(term(depth - 1));
        break;
    }
    made_.push_back(result);
    return result;
  }

 private:
  std::vector<int64_t> numbers() {
    return random_.bernoulli(0.5) ? std::vector<int64_t>{0, 1} : std::vector<int64_t>{0, 1, 2};
  }
  Random random_;
  std::vector<TermPointer> made_;
};

ValueId run(const Term& t, Chooser& choose, GraphBuilder& b, ValueId x) {
  switch (t.kind) {
    case Term::Kind::nothing: return x;
    case Term::Kind::pick: choose.pick("p" + t.name, t.numbers); return x;
    case Term::Kind::structural:
      return run(*t.parts[static_cast<size_t>(choose.pick("s" + t.name, t.numbers).value())], choose, b, x);
    case Term::Kind::layer: {
      std::vector<Branch> branches;
      for (size_t i = 0; i < t.parts.size(); ++i) {
        branches.push_back({std::to_string(i), [&choose, part = t.parts[i]](GraphBuilder& b2, ValueId y) {
                              return run(*part, choose, b2, y);
                            }});
      }
      return choose.layer("l" + t.name, b, x, branches);
    }
    case Term::Kind::repeat: {
      const bool shared = t.name < "d";  // some bodies share their decisions
      return choose.repeat("r" + t.name, b, x, t.numbers, [&](GraphBuilder& b2, ValueId y, int64_t i) {
        if (shared) return run(*t.parts[0], choose, b2, y);
        const auto scope = choose.scope(std::to_string(i));
        return run(*t.parts[0], choose, b2, y);
      });
    }
    case Term::Kind::block:
      return choose.block("b" + t.name, b, x,
                          [&](GraphBuilder& b2, ValueId y) { return run(*t.parts[0], choose, b2, y); });
    case Term::Kind::scope: {
      const auto scope = choose.scope(t.name);
      return run(*t.parts[0], choose, b, x);
    }
    case Term::Kind::subset: {
      const std::vector<std::string> labels = {"u", "v", "w"};
      for (const int64_t i : choose.subset("k" + t.name, labels, 2))
        x = run(*t.parts[static_cast<size_t>(i)], choose, b, x);
      return x;
    }
    case Term::Kind::sequence:
      for (const TermPointer& part : t.parts) x = run(*part, choose, b, x);
      return x;
  }
  return x;
}

TEST(RandomDefinitionTest, CountsWhatBuildingEnumerates) {
  constexpr size_t kLimit = 3000;
  int counted = 0;
  int refused = 0;
  int shared = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    const TermPointer definition = Generator(seed).term(4);
    const FunctionSpace space(
        [&](Chooser& choose, GraphBuilder& b, ValueId x) { return run(*definition, choose, b, x); });
    const std::string refusal = user_error([&] { space.trace(); });
    if (!refusal.empty()) {
      ++refused;
      continue;
    }
    const Trace& trace = space.trace();
    if (trace.count() > kLimit) continue;
    ++counted;
    const std::vector<Decisions> all = enumerate_by_building(space, kLimit);
    ASSERT_EQ(trace.count(), all.size()) << "seed " << seed << "\n" << trace.describe();
    std::vector<char> seen(all.size(), 0);
    for (const Decisions& decisions : all) {
      ASSERT_TRUE(trace.is_complete(decisions)) << "seed " << seed << "\n" << trace.describe();
      const size_t index = trace.index_of(decisions).get_ui();
      ASSERT_EQ(seen[index], 0) << "seed " << seed;
      seen[index] = 1;
      ASSERT_EQ(trace.at(static_cast<unsigned long>(index)), decisions);
    }
    Random random(seed);
    const Decisions a = trace.sample(random);
    const Decisions b = trace.mutate(trace.sample(random), random);
    const Decisions child = trace.cross_over(a, b, random);
    ASSERT_TRUE(trace.is_complete(a) && trace.is_complete(b) && trace.is_complete(child)) << "seed " << seed;
    shared += trace.decisions().size() < trace.nodes().size() / 2 ? 1 : 0;
  }
  // The generator must not be so wild that nothing is left to test.
  EXPECT_GT(counted, 1500);
  EXPECT_GT(refused, 100);
  EXPECT_GT(shared, 5);
}

}  // namespace
}  // namespace nacre
