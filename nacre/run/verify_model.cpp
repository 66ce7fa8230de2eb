#include "nacre/run/verify_model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/host_runtime.hpp"
#include "nacre/hw/onnxruntime/session.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/run/verify_inputs.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStored = "stored";
const std::string kRuntime = "ONNX Runtime";
constexpr const char* kReexported = "re-exported";

// Whoever runs the model, and what it answered for the set at hand.
struct Runner {
  std::string name = {};
  std::function<NamedTensors(const NamedTensors&)> run = {};
  bool is_reexported = false;
  std::string failure = {};  // why it cannot run this model; it is not asked again
  std::optional<NamedTensors> outputs = {};
};

bool is_executor(const Runner& runner) { return !runner.is_reexported && runner.name != kRuntime; }

std::vector<int64_t> index_of(int64_t element, const std::vector<int64_t>& extents) {
  std::vector<int64_t> index(extents.size());
  for (size_t axis = extents.size(); axis-- > 0;) {
    index[axis] = element % extents[axis];
    element /= extents[axis];
  }
  return index;
}

VerifyComparison compared(const Tensor& found, const Tensor& expected, double tolerance) {
  VerifyComparison result;
  result.difference = compare_tensors(found, expected, tolerance_for(expected.type(), tolerance));
  if (result.difference.worst.has_value()) {
    result.worst = index_of(*result.difference.worst, expected.extents());
    result.found = found.number_at(*result.difference.worst);
    result.expected = expected.number_at(*result.difference.worst);
  }
  return result;
}

class Verification {
 public:
  Verification(const ModelToVerify& model, const VerifyOptions& options) : model_(model), options_(options) {
    report_.name = model.name;
  }

  VerifyReport run() {
    read();
    add_runners();
    const int64_t count = model_.sets.empty() ? options_.samples : static_cast<int64_t>(model_.sets.size());
    for (int64_t i = 0; i < count; ++i) {
      const VerifySet set = model_.sets.empty()
                                ? drawn_set(graph_, {options_.bindings, options_.shapes}, options_.seed, i)
                                : stored_set(graph_, model_.sets[static_cast<size_t>(i)]);
      if (i == 0) note_inputs(set);
      run_set(set);
    }
    for (const Runner& runner : runners_) {
      if (!runner.failure.empty()) report_.notes.push_back(runner.name + " could not run it: " + runner.failure);
    }
    if (report_.comparisons.empty()) throw UserError(nothing_compared());
    if (options_.onnxruntime != nullptr && !runtime_ran_) {
      throw UserError("ONNX Runtime could run neither the model nor what nacre writes of it: " +
                      fmt::format("{}", fmt::join(report_.notes, "; ")));
    }
    if (report_.worst() != nullptr) report_.outcome = VerifyReport::Outcome::differs;
    return std::move(report_);
  }

 private:
  void stop_if_asked() const {
    if (options_.interrupted && options_.interrupted()) throw Interrupted();
  }

  // --- the model and who runs it

  Graph read_model(bool allow_absent_weights) const {
    const OnnxReadOptions reading{
        .folder = model_.file.parent_path(), .infer = true, .allow_absent_weights = allow_absent_weights};
    return model_.file.empty() ? read_onnx_bytes(model_.bytes, model_.name, reading) : read_onnx(model_.file, reading);
  }

  void read() {
    try {
      graph_ = read_model(options_.draw.has_value());
    } catch (const UserError& error) {
      if (options_.draw.has_value() || !can_be_drawn()) throw;
      throw UserError(std::string(error.what()) + "; --draw 1 draws the parameters that have no values");
    }
    for (const Initializer& initializer : graph_.initializers()) drawn_ = drawn_ || initializer.data == nullptr;
    if (options_.draw.has_value()) materialize_parameters(graph_, *options_.draw);
    report_.nodes = static_cast<size_t>(std::ranges::count(graph_.nodes(), false, &Node::dead));
  }

  bool can_be_drawn() const {
    try {
      read_model(true);
      return true;
    } catch (const UserError&) {
      return false;
    }
  }

  void add_runners() {
    if (options_.onnxruntime != nullptr && !drawn_) {
      fs::path file = model_.file;
      if (file.empty()) {
        file = folder_.path() / "model.onnx";
        write_file_atomically(file, model_.bytes);
      }
      runners_.push_back(
          {.name = kRuntime, .run = [this, file](const NamedTensors& inputs) { return run_in_runtime(file, inputs); }});
    }
    if (options_.reference)
      runners_.push_back(
          {.name = "reference", .run = [this](const NamedTensors& inputs) { return run_reference(graph_, inputs); }});
    if (options_.torch)
      runners_.push_back(
          {.name = "libtorch", .run = [this](const NamedTensors& inputs) { return run_on_host(graph_, inputs); }});
    if (options_.reexport) add_reexported();
  }

