// The frame that all of nacre's pages share: one self-contained HTML file that loads nothing, with one look and one set of
// drawing tools.
//
// page.html, page.css and plot.js of this folder are built into the program by CMake. What enters the frame is HTML already
// (app/page/html.hpp escapes); the page forbids itself any network access by a content security policy.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nacre/base/json.hpp"

namespace nacre {

struct Page {
  std::string title;  // plain text
  std::string brand;  // what kind of page it is, plain text
  std::string made_at;
  std::vector<std::pair<std::string, std::string>> links;  // id and label of sections; those that are there are linked
  std::string sections;                                    // HTML: <section id=...>...
  std::string_view style = "";                             // CSS beside the common one
  std::string_view script = "";                            // run after plot.js; finds `data` in #report-data
  Json data;
};

// Pure: the same parts give the same bytes.
std::string render_page(const Page& page);

}  // namespace nacre
