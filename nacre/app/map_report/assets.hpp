// map_report.css and map_report.js of this folder, as CMake built them in (nacre_embed in cmake/NacreEmbed.cmake).
#pragma once

#include <string_view>

namespace nacre::map_report_assets {

extern const std::string_view css;
extern const std::string_view js;

}  // namespace nacre::map_report_assets
