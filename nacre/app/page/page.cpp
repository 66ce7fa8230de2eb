#include "nacre/app/page/page.hpp"

#include <fmt/format.h>

#include "nacre/app/page/assets.hpp"
#include "nacre/app/page/html.hpp"
#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// Replaces each {{name}} of the frame once; what is inserted is not searched again.
std::string fill(std::string_view frame, const std::vector<std::pair<std::string, std::string>>& values) {
  std::string page;
  for (;;) {
    const size_t open = frame.find("{{");
    page += frame.substr(0, open);
    if (open == std::string_view::npos) return page;
    const size_t close = frame.find("}}", open);
    NACRE_CHECK(close != std::string_view::npos, "page.html: {{ without }}");
    const std::string_view name = frame.substr(open + 2, close - open - 2);
    bool found = false;
    for (const auto& [key, value] : values) {
      if (key != name) continue;
      page += value;
      found = true;
    }
    NACRE_CHECK(found, "page.html: unknown placeholder " + std::string(name));
    frame.remove_prefix(close + 2);
  }
}

}  // namespace

std::string render_page(const Page& page) {
  std::string links;
  for (const auto& [id, label] : page.links) {
    if (page.sections.find(fmt::format("<section id={}>", id)) != std::string::npos)
      links += html::element("a", fmt::format("href=\"#{}\"", id), html::escape(label));
  }
  return fill(page_assets::html, {{"title", html::escape(page.title)},
                                  {"brand", html::escape(page.brand)},
                                  {"made_at", html::escape(page.made_at)},
                                  {"navigation", links},
                                  {"sections", page.sections},
                                  {"style", std::string(page_assets::css) + std::string(page.style)},
                                  {"script", std::string(page_assets::js) + std::string(page.script)},
                                  {"data", html::script_json(page.data)}});
}

}  // namespace nacre