  void add_reexported() {
    const fs::path file = folder_.path() / "reexported.onnx";
    report_.opset = write_onnx(graph_, file).opset;
    again_ = read_onnx(file);
    Runner runner{.name = kReexported, .is_reexported = true};
    if (options_.onnxruntime != nullptr) {
      runner.name += " by " + kRuntime;
      runner.run = [this, file](const NamedTensors& inputs) { return run_in_runtime(file, inputs); };
    } else {
      runner.run = [this](const NamedTensors& inputs) {
        return executor_of_reexported_ == "libtorch" ? run_on_host(again_, inputs) : run_reference(again_, inputs);
      };
    }
    runners_.push_back(std::move(runner));
  }

  NamedTensors run_in_runtime(const fs::path& file, const NamedTensors& inputs) {
    if (loaded_ != file) {
      loaded_.clear();
      options_.onnxruntime->load(file);
      loaded_ = file;
    }
    NamedTensors outputs = options_.onnxruntime->run(inputs);
    runtime_ran_ = true;
    return outputs;
  }

  void note_inputs(const VerifySet& set) {
    for (const ValueId id : graph_.inputs) {
      const std::string name = value_text(graph_, id);
      const Tensor& tensor = set.inputs.at(name);
      report_.inputs.push_back(
          fmt::format("{} {}[{}]", name, element_type_name(tensor.type()), fmt::join(tensor.extents(), ",")));
    }
  }

  // --- one set

  void run_set(const VerifySet& set) {
    for (Runner& runner : runners_) {
      runner.outputs.reset();
      if (!runner.failure.empty()) continue;
      stop_if_asked();
      if (runner.is_reexported && options_.onnxruntime == nullptr && !choose_executor(runner)) continue;
      try {
        runner.outputs = runner.run(set.inputs);
      } catch (const UserError& error) {
        fail(runner, set, error.what());
      }
    }
    std::vector<std::pair<std::string, const NamedTensors*>> judges;
    if (!set.outputs.empty()) judges.emplace_back(kStored, &set.outputs);
    for (const Runner& runner : runners_) {
      if (runner.name == kRuntime && runner.outputs.has_value()) judges.emplace_back(runner.name, &*runner.outputs);
    }
    if (judges.empty()) {
      const auto first = std::ranges::find_if(
          runners_, [](const Runner& runner) { return is_executor(runner) && runner.outputs.has_value(); });
      if (first == runners_.end()) return;
      judges.emplace_back(first->name, &*first->outputs);
    }
    for (const auto& [judge, expected] : judges) {
      for (const Runner& runner : runners_) {
        const bool judges_itself = runner.name == judge;
        if (runner.outputs.has_value() && !judges_itself) compare(set, runner, judge, *expected);
      }
    }
  }

  // By the first executor that ran the graph as read.
  bool choose_executor(Runner& reexported) {
    for (const Runner& runner : runners_) {
      if (!is_executor(runner) || !runner.outputs.has_value()) continue;
      executor_of_reexported_ = runner.name;
      reexported.name = fmt::format("{} by {}", kReexported, runner.name);
      return true;
    }
    return false;
  }

  // Who cannot run the model is noted. But that the model itself runs and not what nacre writes of it, is a difference.
  void fail(Runner& runner, const VerifySet& set, const std::string& why) {
    if (options_.every_executor && is_executor(runner)) throw UserError(runner.name + ": " + why);
    if (runner.is_reexported && original_ran()) {
      VerifyComparison comparison{.set = set.name, .output = "", .found_by = runner.name, .expected_by = "the model"};
      comparison.difference.problem = why;
      comparison.difference.largest = comparison.difference.relative = INFINITY;
      report_.comparisons.push_back(std::move(comparison));
      return;
    }
    runner.failure = why;
  }

  // By whoever runs what was written.
  bool original_ran() const {
    const std::string& same = options_.onnxruntime != nullptr ? kRuntime : executor_of_reexported_;
    return std::ranges::any_of(runners_,
                               [&](const Runner& runner) { return runner.name == same && runner.outputs.has_value(); });
  }

