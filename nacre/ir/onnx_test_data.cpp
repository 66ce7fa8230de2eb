#include "nacre/ir/onnx_test_data.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "nacre/base/file.hpp"
#include "nacre/base/tar.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/onnx_tensor.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kModelFile = "model.onnx";
constexpr std::string_view kSetPrefix = "test_data_set_";
constexpr size_t kMostTensors = 4096;  // of one set

// "input_12.pb" -> 12 for the stem "input_".
std::optional<size_t> position_of(std::string_view file, std::string_view stem) {
  if (!file.starts_with(stem) || !file.ends_with(".pb")) return std::nullopt;
  const std::string_view digits = file.substr(stem.size(), file.size() - stem.size() - 3);
  size_t position = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), position);
  if (error != std::errc{} || end != digits.data() + digits.size() || position >= kMostTensors) return std::nullopt;
  return position;
}

void place(std::vector<std::optional<Tensor>>& list, size_t position, Tensor tensor) {
  if (list.size() <= position) list.resize(position + 1);
  list[position] = std::move(tensor);
}

void add_file(OnnxTestSet& set, const std::string& file, std::string_view bytes, const std::string& origin) {
  for (const bool is_input : {true, false}) {
    const std::optional<size_t> position = position_of(file, is_input ? "input_" : "output_");
    if (!position.has_value()) continue;
    try {
      place(is_input ? set.inputs : set.outputs, *position, read_onnx_tensor(bytes, origin + "/" + file));
    } catch (const UserError& error) {
      if (set.problem.empty()) set.problem = error.what();
    }
  }
}

// Nothing when the folder holds no tensor.
std::optional<OnnxTestSet> set_of_folder(const fs::path& folder) {
  OnnxTestSet set;
  set.name = fs::weakly_canonical(folder).filename().string();
  for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
    if (file.is_regular_file() && file.path().extension() == ".pb")
      add_file(set, file.path().filename().string(), read_file(file.path()), folder.string());
  }
  if (set.inputs.empty() && set.outputs.empty() && set.problem.empty()) return std::nullopt;
  return set;
}

// By number, so that set 10 follows set 9.
void sort_sets(std::vector<OnnxTestSet>& sets) {
  std::ranges::sort(sets, [](const OnnxTestSet& a, const OnnxTestSet& b) {
    return a.name.size() != b.name.size() ? a.name.size() < b.name.size() : a.name < b.name;
  });
}

std::vector<OnnxTestCase> cases_of_archive(const fs::path& path) {
  const std::string archive = read_possibly_gzipped_file(path);
  std::map<std::string, OnnxTestCase> cases;  // by folder
  std::map<std::string, std::map<std::string, OnnxTestSet>> sets;
  for (const TarEntry& entry : read_tar(archive, path.string())) {
    const fs::path file(entry.path);
    const fs::path folder = file.parent_path();
    if (file.filename() == kModelFile) {
      OnnxTestCase& test = cases[folder.string()];
      test.name = folder.filename().string();
      test.model = entry.content;
    } else if (folder.filename().string().starts_with(kSetPrefix)) {
      OnnxTestSet& set = sets[folder.parent_path().string()][folder.filename().string()];
      set.name = folder.filename().string();
      add_file(set, file.filename().string(), entry.content, path.string() + ":" + folder.string());
    }
  }
  std::vector<OnnxTestCase> result;
  for (auto& [folder, test] : cases) {
    for (auto& [name, set] : sets[folder]) test.sets.push_back(std::move(set));
    sort_sets(test.sets);
    result.push_back(std::move(test));
  }
  return result;
}

std::string typed(const Tensor& tensor) {
  std::string text = std::string(element_type_name(tensor.type())) + "[";
  for (size_t i = 0; i < tensor.extents().size(); ++i)
    text += (i == 0 ? "" : ",") + std::to_string(tensor.extents()[i]);
  return text + "]";
}

std::string number_text(double number) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.9g", number);
  return buffer;
}

