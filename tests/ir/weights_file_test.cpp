#include "nacre/ir/weights_file.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

Weights sample() {
  Weights weights;
  weights.metadata["epochs"] = "3";
  weights.tensors.emplace_back("a", Tensor::of<float>({2, 2}, {1, 2, 3, 4}));
  weights.tensors.emplace_back("empty", Tensor(ElementType::float64, {0, 3}));
  weights.tensors.emplace_back("steps", Tensor::scalar<int64_t>(7));
  return weights;
}

std::string error_of(const std::string& bytes) {
  try {
    read_weights_bytes(bytes, "file");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(WeightsFile, ReadsWhatItWrote) {
  const Weights weights = read_weights_bytes(write_weights_bytes(sample()), "file");
  EXPECT_EQ(weights.metadata, sample().metadata);
  ASSERT_EQ(weights.tensors.size(), 3u);
  for (const auto& [name, tensor] : sample().tensors) EXPECT_EQ(*weights.find(name), tensor) << name;
  EXPECT_EQ(weights.find("b"), nullptr);
}

TEST(WeightsFile, ArtifactsAreNamedByContent) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("nacre-weights-" + std::to_string(::getpid()));
  const std::string name = write_weights_artifact(sample(), folder);
  EXPECT_EQ(write_weights_artifact(sample(), folder), name);
  Weights other = sample();
  other.metadata["epochs"] = "4";
  EXPECT_NE(write_weights_artifact(other, folder), name);
  EXPECT_EQ(read_weights(folder / name).tensors.size(), 3u);
  std::filesystem::remove_all(folder);
}

TEST(WeightsFile, HostileBytesAreRefused) {
  EXPECT_EQ(error_of("abc"), "file: not a weights file: shorter than 8 bytes");
  const auto with_header = [](const std::string& header, const std::string& data) {
    const uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
  };
  std::string huge(16, '\0');
  std::memset(huge.data(), 0xff, 8);
  EXPECT_NE(error_of(huge).find("does not fit"), std::string::npos);
  EXPECT_EQ(error_of(with_header(R"({"w":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}})", "")),
            "file: weight 'w': data_offsets past the end of the file");
  EXPECT_EQ(error_of(with_header(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "abcd")),
            "file: weight 'w': shape and data_offsets disagree");
  EXPECT_EQ(error_of(with_header(R"({"w":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}})", "abcd")),
            "file: weight 'w': unknown dtype 'F33'");
  EXPECT_EQ(error_of(with_header(R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "abcd")),
            "file: weight 'w': malformed shape");
  const std::string whole = write_weights_bytes(sample());
  for (size_t length = 0; length < whole.size(); ++length) EXPECT_NE(error_of(whole.substr(0, length)), "") << length;
}

TEST(WeightsFile, ApplyNamesWhatDoesNotFit) {
  GraphBuilder builder("g");
  const ValueId x = builder.input("x", ElementType::float32, {1, 2});
  builder.output(builder.linear("head", x, 3, false), "y");
  Graph graph = builder.take();
  const std::string name = value_text(graph, graph.initializers()[0].value);
  Weights weights;
  const auto message = [&] {
    try {
      apply_weights(graph, weights);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message(), "the weights have no tensor '" + name + "', which the network needs");
  weights.tensors.emplace_back(name, Tensor(ElementType::float32, {5, 5}));
  EXPECT_NE(message().find("weight '" + name + "': expected float32 "), std::string::npos) << message();
  weights.tensors[0].second = Tensor(ElementType::float32, graph.value(graph.initializers()[0].value).shape->extents());
  EXPECT_EQ(message(), "");
  EXPECT_EQ(weights_of(graph).tensors.size(), 1u);
}

}  // namespace
}  // namespace nacre
