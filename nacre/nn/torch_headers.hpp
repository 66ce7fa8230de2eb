// The part of libtorch that nacre uses: tensors, operators and autograd; not its layers, optimizers or data loaders, whose
// headers triple the cost of a file. Precompiled for this module.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
