// The module order of docs/architecture.md, enforced: a module includes only modules before it in the list, libtorch
// stays in the modules that may use it, and tests mirror the tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kOrder = {"base",     "ir",       "data",   "quant",  "design", "nn",      "curate",
                                         "hw",       "compress", "space",  "tables", "study",  "predict", "search",
                                         "supernet", "tasks",    "deploy", "run",    "bench",  "app"};

fs::path source_dir() {
  const char* given = std::getenv("NACRE_SOURCE_DIR");
  return given != nullptr ? fs::path(given) : fs::current_path();
}

size_t rank(const std::string& module) {
  return static_cast<size_t>(std::ranges::find(kOrder, module) - kOrder.begin());
}

struct Include {
  fs::path file;
  std::string module;
  std::string target;
};

std::vector<Include> includes() {
  std::vector<Include> found;
  const std::regex pattern(R"re(^\s*#include\s*[<"]([^>"]+)[>"])re");
  for (const auto& entry : fs::recursive_directory_iterator(source_dir() / "nacre")) {
    const std::string extension = entry.path().extension();
    if (extension != ".hpp" && extension != ".cpp") continue;
    std::ifstream stream(entry.path());
    const fs::path relative = fs::relative(entry.path(), source_dir() / "nacre");
    for (std::string line; std::getline(stream, line);) {
      std::smatch match;
      if (std::regex_search(line, match, pattern)) found.push_back({relative, relative.begin()->string(), match[1]});
    }
  }
  return found;
}

TEST(ModuleOrder, EveryFolderIsAModule) {
  for (const auto& entry : fs::directory_iterator(source_dir() / "nacre")) {
    if (!entry.is_directory()) continue;
    EXPECT_LT(rank(entry.path().filename()), kOrder.size()) << entry.path();
  }
}

TEST(ModuleOrder, ModulesIncludeOnlyModulesAboveThem) {
  const std::vector<Include> all = includes();
  ASSERT_GT(all.size(), 50u);
  for (const Include& include : all) {
    if (!include.target.starts_with("nacre/")) continue;
    const fs::path target = fs::path(include.target.substr(6));
    EXPECT_LE(rank(target.begin()->string()), rank(include.module))
        << "nacre/" << include.file.string() << " includes " << include.target << ", which is below it";
    EXPECT_TRUE(fs::exists(source_dir() / "nacre" / target)) << include.file << " includes " << include.target;
  }
}

TEST(ModuleOrder, LibtorchStaysWhereItMay) {
  const std::vector<std::string> allowed = {"nn", "curate", "hw", "compress", "predict", "supernet"};
  for (const Include& include : includes()) {
    if (!include.target.starts_with("torch/") && !include.target.starts_with("ATen/")) continue;
    EXPECT_NE(std::ranges::find(allowed, include.module), allowed.end())
        << "nacre/" << include.file.string() << " includes " << include.target;
  }
}

TEST(ModuleOrder, TestsMirrorTheTree) {
  for (const auto& entry : fs::directory_iterator(source_dir() / "tests")) {
    if (!entry.is_directory()) continue;
    const std::string name = entry.path().filename();
    EXPECT_TRUE(rank(name) < kOrder.size() || name == "structure" || name == "fuzz" || name == "scripts") << name;
  }
}

}  // namespace
