// The operator tests of the ONNX project (542 single operators, 41 small graphs), straight from their archives: read, run by
// the reference executor, compared with the outputs that came with them; written, read again, same structure.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "nacre/base/file.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/onnx_tensor.hpp"
#include "nacre/ir/reference_executor.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

fs::path collection() {
  const char* data = std::getenv("NACRE_DATA");
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  return (data != nullptr ? fs::path(data) : fs::path(source == nullptr ? "." : source) / ".." / "shared" / "data") /
         "onnx";
}

// Files of a ustar archive by path.
std::map<std::string, std::string> untar(const std::string& archive) {
  std::map<std::string, std::string> files;
  std::string long_name;
  for (size_t at = 0; at + 512 <= archive.size() && archive[at] != '\0';) {
    const auto field = [&](size_t offset, size_t length) {
      return std::string(archive.c_str() + at + offset, strnlen(archive.c_str() + at + offset, length));
    };
    const size_t size = std::stoull("0" + field(124, 12), nullptr, 8);
    const char type = archive[at + 156];
    const std::string content = archive.substr(at + 512, size);
    if (type == 'L') {
      long_name = content.c_str();
    } else if (type == '0' || type == '\0') {
      const std::string prefix = field(345, 155);
      files[!long_name.empty() ? long_name : prefix.empty() ? field(0, 100) : prefix + "/" + field(0, 100)] = content;
      long_name.clear();
    }
    at += 512 + (size + 511) / 512 * 512;
  }
  return files;
}

// A TensorProto file, read as the initializer of a model around it.
Tensor read_tensor(const std::string& bytes) {
  WireWriter graph;
  graph.bytes(onnx::field::graph::initializer, bytes);
  WireWriter model;
  model.message(onnx::field::model::graph, graph);
  const std::string file = model.take();
  return *onnx::TensorReader("tensor", "", false).read(onnx::decode_model(file, "tensor").graph.initializers.at(0));
}

double difference(const Tensor& found, const Tensor& expected) {
  if (found.type() != expected.type() || found.extents() != expected.extents()) return INFINITY;
  double worst = 0;
  for (int64_t i = 0; i < found.elements(); ++i) {
    const double a = found.number_at(i);
    const double b = expected.number_at(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    worst = std::max(worst, std::abs(a - b) / (1e-2 + std::abs(b)));
  }
  return worst;
}

struct Tally {
  int right = 0;
  int older_opset = 0;     // before opset 7
  int without_kernel = 0;  // read and written, not run
  std::vector<std::string> wrong;
};

// Where the expected outputs of the collection disagree with the specification (corrected upstream later), and files that
// hold optional or sequence inputs.
bool is_known_exception(const std::string& name) {
  static const std::vector<std::string> names = {
      "test_resize_downsample_scales_linear_align_corners", "test_resize_downsample_scales_cubic_align_corners",
      "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True", "test_identity_opt"};
  return std::ranges::find(names, name) != names.end();
}

void check_case(const std::string& folder, const std::map<std::string, std::string>& files, Tally& tally) {
  const std::string name = fs::path(folder).filename();
  if (is_known_exception(name)) return;
  Graph graph;
  try {
    graph = read_onnx_bytes(files.at(folder + "/model.onnx"), name);
  } catch (const UserError& error) {
    const std::string message = error.what();
    if (message.find("is not supported; nacre reads opsets 7 to 21") == std::string::npos)
      tally.wrong.push_back(message);
    ++tally.older_opset;
    return;
  }
  if (structure_hash(read_onnx_bytes(write_onnx_bytes(graph), name)) != structure_hash(graph))
    tally.wrong.push_back(name + ": writing changes the structure");
  for (int set = 0; files.contains(folder + "/test_data_set_" + std::to_string(set) + "/output_0.pb"); ++set) {
    const std::string data = folder + "/test_data_set_" + std::to_string(set);
    NamedTensors inputs;
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      const auto file = files.find(data + "/input_" + std::to_string(i) + ".pb");
      if (file != files.end()) inputs.emplace(graph.value(graph.inputs[i]).name, read_tensor(file->second));
    }
    NamedTensors outputs;
    try {
      outputs = run_reference(graph, inputs);
    } catch (const UserError& error) {
      ++tally.without_kernel;
      return;
    }
    for (size_t i = 0; i < graph.outputs.size(); ++i) {
      const auto file = files.find(data + "/output_" + std::to_string(i) + ".pb");
      if (file == files.end()) continue;
      const double worst = difference(outputs.at(value_text(graph, graph.outputs[i])), read_tensor(file->second));
      if (!(worst < 1e-3))
        tally.wrong.push_back(name + ": output " + std::to_string(i) + " differs by " + std::to_string(worst));
    }
  }
  ++tally.right;
}

TEST(OnnxOperatorData, ReadRunWriteAgree) {
  if (!fs::is_directory(collection())) GTEST_SKIP() << "no ONNX collection at " << collection() << " (set NACRE_DATA)";
  Tally tally;
  for (const char* archive : {"op_tests_node.tar.gz", "op_tests_simple_pytorch_operator.tar.gz"}) {
    const std::map<std::string, std::string> files = untar(read_possibly_gzipped_file(collection() / archive));
    for (const auto& [path, content] : files) {
      if (path.ends_with("/model.onnx")) check_case(fs::path(path).parent_path(), files, tally);
    }
  }
  std::string wrong;
  for (const std::string& line : tally.wrong) wrong += line + "\n";
  EXPECT_TRUE(tally.wrong.empty()) << wrong;
  EXPECT_GE(tally.right, 486);
  RecordProperty("right", tally.right);
  std::printf("ONNX operator tests: %d equal, %d read and written without a kernel, %d of an opset before 7\n",
              tally.right, tally.without_kernel, tally.older_opset);
}

}  // namespace
}  // namespace nacre
