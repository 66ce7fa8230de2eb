#include "nacre/hw/onnxruntime/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "nacre/base/subprocess.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/onnxruntime/package.hpp"
#include "nacre/hw/onnxruntime/run_script.hpp"

namespace nacre {
namespace {

// ONNX Runtime's word for truth values is not ours.
std::string runtime_type_name(ElementType type) {
  return type == ElementType::boolean ? "bool" : std::string(element_type_name(type));
}

ElementType type_from_runtime(const std::string& name) {
  return name == "bool" ? ElementType::boolean : element_type_from_name(name);
}

void write_bytes(const std::filesystem::path& file, const Tensor& tensor) {
  std::ofstream stream(file, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(tensor.data()), tensor.bytes());
  if (!stream.flush()) throw UserError("cannot write '" + file.string() + "'");
}

Tensor tensor_from_answer(const Json& spec) {
  const std::string name = spec.at("name").get<std::string>();
  const ElementType type = type_from_runtime(spec.at("type").get<std::string>());
  if (type == ElementType::undefined)
    throw UserError(fmt::format("output '{}' has the type {}", name, spec.at("type").get<std::string>()));
  Tensor tensor(type, spec.at("shape").get<std::vector<int64_t>>());
  const std::string bytes = read_file(spec.at("file").get<std::string>());
  NACRE_CHECK(static_cast<int64_t>(bytes.size()) == tensor.bytes(), name);
  if (!bytes.empty()) std::memcpy(tensor.mutable_data(), bytes.data(), bytes.size());
  return tensor;
}

}  // namespace

struct OnnxRuntimeSession::Helper {
  explicit Helper(OnnxRuntimeSettings given) : settings(std::move(given)) {
    package = find_onnxruntime_package(settings.package);
    write_file_atomically(folder.path() / "run.js", onnxruntime_run_script::js);
    version = ask({{"describe", true}}).at("runtime").get<std::string>();
  }

  void start() {
    SubprocessOptions options;
    options.arguments = {settings.node, (folder.path() / "run.js").string(), "--package", package.string(),
                         "--threads",   std::to_string(settings.threads)};
    options.interrupted = settings.interrupted;
    try {
      process = std::make_unique<Subprocess>(options);
    } catch (const UserError& error) {
      throw UserError(fmt::format("ONNX Runtime needs Node: {}", error.what()));
    }
  }

  // A helper that is gone is started anew by the next question.
  Json ask(const Json& question) {
    if (process == nullptr) start();
    process->send(question);
    const Heard heard = process->listen(settings.timeout_s);
    if (heard.kind == Heard::Kind::line) {
      Json answer = Json::parse(heard.line, nullptr, false);
      if (!answer.is_object()) throw UserError("ONNX Runtime's helper printed '" + last_line(heard.line, 120) + "'");
      if (answer.contains("error")) throw UserError("ONNX Runtime: " + answer["error"].get<std::string>());
      return answer;
    }
    const std::string tail = last_line(process->error_tail());
    process.reset();
    if (heard.kind == Heard::Kind::nothing)
      throw UserError(fmt::format("ONNX Runtime took longer than {:g} s", settings.timeout_s));
    throw UserError("ONNX Runtime's helper ended" + (tail.empty() ? std::string() : ": " + tail));
  }

  OnnxRuntimeSettings settings;
  TemporaryFolder folder;
  std::filesystem::path package;
  std::unique_ptr<Subprocess> process;
  std::string version;
  std::vector<std::string> input_names;  // of the model that is loaded
};

OnnxRuntimeSession::OnnxRuntimeSession(OnnxRuntimeSettings settings)
    : helper_(std::make_unique<Helper>(std::move(settings))) {}
OnnxRuntimeSession::~OnnxRuntimeSession() = default;

const std::string& OnnxRuntimeSession::version() const { return helper_->version; }

void OnnxRuntimeSession::load(const std::filesystem::path& model) {
  const Json answer = helper_->ask({{"load", std::filesystem::absolute(model).string()}});
  helper_->input_names = answer.at("inputs").get<std::vector<std::string>>();
}

NamedTensors OnnxRuntimeSession::run(const NamedTensors& inputs) {
  Json list = Json::array();
  for (const auto& [name, tensor] : inputs) {
    if (std::ranges::find(helper_->input_names, name) == helper_->input_names.end()) continue;
    if (tensor.type() == ElementType::string)
      throw UserError("input '" + name + "' holds strings, which are not given to ONNX Runtime");
    const std::filesystem::path file = helper_->folder.path() / ("input_" + std::to_string(list.size()));
    write_bytes(file, tensor);
    list.push_back({{"name", name},
                    {"type", runtime_type_name(tensor.type())},
                    {"shape", tensor.extents()},
                    {"file", file.string()}});
  }
  const Json answer = helper_->ask({{"run", std::move(list)}, {"folder", helper_->folder.path().string()}});
  NamedTensors outputs;
  for (const Json& spec : answer.at("outputs"))
    outputs.insert_or_assign(spec.at("name").get<std::string>(), tensor_from_answer(spec));
  return outputs;
}

}  // namespace nacre
