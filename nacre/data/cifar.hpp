// The binary form of CIFAR-10 and CIFAR-100: records of label bytes and 3 x 32 x 32 pixels, channel by channel. Plain or
// gzip, one file or several. Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "nacre/data/dataset.hpp"

namespace nacre {

enum class CifarVariant { cifar10, cifar100_fine, cifar100_coarse };

// The records of all files, in the order given. Features are uint8 [N,3,32,32]. UserError when a file is not a whole
// number of records or a label is out of range.
Dataset read_cifar(std::span<const std::filesystem::path> files, CifarVariant variant);

}  // namespace nacre