  void compare(const VerifySet& set, const Runner& runner, const std::string& judge, const NamedTensors& expected) {
    // In the order of the model's outputs.
    for (const ValueId id : graph_.outputs) {
      const std::string name = value_text(graph_, id);
      const auto wanted = expected.find(name);
      if (wanted == expected.end()) continue;
      const auto found = runner.outputs->find(name);
      VerifyComparison comparison;
      if (found == runner.outputs->end()) {
        comparison.difference.problem = "there is no such output";
        comparison.difference.largest = comparison.difference.relative = INFINITY;
      } else {
        comparison = compared(found->second, wanted->second, options_.tolerance);
      }
      comparison.set = set.name;
      comparison.output = name;
      comparison.found_by = runner.name;
      comparison.expected_by = judge;
      report_.comparisons.push_back(std::move(comparison));
    }
  }

  std::string nothing_compared() const {
    if (!report_.notes.empty()) return fmt::format("nothing could be compared: {}", fmt::join(report_.notes, "; "));
    return "there is nothing to compare: give stored outputs (--data), --onnxruntime, or both executors";
  }

  const ModelToVerify& model_;
  const VerifyOptions& options_;
  VerifyReport report_;
  TemporaryFolder folder_;
  Graph graph_, again_;
  bool drawn_ = false;  // parameters without values: ONNX Runtime cannot run the file itself
  std::vector<Runner> runners_;
  std::string executor_of_reexported_;
  fs::path loaded_;
  bool runtime_ran_ = false;
};

}  // namespace

Tolerance tolerance_for(ElementType type, double tolerance) {
  constexpr double kHalf = 4.0 / 2048, kBrain = 4.0 / 256;  // four times half a unit in the last place of 1
  if (type == ElementType::float16) tolerance = std::max(tolerance, kHalf);
  if (type == ElementType::bfloat16) tolerance = std::max(tolerance, kBrain);
  return {.relative = tolerance, .absolute = tolerance};
}

std::string VerifyComparison::message() const {
  if (difference.equal()) return "";
  const std::string where = output.empty() ? set : fmt::format("{}, output '{}'", set, output);
  std::string text = fmt::format("{}: {} against {}: ", where, found_by, expected_by);
  if (!difference.worst.has_value()) return text + difference.problem;
  return text + fmt::format("{} elements differ; the worst, at [{}], is {:.9g}, expected {:.9g}", difference.outside,
                            fmt::join(worst, ","), found, expected);
}

double VerifyReport::largest() const {
  double result = 0;
  for (const VerifyComparison& item : comparisons) result = std::max(result, item.difference.largest);
  return result;
}

double VerifyReport::relative() const {
  double result = 0;
  for (const VerifyComparison& item : comparisons) result = std::max(result, item.difference.relative);
  return result;
}

const VerifyComparison* VerifyReport::worst() const {
  const VerifyComparison* result = nullptr;
  for (const VerifyComparison& item : comparisons) {
    if (item.difference.equal()) continue;
    if (result == nullptr || item.difference.largest > result->difference.largest) result = &item;
  }
  return result;
}

std::string_view outcome_name(VerifyReport::Outcome outcome) {
  switch (outcome) {
    case VerifyReport::Outcome::agreed: return "agreed";
    case VerifyReport::Outcome::differs: return "differs";
    case VerifyReport::Outcome::refused: return "refused";
  }
  return "";
}

std::vector<ModelToVerify> find_models_to_verify(const fs::path& path) {
  std::vector<ModelToVerify> models;
  const std::string name = path.filename().string();
  const bool archive = name.ends_with(".tar") || name.ends_with(".tar.gz") || name.ends_with(".tgz");
  if (fs::is_regular_file(path) && !archive) {
    models.push_back({.name = path.string(), .file = path});
    return models;
  }
  if (!fs::exists(path)) throw UserError("there is no model '" + path.string() + "'");
  std::vector<fs::path> files;
  bool cases = archive;
  if (!archive) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
      if (!entry.is_regular_file()) continue;
      if (entry.path().filename() == "model.onnx")
        cases = true;
      else if (entry.path().extension() == ".onnx")
        files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) models.push_back({.name = fs::relative(file, path).string(), .file = file});
  if (cases) {
    for (OnnxTestCase& test : read_onnx_test_cases(path)) {
      ModelToVerify model{.name = test.name, .sets = std::move(test.sets)};
      if (test.folder.empty())
        model.bytes = std::move(test.model);
      else
        model.file = test.folder / "model.onnx";
      models.push_back(std::move(model));
    }
  }
  if (models.empty())
    throw UserError("'" + path.string() +
                    "' holds no model: expected .onnx files, or model.onnx beside test_data_set_0");
  return models;
}

VerifyReport verify_model(const ModelToVerify& model, const VerifyOptions& options) {
  return Verification(model, options).run();
}

}  // namespace nacre
