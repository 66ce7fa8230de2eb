// report.js of this folder, as CMake built it in (nacre_embed in cmake/NacreEmbed.cmake).
#pragma once

#include <string_view>

namespace nacre::report_assets {

extern const std::string_view js;

}  // namespace nacre::report_assets
