#include "worker/data/text_cleaner.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "worker/data/html_entities.h"

namespace keel {
namespace {

// ftfy looks at no more at once.
constexpr size_t kMaxSegmentLength = 1'000'000;

struct Ligature {
  char32_t from;
  const char32_t* to;
};
constexpr Ligature kLigatures[] = {
    {0x132, U"IJ"},      {0x133, U"ij"},      {0x149, U"\u02BCn"},
    {0x1C4, U"D\u017D"}, {0x1C5, U"D\u017E"}, {0x1C6, U"d\u017E"},
    {0x1C7, U"LJ"},      {0x1C8, U"Lj"},      {0x1C9, U"lj"},
    {0x1CA, U"NJ"},      {0x1CB, U"Nj"},      {0x1CC, U"nj"},
    {0x1F1, U"DZ"},      {0x1F2, U"Dz"},      {0x1F3, U"dz"},
    {0xFB00, U"ff"},     {0xFB01, U"fi"},     {0xFB02, U"fl"},
    {0xFB03, U"ffi"},    {0xFB04, U"ffl"},    {0xFB05, U"\u017Ft"},
    {0xFB06, U"st"}};

std::u32string FromUtf8(std::string_view utf8) {
  std::u32string text;
  text.reserve(utf8.size());
  const auto* bytes = reinterpret_cast<const uint8_t*>(utf8.data());
  for (size_t i = 0; i < utf8.size();) {
    UChar32 c;
    U8_NEXT_OR_FFFD(bytes, i, utf8.size(), c);
    text.push_back(c);
  }
  return text;
}

icu::UnicodeString ToIcu(const std::u32string& text) {
  return icu::UnicodeString::fromUTF32(
      reinterpret_cast<const UChar32*>(text.data()),
      static_cast<int32_t>(text.size()));
}

std::u32string FromIcu(const icu::UnicodeString& text) {
  std::u32string out;
  out.reserve(text.length());
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    out.push_back(text.char32At(i));
  }
  return out;
}

// Inputs are normalized well below the lengths at which ICU's memory could
// fail; should it fail, the text stays as it is.
icu::UnicodeString Normalize(const icu::Normalizer2* normalizer,
                             const icu::UnicodeString& text) {
  UErrorCode error = U_ZERO_ERROR;
  icu::UnicodeString normal = normalizer->normalize(text, error);
  return U_SUCCESS(error) ? normal : text;
}

const icu::Normalizer2* Nfc() {
  UErrorCode error = U_ZERO_ERROR;
  return icu::Normalizer2::getNFCInstance(error);
}

uint8_t ClassOf(char32_t c) {
  return c < 0x300 ? 0 : u_getCombiningClass(static_cast<UChar32>(c));
}

// The only three that are no combining marks and decompose to some.
void AppendDecomposed(char32_t c, std::u32string& out) {
  switch (c) {
    case 0xF73:
      out.append(U"\u0F71\u0F72");
      break;
    case 0xF75:
      out.append(U"\u0F71\u0F74");
      break;
    case 0xF81:
      out.append(U"\u0F71\u0F80");
      break;
    default:
      out.push_back(c);
  }
}

// Combining marks in their canonical order. Normalization would find it by
// insertion, in quadratic time for a text of nothing but marks.
std::u32string OrderMarks(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (char32_t c : text) AppendDecomposed(c, out);
  for (auto begin = out.begin(); begin != out.end();) {
    begin = std::find_if(begin, out.end(), ClassOf);
    const auto end = std::find_if_not(begin, out.end(), ClassOf);
    std::stable_sort(begin, end, [](char32_t a, char32_t b) {
      return ClassOf(a) < ClassOf(b);
    });
    begin = end;
  }
  return out;
}

const icu::Normalizer2* Nfkc() {
  UErrorCode error = U_ZERO_ERROR;
  return icu::Normalizer2::getNFKCInstance(error);
}

char32_t Uncurl(char32_t c) {
  if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) return U'\'';
  if (c >= 0x201C && c <= 0x201F) return U'"';
  return c;
}

bool IsLineBreak(char32_t c) {
  return c == U'\r' || c == 0x2028 || c == 0x2029 || c == 0x85;
}

bool IsRemovedControl(char32_t c) {
  return c <= 0x8 || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F ||
         (c >= 0x206A && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFFF9 && c <= 0xFFFC);
}

void AppendStandardWidth(char32_t c, std::u32string& out) {
  if (c == 0x3000) {
    out.push_back(U' ');
  } else if (c >= 0xFF01 && c <= 0xFFEF) {
    out.append(FromIcu(
        Normalize(Nfkc(), icu::UnicodeString(static_cast<UChar32>(c)))));
  } else {
    out.push_back(c);
  }
}

