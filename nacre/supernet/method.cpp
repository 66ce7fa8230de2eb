#include "nacre/supernet/method.hpp"

#include <algorithm>

#include "nacre/supernet/methods.hpp"

namespace nacre {

const Registry<MethodFactory>& supernet_method_registry() {
  static const Registry<MethodFactory> registry = [] {
    Registry<MethodFactory> list("supernet method", "supernet methods");
    add_fbnet(list);
    add_proxyless(list);
    add_darts(list);
    add_pc_darts(list);
    add_sharpdarts(list);
    add_rarts(list);
    add_single_path(list);
    add_bossnas(list);
    return list;
  }();
  return registry;
}

std::vector<Decisions> proposed_networks(const SupernetTraining& training, int64_t count, uint64_t seed) {
  std::vector<Decisions> networks = {training.best_network()};
  int64_t misses = 0;
  for (uint64_t draw = 0; static_cast<int64_t>(networks.size()) < count && misses < 100; ++draw) {
    Random random = Random::stream(seed, "proposed network", draw);
    Decisions network = training.sampled_network(random);
    if (std::ranges::find(networks, network) != networks.end()) {
      ++misses;
      continue;
    }
    misses = 0;
    networks.push_back(std::move(network));
  }
  return networks;
}

}  // namespace nacre
