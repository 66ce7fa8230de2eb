#include <iostream>

#include "nacre/app/study_report.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/json.hpp"

namespace nacre {

void add_report(Command& program, Session& session) {
  Command verb = program.add_verb("report", "write the report of a study anew: one HTML file, no network needed");
  auto folder = std::make_shared<std::string>();
  verb.add_option("folder", *folder, "output folder of a search").required();
  verb.on_run([folder, &session] {
    const std::string path = write_study_report(*folder).string();
    if (session.json) {
      std::cout << Json{{"report", path}}.dump() << "\n";
    } else {
      std::cout << path << "\n";
    }
  });
}

}  // namespace nacre
