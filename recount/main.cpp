// nacre_recount FILE... : judges mappings that nacre found (lines of JSON, see nacre/hw/mapper/mapping_record.hpp; "-" is standard
// input). Counts accesses, cycles and energy from the mapping alone. Exit code 0: all agree; 1: some do not; 2: a file is none.
#include <fstream>
#include <iostream>

#include "recount/price.hpp"

namespace {

struct Tally {
  int agree = 0, differ = 0;
};

void judge(std::istream& lines, const std::string& origin, Tally& tally) {
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty()) continue;
    try {
      const recount::Record record = recount::read_record(line);
      const std::string difference = recount::difference(record);
      std::cout << record.name << ": " << (difference.empty() ? "agrees" : difference) << "\n";
      ++(difference.empty() ? tally.agree : tally.differ);
    } catch (const std::exception& error) {
      throw std::runtime_error(origin + ":" + std::to_string(number) + ": " + error.what());
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count < 2) throw std::runtime_error("usage: nacre_recount FILE... (lines of mappings; - is standard input)");
    Tally tally;
    for (int i = 1; i < count; ++i) {
      const std::string name = arguments[i];
      if (name == "-") {
        judge(std::cin, "standard input", tally);
        continue;
      }
      std::ifstream file(name);
      if (!file) throw std::runtime_error(name + ": cannot be opened");
      judge(file, name, tally);
    }
    std::cout << tally.agree << " agree, " << tally.differ << " differ\n";
    return tally.differ == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "nacre_recount: " << error.what() << "\n";
    return 2;
  }
}
