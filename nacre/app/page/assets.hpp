// page.html, page.css and plot.js of this folder, as CMake built them in (nacre_embed in cmake/NacreEmbed.cmake).
#pragma once

#include <string_view>

namespace nacre::page_assets {

extern const std::string_view html;
extern const std::string_view css;
extern const std::string_view js;

}  // namespace nacre::page_assets
