#include "worker/data/html_entities.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "worker/data/embedded_data.h"

namespace keel {
namespace {

constexpr size_t kMaxNameLength = 32;
constexpr size_t kMaxStrictNameLength = 24;
// With "&#" and ";".
constexpr size_t kMaxStrictLength = kMaxStrictNameLength + 3;
constexpr uint32_t kMaxCodePoint = 0x10FFFF;

// What a reference stands for, and how many characters it takes, from its '&'.
struct Reference {
  std::u32string text;
  size_t length = 0;
};

using EntityTable = std::unordered_map<std::string_view, std::u32string>;

std::u32string ParseCodePoints(std::string_view hexadecimal) {
  std::u32string text;
  const char* const end = hexadecimal.data() + hexadecimal.size();
  for (const char* p = hexadecimal.data(); p < end; ++p) {
    uint32_t c = 0;
    p = std::from_chars(p, end, c, 16).ptr;
    text.push_back(c);
  }
  return text;
}

const EntityTable& Entities() {
  static const EntityTable* const table = [] {
    auto* entities = new EntityTable;
    for (std::string_view line : SplitLines(EmbeddedHtmlEntities())) {
      if (line.front() == '#') continue;
      const size_t tab = line.find('\t');
      entities->emplace(line.substr(0, tab),
                        ParseCodePoints(line.substr(tab + 1)));
    }
    return entities;
  }();
  return *table;
}

const std::u32string* FindEntity(std::string_view name) {
  const auto it = Entities().find(name);
  return it == Entities().end() ? nullptr : &it->second;
}

bool IsDigit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool IsLower(char32_t c) { return c >= U'a' && c <= U'z'; }
bool IsUpper(char32_t c) { return c >= U'A' && c <= U'Z'; }

int HexValue(char32_t c) {
  if (IsDigit(c)) return static_cast<int>(c - U'0');
  if (c >= U'a' && c <= U'f') return static_cast<int>(c - U'a') + 10;
  if (c >= U'A' && c <= U'F') return static_cast<int>(c - U'A') + 10;
  return -1;
}

// Characters that a reference by number cannot name.
bool IsDropped(uint32_t c) {
  return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) ||
         (c >= 0x7F && c <= 0x9F) || (c >= 0xFDD0 && c <= 0xFDEF) ||
         (c & 0xFFFE) == 0xFFFE;
}

std::u32string TextOfNumber(uint32_t number) {
  if (number >= 0x80 && number <= 0x9F) {
    return std::u32string(1, FromWindows1252(number));
  }
  const bool surrogate = number >= 0xD800 && number <= 0xDFFF;
  if (number == 0 || surrogate || number > kMaxCodePoint) return U"\uFFFD";
  if (IsDropped(number)) return U"";
  return std::u32string(1, number);
}

// `text` begins with "&#".
std::optional<Reference> ParseNumber(std::u32string_view text) {
  size_t i = 2;
  uint32_t base = 10;
  if (i < text.size() && (text[i] == U'x' || text[i] == U'X')) {
    base = 16;
    ++i;
  }
  const size_t first = i;
  uint32_t number = 0;
  for (; i < text.size(); ++i) {
    const int digit = HexValue(text[i]);
    if (digit < 0 || digit >= static_cast<int>(base)) break;
    number = std::min<uint32_t>(number * base + digit, kMaxCodePoint + 1);
  }
  if (i == first) return std::nullopt;
  if (i < text.size() && text[i] == U';') ++i;
  return Reference{TextOfNumber(number), i};
}

bool EndsName(char32_t c) {
  return std::u32string_view(U"\t\n\f <&#;").find(c) !=
         std::u32string_view::npos;
}

// The ASCII characters that `text` begins with.
std::string AsciiPrefix(std::u32string_view text) {
  std::string prefix;
  for (char32_t c : text) {
    if (c > 0x7F) break;
    prefix.push_back(static_cast<char>(c));
  }
  return prefix;
}

// `text` begins with '&'. The whole name, else its longest known beginning.
std::optional<Reference> ParseName(std::u32string_view text) {
  size_t end = 1;
  while (end < text.size() && end <= kMaxNameLength && !EndsName(text[end]))
    ++end;
  if (end == 1) return std::nullopt;
  if (end < text.size() && text[end] == U';') ++end;
  const std::string name = AsciiPrefix(text.substr(1, end - 1));
  for (size_t length = name.size(); length > 1; --length) {
    const auto* entity = FindEntity(std::string_view(name).substr(0, length));
    if (entity != nullptr) return Reference{*entity, 1 + length};
  }
  return std::nullopt;
}

// A reference as Python's html.unescape knows it, at the '&' of `text`.
std::optional<Reference> ParseReference(std::u32string_view text) {
  if (text.size() > 1 && text[1] == U'#') return ParseNumber(text);
  return ParseName(text);
}

std::u32string ToUpper(const std::u32string& text) {
  icu::UnicodeString upper = icu::UnicodeString::fromUTF32(
      reinterpret_cast<const UChar32*>(text.data()),
      static_cast<int32_t>(text.size()));
  upper.toUpper(icu::Locale::getRoot());
  std::u32string out;
  for (int32_t i = 0; i < upper.length(); i = upper.moveIndex32(i, 1)) {
    out.push_back(upper.char32At(i));
  }
  return out;
}

// The entity whose lower-case name was written in upper case: `reference` is
// "&NAME;".
std::optional<std::u32string> FindUpperCased(std::u32string_view reference) {
  std::string name = AsciiPrefix(reference.substr(1));
  if (std::any_of(name.begin(), name.end(), IsLower)) return std::nullopt;
  if (ParseName(reference).has_value()) return std::nullopt;
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return IsUpper(c) ? static_cast<char>(c + 32) : c;
  });
  const auto* entity = FindEntity(name);
  if (entity == nullptr) return std::nullopt;
  return ToUpper(*entity);
}

