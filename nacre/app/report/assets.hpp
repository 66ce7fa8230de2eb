// The page's frame, style and script: report.html, report.css and report.js of this folder, as CMake built them in
// (nacre_embed in cmake/NacreEmbed.cmake).
#pragma once

#include <string_view>

namespace nacre::report_assets {

extern const std::string_view html;
extern const std::string_view css;
extern const std::string_view js;

}  // namespace nacre::report_assets
