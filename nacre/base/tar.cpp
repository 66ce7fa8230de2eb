#include "nacre/base/tar.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr size_t kBlock = 512;

std::string_view text_field(std::string_view header, size_t offset, size_t length) {
  const std::string_view field = header.substr(offset, length);
  return field.substr(0, field.find('\0'));
}

// Octal digits, padded with spaces or zeros and closed by a space or zero.
uint64_t octal(std::string_view text, const std::string& origin) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  text = text.substr(0, text.find(' '));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (text.empty()) return 0;
  if (error != std::errc{} || end != text.data() + text.size())
    throw UserError(origin + ": '" + std::string(text) + "' is no size; this is no tar archive");
  return value;
}

// The checksum counts its own field as spaces.
bool has_right_checksum(std::string_view header, const std::string& origin) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i)
    sum += i >= 148 && i < 156 ? static_cast<uint64_t>(' ') : static_cast<unsigned char>(header[i]);
  return sum == octal(text_field(header, 148, 8), origin);
}

// The value of "path" among pax records: "<length> <key>=<value>\n", where the length counts the whole record.
std::string pax_path(std::string_view records) {
  std::string path;
  while (!records.empty()) {
    size_t length = 0;
    const auto [end, error] = std::from_chars(records.data(), records.data() + records.size(), length);
    const auto digits = static_cast<size_t>(end - records.data());
    if (error != std::errc{} || length <= digits + 1 || length > records.size()) break;
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    if (record.starts_with("path=")) path = record.substr(5);
    records.remove_prefix(length);
  }
  return path;
}

}  // namespace

std::vector<TarEntry> read_tar(std::string_view archive, const std::string& origin) {
  std::vector<TarEntry> entries;
  std::string long_name;  // of the next entry
  for (size_t at = 0; at < archive.size() && archive[at] != '\0';) {
    if (archive.size() - at < kBlock) throw UserError(origin + ": the archive ends within a header");
    const std::string_view header = archive.substr(at, kBlock);
    if (!has_right_checksum(header, origin))
      throw UserError(origin + ": the checksum of a header is wrong; this is no tar archive, or it is damaged");
    const uint64_t size = octal(text_field(header, 124, 12), origin);
    at += kBlock;
    if (size > archive.size() - at) {
      throw UserError(origin + ": '" + std::string(text_field(header, 0, 100)) + "' has " + std::to_string(size) +
                      " bytes, but the archive ends after " + std::to_string(archive.size() - at));
    }
    const std::string_view content = archive.substr(at, size);
    at = std::min<size_t>(archive.size(), at + (size + kBlock - 1) / kBlock * kBlock);
    switch (header[156]) {
      case 'L': long_name = content.substr(0, content.find('\0')); continue;
      case 'x': long_name = pax_path(content); continue;
      case '0':
      case '\0': {
        const std::string_view prefix = header.substr(257, 5) == "ustar" ? text_field(header, 345, 155) : "";
        std::string path = long_name;
        if (path.empty())
          path = (prefix.empty() ? "" : std::string(prefix) + "/") + std::string(text_field(header, 0, 100));
        if (path.starts_with("./")) path.erase(0, 2);
        entries.push_back({.path = std::move(path), .content = content});
        break;
      }
      default: break;
    }
    long_name.clear();
  }
  return entries;
}

}  // namespace nacre