NamedTensors named_inputs(const Graph& graph, const OnnxTestSet& set) {
  if (set.inputs.size() > graph.inputs.size()) {
    throw UserError(set.name + " has " + std::to_string(set.inputs.size()) + " inputs, the model takes " +
                    std::to_string(graph.inputs.size()));
  }
  NamedTensors inputs;
  for (size_t i = 0; i < set.inputs.size(); ++i) {
    if (set.inputs[i].has_value()) inputs.insert_or_assign(graph.value(graph.inputs[i]).name, *set.inputs[i]);
  }
  return inputs;
}

void run_set(const Graph& graph, const OnnxTestSet& set, const GraphRunner& runner, const Tolerance& tolerance,
             OnnxTestResult& result) {
  if (!set.problem.empty()) throw UserError(set.problem);
  if (set.outputs.size() > graph.outputs.size()) {
    throw UserError(set.name + " has " + std::to_string(set.outputs.size()) + " outputs, the model gives " +
                    std::to_string(graph.outputs.size()));
  }
  const NamedTensors outputs = runner(graph, named_inputs(graph, set));
  for (size_t i = 0; i < set.outputs.size(); ++i) {
    if (!set.outputs[i].has_value()) continue;
    const std::string name = value_text(graph, graph.outputs[i]);
    const auto found = outputs.find(name);
    if (found == outputs.end()) throw UserError("the runner gave no output '" + name + "'");
    const TensorDifference difference = compare_tensors(found->second, *set.outputs[i], tolerance);
    result.largest = std::max(result.largest, difference.largest);
    if (difference.equal() || result.outcome == OnnxTestResult::Outcome::differs) continue;
    result.outcome = OnnxTestResult::Outcome::differs;
    result.message = set.name + ", output '" + name + "': " + difference.problem;
  }
  ++result.sets;
}

}  // namespace

// --- files --------------------------------------------------------------------------------------------------------

Tensor read_onnx_tensor(std::string_view bytes, const std::string& origin) {
  const onnx::Tensor message = onnx::decode_tensor_file(bytes, origin);
  std::optional<Tensor> tensor = onnx::TensorReader(origin, "", false).read(message);
  NACRE_CHECK(tensor.has_value());
  return *std::move(tensor);
}

std::string write_onnx_tensor(const Tensor& tensor, std::string_view name) {
  return onnx::encode_tensor(tensor, name).take();
}

std::vector<OnnxTestSet> read_onnx_test_sets(const fs::path& folder) {
  if (!fs::is_directory(folder)) throw UserError("'" + folder.string() + "' is no folder");
  std::vector<OnnxTestSet> sets;
  if (std::optional<OnnxTestSet> set = set_of_folder(folder)) {
    sets.push_back(*std::move(set));
    return sets;
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (!entry.is_directory() || !entry.path().filename().string().starts_with(kSetPrefix)) continue;
    if (std::optional<OnnxTestSet> set = set_of_folder(entry.path())) sets.push_back(*std::move(set));
  }
  if (sets.empty()) {
    throw UserError(
        "'" + folder.string() +
        "' holds no data set: expected input_0.pb, output_0.pb, ... in it or in folders test_data_set_0, ... "
        "beneath");
  }
  sort_sets(sets);
  return sets;
}

OnnxTestCase read_onnx_test_case(const fs::path& folder) {
  if (!fs::is_directory(folder)) throw UserError("'" + folder.string() + "' is no folder");
  if (!fs::is_regular_file(folder / kModelFile)) throw UserError("'" + folder.string() + "' holds no model.onnx");
  OnnxTestCase test;
  test.folder = folder;
  test.name = fs::weakly_canonical(folder).filename().string();
  test.model = read_file(folder / kModelFile);
  test.sets = read_onnx_test_sets(folder);
  return test;
}

std::vector<OnnxTestCase> read_onnx_test_cases(const fs::path& path) {
  std::vector<OnnxTestCase> cases;
  if (fs::is_regular_file(path / kModelFile)) {
    cases.push_back(read_onnx_test_case(path));
  } else if (fs::is_directory(path)) {
    std::vector<fs::path> folders;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file() && entry.path().filename() == kModelFile)
        folders.push_back(entry.path().parent_path());
    }
    std::ranges::sort(folders);
    for (const fs::path& folder : folders) cases.push_back(read_onnx_test_case(folder));
  } else {
    cases = cases_of_archive(path);
  }
  if (cases.empty())
    throw UserError("'" + path.string() + "' holds no case: a folder with model.onnx and test_data_set_0");
  return cases;
}

