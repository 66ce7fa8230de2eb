// What kind of processor this is, as far as numbers and times depend on it.
#pragma once

#include <cstdint>
#include <string>

namespace nacre {

std::string processor_model();          // as the system names it, "" when it does not
std::string widest_vector_extension();  // "avx512", "avx2", "sse4.2", "neon", ...; "baseline" for none
int64_t usable_processors();            // that this process may run on

}  // namespace nacre
