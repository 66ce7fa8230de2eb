// Which registered spaces can be supernets, and in which layout: what the documentation says (docs/supernet.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "small_supernet.hpp"

namespace nacre {
namespace {

enum class Ability { refused, separate, both, nested };

struct Case {
  std::string kind, options;
  Ability expected;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.kind; }

// Every parameter of drawn networks is found in the shared ones.
bool serves(const Space& space, const Supernet& whole, WeightLayout layout) {
  SharedStore store(whole.graph, {layout, false}, 1, {});
  Random random(5);
  try {
    for (int i = 0; i < 20; ++i) {
      const Decisions decisions = space.trace().sample(random);
      store.network_weights(build_supernet(space, {}, &decisions).graph);
    }
  } catch (const UserError&) {
    return false;
  }
  return true;
}

class EverySpace : public testing::TestWithParam<Case> {};

TEST_P(EverySpace, IsASupernetAsDocumented) {
  const auto space = make_space(GetParam().kind, space_context({3, 32, 32}, 10), GetParam().options);
  Ability found = Ability::refused;
  try {
    const Supernet whole = build_supernet(*space, {});
    const bool separate = serves(*space, whole, WeightLayout::separate),
               nested = serves(*space, whole, WeightLayout::nested);
    found = separate && nested ? Ability::both
            : nested           ? Ability::nested
            : separate         ? Ability::separate
                               : Ability::refused;
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("decision '"));
  }
  EXPECT_EQ(static_cast<int>(found), static_cast<int>(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    All, EverySpace,
    testing::Values(Case{"mbconv", "", Ability::both}, Case{"single_path", "", Ability::both},
                    Case{"ofa", "", Ability::both}, Case{"fbnetv3", "", Ability::both},
                    Case{"resnet", "", Ability::both}, Case{"mlp", "", Ability::both},
                    Case{"nats_size", "", Ability::refused}, Case{"nasbench201", "", Ability::both},
                    Case{"nasbench_macro", "", Ability::both}, Case{"darts", "{channels: 4, cells: 3}", Ability::both},
                    Case{"sharpdarts", "{channels: 4, cells: 3}", Ability::both},
                    Case{"hypercuboid", "{channels: [4, 8], pairs: 2}", Ability::both},
                    Case{"nasnet", "{channels: 4}", Ability::refused},
                    Case{"eeea", "{channels: 4, cells: 3}", Ability::refused},
                    Case{"transnas101_micro", "", Ability::both}, Case{"nasbench101", "", Ability::refused},
                    Case{"super_blocks", "", Ability::refused}),
    [](const testing::TestParamInfo<Case>& info) { return info.param.kind; });

}  // namespace
}  // namespace nacre
