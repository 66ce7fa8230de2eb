#include "nacre/hw/loopnest/mapping.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// One letter for a tensor: that of its name where these differ, else of its place.
std::vector<char> tensor_letters(const Workload& workload) {
  std::vector<char> letters;
  std::set<char> seen;
  for (const WorkloadTensor& tensor : workload.tensors) {
    letters.push_back(tensor.name.empty() ? '?' : static_cast<char>(std::toupper(tensor.name[0])));
    seen.insert(letters.back());
  }
  if (seen.size() == letters.size() && !seen.contains('?')) return letters;
  for (std::size_t i = 0; i < letters.size(); ++i) letters[i] = static_cast<char>('0' + i);
  return letters;
}

// How a text writes its levels and spatial loops.
struct Notation {
  std::string_view separator;   // between levels
  bool colon;                   // "K4:X", else "K4X"
  bool names_are_accelerators;  // a level's name must be that of the accelerator
};

class MappingParser {
 public:
  MappingParser(std::string_view text, const Workload& workload, const AcceleratorDescription& accelerator,
                const Notation& notation)
      : text_(text), workload_(workload), accelerator_(accelerator), notation_(notation) {}

  Mapping parse() {
    Mapping mapping;
    const std::vector<char> letters = tensor_letters(workload_);
    std::size_t start = 0;
    while (true) {
      const std::size_t end = text_.find(notation_.separator, start);
      const std::string_view part =
          text_.substr(start, end == std::string_view::npos ? std::string_view::npos : end - start);
      if (mapping.levels.size() == accelerator_.levels.size())
        fail(start, fmt::format("more levels than the {} of '{}'", accelerator_.levels.size(), accelerator_.name));
      mapping.levels.push_back(level(part, start, accelerator_.levels[mapping.levels.size()], letters));
      if (end == std::string_view::npos) break;
      start = end + notation_.separator.size();
    }
    if (mapping.levels.size() != accelerator_.levels.size())
      fail(text_.size(), fmt::format("{} levels, but '{}' has {}", mapping.levels.size(), accelerator_.name,
                                     accelerator_.levels.size()));
    return mapping;
  }

 private:
  [[noreturn]] void fail(std::size_t place, const std::string& message) const {
    throw UserError(fmt::format("mapping, column {}: {}", place + 1, message));
  }

  LevelMapping level(std::string_view part, std::size_t offset, const MemoryLevel& description,
                     const std::vector<char>& letters) const {
    std::size_t i = part.find_first_not_of(' ');
    if (i == std::string_view::npos) fail(offset, "a level is missing");
    const std::size_t open = part.find('['), close = part.find(']');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
      fail(offset + i, "expected a level's name and the tensors kept there, as in 'DRAM[WIO]'");
    const std::string name(part.substr(i, open - i));
    if (notation_.names_are_accelerators && name != description.name)
      fail(offset + i, fmt::format("level '{}', expected '{}'", name, description.name));
    LevelMapping result;
    result.keeps.assign(workload_.tensors.size(), false);
    for (std::size_t k = open + 1; k < close; ++k) {
      const auto found = std::find(letters.begin(), letters.end(), part[k]);
      if (found == letters.end())
        fail(offset + k, fmt::format("'{}' names no tensor of '{}' (accepted: {})", part[k], workload_.name,
                                     std::string(letters.begin(), letters.end())));
      result.keeps[static_cast<std::size_t>(found - letters.begin())] = true;
    }
    bool spatial = false;
    for (i = close + 1; i < part.size();) {
      if (part[i] == ' ') {
        ++i;
        continue;
      }
      const std::size_t end = std::min(part.find(' ', i), part.size());
      const MappedLoop loop = loop_of(part.substr(i, end - i), offset + i);
      if (loop.kind == LoopKind::temporal && spatial)
        fail(offset + i, "a temporal loop after a spatial one of the same level");
      spatial |= loop.kind != LoopKind::temporal;
      if (loop.factor > 1) result.loops.push_back(loop);
      i = end;
    }
    return result;
  }

  MappedLoop loop_of(std::string_view word, std::size_t place) const {
    std::string_view rest = word;
    MappedLoop loop;
    if (rest.ends_with('X') || rest.ends_with('Y')) {
      const bool marked = notation_.colon ? rest.size() > 2 && rest[rest.size() - 2] == ':' : rest.size() > 1;
      if (marked) {
        loop.kind = rest.back() == 'X' ? LoopKind::spatial_x : LoopKind::spatial_y;
        rest.remove_suffix(notation_.colon ? 2 : 1);
      }
    }
    const LoopDimension* best = nullptr;
    for (const LoopDimension& dimension : workload_.dimensions) {
      const std::size_t length = dimension.name.size();
      if (rest.size() <= length || !rest.starts_with(dimension.name)) continue;
      const std::string_view digits = rest.substr(length);
      if (!std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isdigit(c); })) continue;
      if (!best || best->name.size() < length) best = &dimension;
    }
    if (!best)
      fail(place, fmt::format("'{}' is no loop of '{}'; expected a dimension and a bound, as in '{}4{}'", word,
                              workload_.name, workload_.dimensions.empty() ? "K" : workload_.dimensions[0].name,
                              notation_.colon ? ":X" : "X"));
    loop.dimension = static_cast<int>(best - workload_.dimensions.data());
    const std::string digits(rest.substr(best->name.size()));
    if (digits.size() > 18) fail(place, "the bound '" + digits + "' is too large");
    loop.factor = std::stoll(digits);
    if (loop.factor < 1) fail(place, "a bound of 0");
    return loop;
  }

  std::string_view text_;
  const Workload& workload_;
  const AcceleratorDescription& accelerator_;
  Notation notation_;
};

}  // namespace

std::string mapping_text(const Mapping& mapping, const Workload& workload, const AcceleratorDescription& accelerator) {
  NACRE_CHECK(mapping.levels.size() == accelerator.levels.size(), "a mapping of another accelerator");
  const std::vector<char> letters = tensor_letters(workload);
  std::string text;
  for (std::size_t level = 0; level < mapping.levels.size(); ++level) {
    if (level) text += " | ";
    text += accelerator.levels[level].name + "[";
    const LevelMapping& here = mapping.levels[level];
    for (std::size_t tensor = 0; tensor < here.keeps.size(); ++tensor)
      if (here.keeps[tensor]) text += letters[tensor];
    text += "]";
    for (const MappedLoop& loop : here.loops) {
      if (loop.factor == 1) continue;
      text += fmt::format(" {}{}", workload.dimensions.at(static_cast<std::size_t>(loop.dimension)).name, loop.factor);
      if (loop.kind != LoopKind::temporal) text += loop.kind == LoopKind::spatial_x ? ":X" : ":Y";
    }
  }
  return text;
}

Mapping parse_mapping(const std::string& text, const Workload& workload, const AcceleratorDescription& accelerator) {
  return MappingParser(text, workload, accelerator, {" | ", true, true}).parse();
}

Mapping parse_dosa_mapping(const std::string& text, const Workload& workload,
                           const AcceleratorDescription& accelerator) {
  return MappingParser(text, workload, accelerator, {" - ", false, false}).parse();
}

}  // namespace nacre
