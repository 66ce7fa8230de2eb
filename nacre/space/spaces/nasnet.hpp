// The cell space of NASNet (Zoph et al., Learning transferable architectures for scalable image recognition, CVPR 2018, arXiv
// 1707.07012): each block reads any two states through one of thirteen operators each and adds them or puts them side by side;
// a cell puts the states side by side that no block reads. prod_{b=0..B-1} ((b + 2)^2 13^2 2) cells, squared.
//
//   stem ─ N normal ─ reduction ─ N normal ─ reduction ─ N normal ─ ReLU ─ global average ─ linear
//
// Channels double at reductions. State 0 is the output of the last cell (ReLU, 1x1, batch-norm), state 1 that of the cell before
// it, reduced or brought to the channels where it has to be; the first cell gets its input as it is in its place. Skeletons of
// the released code (research/slim/nets/nasnet of tensorflow/models):
//
//   cifar   stem: 3x3 to 3 x channels
//   mobile  stem: 3x3 of stride 2 without padding to 32, then two reduction cells of a quarter and half the channels
//   large   as mobile with 96; and the normal cell after a reduction gets as state 1 what came before the reduction's input
//
// NASNet-A as released (genotype nasnet-a, concat: released) has the published counts. Its auxiliary head, before the second
// reduction, and its dropped paths are added for training on demand (train.auxiliary_weight, train.drop_path_keep). Batch-norm
// is nacre's usual one (epsilon 1e-5, momentum 0.9), as in the CIFAR networks; the ImageNet ones have 1e-3 and 0.9997.
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord nasnet_record();
std::unique_ptr<Space> make_nasnet_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
