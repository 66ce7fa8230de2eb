// What the mapper claims is counted again by the recounter (recount/), from the mapping alone and by other means.
#include "nacre/hw/mapper/mapping_record.hpp"

#include <gtest/gtest.h>

#include "nacre/base/json.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/loopnest/network_workloads.hpp"
#include "nacre/hw/mapper/mapper.hpp"
#include "recount/price.hpp"
#include "reference_machines.hpp"

namespace nacre {
namespace {

Workload convolution(const std::string& name, int64_t k, int64_t c, int64_t p, int64_t q, int64_t r, int64_t stride) {
  return reference::convolution(
      name, {{"depthwise", 0}, {"K", k}, {"C", c}, {"P", p}, {"Q", q}, {"R", r}, {"S", r}, {"stride", stride}});
}

std::vector<Workload> layers() {
  std::vector<Workload> result = {convolution("3x3", 12, 5, 9, 7, 3, 1), convolution("strided", 8, 10, 7, 7, 3, 2),
                                  convolution("gaps", 6, 4, 11, 5, 1, 3), convolution("wide", 7, 3, 6, 13, 5, 2)};
  Workload product{.name = "product", .dimensions = {{"G", 3}, {"P", 11}, {"K", 13}, {"C", 10}}};
  const auto axis = [](int d) { return TensorAxis{{{d, 1}}}; };
  product.tensors = {
      {.name = "Weights", .role = TensorRole::weights, .axes = {axis(0), axis(2), axis(3)}},
      {.name = "Inputs", .role = TensorRole::inputs, .axes = {axis(0), axis(1), axis(3)}, .density = 0.5},
      {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(0), axis(1), axis(2)}}};
  product.partial_sum_bits = 32;
  result.push_back(product);
  return result;
}

std::vector<AcceleratorDescription> machines() {
  std::vector<AcceleratorDescription> result;
  for (const char* name : {"eyeriss", "nvdla_large", "gemmini"}) result.push_back(load_accelerator(name));
  AcceleratorDescription apart = load_accelerator("eyeriss");  // nothing shared on the way
  apart.name = "apart";
  apart.levels[1].fanout.multicast = apart.levels[1].fanout.reduction = false;
  apart.levels[1].leakage_w = 0.001;
  result.push_back(apart);
  return result;
}

// In the numbers that the machine computes with.
Workload in_formats_of(const AcceleratorDescription& machine, Workload layer) {
  for (WorkloadTensor& tensor : layer.tensors) {
    tensor.format = tensor.role == TensorRole::weights ? machine.native.weights : machine.native.activations;
    tensor.bits = format_bits(tensor.format);
  }
  layer.partial_sum_bits = format_bits(machine.native.partial_sums);
  return layer;
}

std::string judged(const std::string& record) { return recount::difference(recount::read_record(record)); }

TEST(MappingRecord, WhatEveryMethodFindsIsCountedAlike) {
  int uneven = 0;
  for (const AcceleratorDescription& machine : machines())
    for (const Workload& plain : layers())
      for (const std::string& method : mapper_registry().names())
        for (const HaloRule halos : {HaloRule::kept, HaloRule::discarded}) {
          const Workload layer = in_formats_of(machine, plain);
          MapperOptions options;
          options.method = method;
          options.evaluations = 300;
          options.time_s = method == "exact" ? 0.05 : 0;
          options.rules.halos = halos;
          const MappingResult found = find_mapping(layer, machine, options);
          const std::string record = mapping_record(layer, machine, found.mapping, found.cost, options.rules);
          EXPECT_EQ(judged(record), "") << record;
          std::vector<int64_t> product(layer.dimensions.size(), 1);
          for (const LevelMapping& level : found.mapping.levels)
            for (const MappedLoop& loop : level.loops) product[std::size_t(loop.dimension)] *= loop.factor;
          for (std::size_t d = 0; d < product.size(); ++d) uneven += product[d] != layer.dimensions[d].size ? 1 : 0;
        }
  EXPECT_GT(uneven, 20);  // factors that do not divide were among them
}

TEST(MappingRecord, EveryFalseClaimIsFound) {
  const AcceleratorDescription machine = load_accelerator("eyeriss");
  const Workload layer = in_formats_of(machine, layers()[0]);
  MapperOptions options;
  options.method = "lattice";
  options.evaluations = 500;
  options.time_s = 0;
  const MappingResult found = find_mapping(layer, machine, options);
  const Json record = parse_json(mapping_record(layer, machine, found.mapping, found.cost), "record");
  const auto claims = [&](auto&& change) {
    Json changed = record;
    change(changed);
    return judged(changed.dump());
  };
  ASSERT_EQ(judged(record.dump()), "");
  EXPECT_NE(claims([](Json& r) { r["claimed"]["cycles"] = r["claimed"]["cycles"].get<double>() - 1; }), "");
  EXPECT_NE(claims([](Json& r) { r["claimed"]["energy_j"] = r["claimed"]["energy_j"].get<double>() * 1.0001; }), "");
  EXPECT_NE(claims([](Json& r) { r["claimed"]["energy_j"] = nullptr; }), "");
  for (std::size_t i = 0; i < record["claimed"]["traffic"].size(); ++i)
    for (const char* what : {"reads", "fills", "updates"})
      EXPECT_NE(claims([&](Json& r) {
                  auto& number = r["claimed"]["traffic"][i][what];
                  number = number.get<int64_t>() + 1;
                }),
                "")
          << i << what;
  EXPECT_NE(claims([](Json& r) { r["machine"]["levels"][1]["capacity_bits"] = 8; }), "");
  EXPECT_NE(claims([](Json& r) { r["machine"]["levels"][1]["x"] = 1; }), "");
}

TEST(MappingRecord, RefusesWhatIsNone) {
  const AcceleratorDescription machine = load_accelerator("gemmini");
  const Workload layer = in_formats_of(machine, layers()[0]);
  MapperOptions options;
  options.method = "random_pruned";
  options.evaluations = 10;
  const MappingResult found = find_mapping(layer, machine, options);
  Json record = parse_json(mapping_record(layer, machine, found.mapping, found.cost), "record");
  EXPECT_THROW(recount::read_record("{"), std::exception);
  Json changed = record;
  changed["layer"]["dimensions"]["K"] = 4000;
  try {
    recount::read_record(changed.dump());
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "dimension 'K' is not covered");
  }
  changed = record;
  changed["mapping"] = "DRAM[WIO] K12";
  try {
    recount::read_record(changed.dump());
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "the mapping has too few levels");
  }
}

}  // namespace
}  // namespace nacre
