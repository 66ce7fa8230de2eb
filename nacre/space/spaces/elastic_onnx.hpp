// Faster versions of a network that is trained already: an ONNX model whose widths, residual blocks and kernels become
// decisions (space/imported/elastic_network.hpp). A candidate begins with the weights of the original that it keeps, and is
// then trained a little, imitating the original.
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord elastic_onnx_record();
std::unique_ptr<Space> make_elastic_onnx_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
