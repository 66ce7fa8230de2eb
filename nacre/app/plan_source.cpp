#include "nacre/app/plan_source.hpp"

#include <filesystem>

#include "nacre/base/error.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/run/search_run.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {

Plan plan_from(const PlanSource& source) {
  ConfigNode root;
  std::filesystem::path base;
  if (!source.configuration.empty()) {
    root = load_config(source.configuration);
    base = std::filesystem::path(source.configuration).parent_path();
  } else if (!source.study.empty()) {
    const auto store = open_sqlite_store(study_file(source.study), StoreMode::read_only);
    const StoredStudy stored = read_stored_study(*store, source.study);
    root = config_from_json(stored.configuration, source.study);
    base = stored.base_folder;
  } else {
    throw UserError("expected what names the task: --config FILE, or --study FOLDER (the output folder of a search)");
  }
  for (const std::string& assignment : source.overrides) override_config(root, assignment);
  return make_plan(root, {.base_folder = base});
}

}  // namespace nacre
