#include "nacre/design/task.hpp"

namespace nacre {

std::string_view split_name(Split split) {
  switch (split) {
    case Split::train: return "train";
    case Split::validation: return "validation";
    case Split::test: return "test";
  }
  return "?";
}

}  // namespace nacre