// Length of "&#?[0-9A-Za-z]{1,24};" at the beginning of `text`; 0: none.
size_t StrictLength(std::u32string_view text) {
  size_t i = 1;
  if (i < text.size() && text[i] == U'#') ++i;
  const size_t first = i;
  while (i < text.size() &&
         (IsDigit(text[i]) || IsLower(text[i]) || IsUpper(text[i]))) {
    ++i;
  }
  const size_t count = i - first;
  const bool closed = i < text.size() && text[i] == U';';
  return closed && count >= 1 && count <= kMaxStrictNameLength ? i + 1 : 0;
}

std::optional<Reference> ParseStrictly(std::u32string_view text) {
  const size_t length = StrictLength(text);
  if (length == 0) return std::nullopt;
  const std::u32string_view reference = text.substr(0, length);
  if (reference[1] == U'#') {
    auto number = ParseNumber(reference);
    const bool whole = number.has_value() && number->length == length;
    return whole && number->text != U";" ? number : std::nullopt;
  }
  if (const auto* entity = FindEntity(AsciiPrefix(reference.substr(1)))) {
    return Reference{*entity, length};
  }
  if (auto upper = FindUpperCased(reference)) return Reference{*upper, length};
  return std::nullopt;
}

// The reference that ends where `text` does, which is at a ';'.
std::optional<Reference> ParseStrictlyAtEnd(std::u32string_view text) {
  const size_t window = std::min(text.size(), kMaxStrictLength);
  const std::u32string_view tail = text.substr(text.size() - window);
  const size_t begin = tail.rfind(U'&');
  if (begin == std::u32string_view::npos) return std::nullopt;
  auto reference = ParseStrictly(tail.substr(begin));
  const bool whole = reference && reference->length == window - begin;
  return whole ? reference : std::nullopt;
}

template <typename Parse>
std::u32string ReplaceReferences(std::u32string_view text, Parse parse) {
  std::u32string out;
  out.reserve(text.size());
  size_t i = 0;
  while (i < text.size()) {
    std::optional<Reference> reference;
    if (text[i] == U'&') reference = parse(text.substr(i));
    out.append(reference ? reference->text : std::u32string(1, text[i]));
    i += reference ? reference->length : 1;
  }
  return out;
}

}  // namespace

std::u32string UnescapeHtml(std::u32string_view text) {
  return ReplaceReferences(text, ParseReference);
}

std::u32string UnescapeHtmlStrictly(std::u32string_view text) {
  return ReplaceReferences(text, ParseStrictly);
}

std::u32string UnescapeHtmlFully(
    std::u32string_view text,
    const std::function<std::u32string(const std::u32string&)>& repair) {
  std::u32string out;
  out.reserve(text.size());
  // What references stood for and is to be read again, last character first.
  std::u32string again;
  for (size_t i = 0; i < text.size() || !again.empty();) {
    if (again.empty()) {
      out.push_back(text[i++]);
    } else {
      out.push_back(again.back());
      again.pop_back();
    }
    if (out.back() != U';') continue;
    const auto reference = ParseStrictlyAtEnd(out);
    if (!reference) continue;
    out.resize(out.size() - reference->length);
    const std::u32string repaired = repair(reference->text);
    again.append(repaired.rbegin(), repaired.rend());
  }
  return out;
}

char32_t FromWindows1252(char32_t c) {
  static constexpr char16_t kTable[32] = {
      0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
      0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008D, 0x017D, 0x008F,
      0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
      0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};
  return c >= 0x80 && c <= 0x9F ? kTable[c - 0x80] : c;
}

}  // namespace keel