void AppendWithoutLigature(char32_t c, std::u32string& out) {
  const auto* found =
      std::find_if(std::begin(kLigatures), std::end(kLigatures),
                   [c](const Ligature& l) { return l.from == c; });
  if (found == std::end(kLigatures)) {
    AppendStandardWidth(c, out);
  } else {
    out.append(found->to);
  }
}

std::u32string FixCharacters(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (char32_t c : text) {
    if (c < 0x7F) {
      out.push_back(c);
    } else {
      AppendWithoutLigature(FromWindows1252(c), out);
    }
  }
  std::transform(out.begin(), out.end(), out.begin(), Uncurl);
  return out;
}

std::u32string FixLineBreaks(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const bool pair =
        text[i] == U'\r' && i + 1 < text.size() && text[i + 1] == U'\n';
    if (pair) continue;
    out.push_back(IsLineBreak(text[i]) ? U'\n' : text[i]);
  }
  return out;
}

// Length of "ESC [ digits and semicolons, a letter" at `i`; 0: none.
size_t TerminalEscapeLength(const std::u32string& text, size_t i) {
  if (text[i] != 0x1B || i + 1 >= text.size() || text[i + 1] != U'[') return 0;
  size_t end = i + 2;
  while (end < text.size() && (text[end] == U';' || u_isdigit(text[end])))
    ++end;
  if (end >= text.size() || text[end] > 0x7F) return 0;
  return absl::ascii_isalpha(static_cast<unsigned char>(text[end]))
             ? end + 1 - i
             : 0;
}

std::u32string RemoveControls(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t escape = TerminalEscapeLength(text, i);
    if (escape == 0 && !IsRemovedControl(text[i])) out.push_back(text[i]);
    i += std::max<size_t>(escape, 1);
  }
  return out;
}

std::u32string Repair(const std::u32string& text) {
  const std::u32string fixed =
      RemoveControls(FixLineBreaks(FixCharacters(text)));
  return FromIcu(Normalize(Nfc(), ToIcu(OrderMarks(fixed))));
}

// Repeats until nothing changes, as ftfy does: one repair may uncover another.
// From the second round on, with terminal escapes gone, the order of repairs
// no longer matters but for the number of line breaks. So all references are
// followed to their end at once: one by one, nested references would take as
// many rounds as there are.
std::u32string FixSegment(std::u32string text, bool unescape) {
  for (bool first = true;; first = false) {
    std::u32string fixed = text;
    if (unescape) {
      fixed =
          first ? UnescapeHtmlStrictly(text) : UnescapeHtmlFully(text, Repair);
    }
    fixed = Repair(fixed);
    if (fixed == text) return fixed;
    text = std::move(fixed);
  }
}

// A '<' says that the text is HTML on purpose: from its line on, references
// are left alone.
std::u32string FixText(const std::u32string& text) {
  std::u32string out;
  bool unescape = true;
  for (size_t begin = 0; begin < text.size();) {
    const size_t newline = text.find(U'\n', begin);
    size_t end = newline == std::u32string::npos ? text.size() : newline + 1;
    end = std::min(end, begin + kMaxSegmentLength);
    std::u32string segment = text.substr(begin, end - begin);
    if (segment.find(U'<') != std::u32string::npos) unescape = false;
    out.append(FixSegment(std::move(segment), unescape));
    begin = end;
  }
  return out;
}

// What Python's str.split() cuts at.
bool IsBlank(char32_t c) {
  return (c >= 0x9 && c <= 0xD) || (c >= 0x1C && c <= 0x20) || c == 0x85 ||
         (c > 0x7F && u_isUWhiteSpace(c));
}

std::u32string CollapseBlanks(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  bool pending = false;
  for (char32_t c : text) {
    if (IsBlank(c)) {
      pending = !out.empty();
      continue;
    }
    if (pending) out.push_back(U' ');
    pending = false;
    out.push_back(c);
  }
  return out;
}

// True if only blanks and letters' case can need a change.
bool IsPlain(std::string_view utf8) {
  return std::all_of(utf8.begin(), utf8.end(), [](char c) {
    return (c >= ' ' && c <= '~' && c != '&') || c == '\n' || c == '\t';
  });
}

std::string CleanPlainText(std::string_view ascii) {
  std::string out(ascii);
  absl::RemoveExtraAsciiWhitespace(&out);
  std::replace_if(out.begin(), out.end(), absl::ascii_isspace, ' ');
  absl::AsciiStrToLower(&out);
  return out;
}

}  // namespace

std::string CleanText(std::string_view utf8) {
  if (IsPlain(utf8)) return CleanPlainText(utf8);
  std::u32string text = FixText(FromUtf8(utf8));
  text = CollapseBlanks(UnescapeHtml(UnescapeHtml(text)));
  icu::UnicodeString lower = ToIcu(text);
  lower.toLower(icu::Locale::getRoot());
  std::string out;
  return lower.toUTF8String(out);
}

}  // namespace keel