void write_onnx_test_case(const OnnxTestCase& test, const fs::path& folder) {
  write_file_atomically(folder / kModelFile, test.model);
  for (const OnnxTestSet& set : test.sets) {
    for (const bool is_input : {true, false}) {
      const std::vector<std::optional<Tensor>>& list = is_input ? set.inputs : set.outputs;
      for (size_t i = 0; i < list.size(); ++i) {
        if (!list[i].has_value()) continue;
        const std::string file = (is_input ? "input_" : "output_") + std::to_string(i) + ".pb";
        write_file_atomically(folder / set.name / file, write_onnx_tensor(*list[i]));
      }
    }
  }
}

// --- comparing ----------------------------------------------------------------------------------------------------

TensorDifference compare_tensors(const Tensor& found, const Tensor& expected, const Tolerance& tolerance) {
  TensorDifference result;
  if (found.type() != expected.type() || found.extents() != expected.extents()) {
    result.problem = typed(found) + ", expected " + typed(expected);
    result.largest = result.relative = INFINITY;
    result.outside = expected.elements();
    return result;
  }
  const bool floating = is_floating(expected.type());
  if (expected.type() == ElementType::string) {
    for (size_t i = 0; i < expected.strings().size(); ++i)
      result.outside += found.strings()[i] == expected.strings()[i] ? 0 : 1;
    if (result.outside != 0) result.problem = std::to_string(result.outside) + " strings differ";
    return result;
  }
  int64_t worst = 0;
  double magnitude = 0;  // of the finite expected elements
  double excess = -1;    // beyond the tolerance, of the worst element
  for (int64_t i = 0; i < expected.elements(); ++i) {
    const double a = found.number_at(i);
    const double b = expected.number_at(i);
    if (std::isfinite(b)) magnitude = std::max(magnitude, std::abs(b));
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double difference = std::isfinite(a) && std::isfinite(b) ? std::abs(a - b) : INFINITY;
    result.largest = std::max(result.largest, difference);
    const bool tolerant = floating && std::isfinite(difference);
    const double allowed = tolerant ? tolerance.absolute + tolerance.relative * std::abs(b) : 0;
    if (difference <= allowed) continue;
    ++result.outside;
    if (difference - allowed > excess) {
      excess = difference - allowed;
      worst = i;
    }
  }
  result.relative = result.largest == 0 ? 0 : result.largest / magnitude;
  if (result.outside != 0) {
    result.worst = worst;
    result.problem = std::to_string(result.outside) + " of " + std::to_string(expected.elements()) +
                     " elements differ; the worst, at " + std::to_string(worst) + ", is " +
                     number_text(found.number_at(worst)) + ", expected " + number_text(expected.number_at(worst));
  }
  return result;
}

// --- running ------------------------------------------------------------------------------------------------------

OnnxTestResult run_onnx_test(const OnnxTestCase& test, const GraphRunner& runner, const Tolerance& tolerance) {
  OnnxTestResult result;
  result.name = test.name;
  try {
    OnnxReadOptions options;
    options.folder = test.folder;
    const Graph graph = read_onnx_bytes(test.model, test.name, options);
    for (const OnnxTestSet& set : test.sets) run_set(graph, set, runner, tolerance, result);
  } catch (const UserError& error) {
    result.outcome = OnnxTestResult::Outcome::refused;
    result.message = error.what();
  }
  return result;
}

OnnxTestResult run_onnx_test(const OnnxTestCase& test, const Tolerance& tolerance) {
  const auto reference = [](const Graph& graph, const NamedTensors& inputs) { return run_reference(graph, inputs); };
  return run_onnx_test(test, reference, tolerance);
}

std::string_view outcome_name(OnnxTestResult::Outcome outcome) {
  switch (outcome) {
    case OnnxTestResult::Outcome::passed: return "passed";
    case OnnxTestResult::Outcome::differs: return "differs";
    case OnnxTestResult::Outcome::refused: return "refused";
  }
  return "";
}

}  // namespace nacre
