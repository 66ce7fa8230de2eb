// explore_report.js of this folder, as CMake built them in (nacre_embed in cmake/NacreEmbed.cmake).
#pragma once

#include <string_view>

namespace nacre::explore_report_assets {

extern const std::string_view js;

}  // namespace nacre::explore_report_assets
