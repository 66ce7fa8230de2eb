// nacre formats analyze | advise: number formats on a model's layers.
#pragma once

#include "nacre/app/verb.hpp"

namespace nacre {

// Adds both to the verb `formats`.
void add_format_analysis(Command& formats, Session& session);

}  // namespace nacre
