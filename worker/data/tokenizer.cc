#include "worker/data/tokenizer.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <limits>
#include <string>

#include "worker/data/bounded_cache.h"
#include "worker/data/bpe.h"
#include "worker/data/embedded_data.h"
#include "worker/data/text_cleaner.h"

namespace keel {
namespace {

constexpr std::string_view kStartText = "<start_of_text>";
constexpr std::string_view kEndText = "<end_of_text>";
// Memory of encoded words. Longer words are rare and not kept.
constexpr int64_t kWordCacheBytes = 8 << 20;
constexpr size_t kMaxCachedWordBytes = 64;
constexpr int64_t kWordOverheadBytes = 96;

enum class CharClass { kBlank, kLetter, kNumber, kOther };

CharClass Classify(UChar32 c) {
  // The pattern, which ignores case, takes the combining iota for a letter
  // where letters are excluded, and for none where they are asked for.
  if (c == 0x345) return CharClass::kBlank;
  const uint32_t mask = U_GET_GC_MASK(c);
  if (mask & U_GC_L_MASK) return CharClass::kLetter;
  if (mask & U_GC_N_MASK) return CharClass::kNumber;
  return u_isUWhiteSpace(c) ? CharClass::kBlank : CharClass::kOther;
}

// Length of the run of `wanted` that `text` begins with, in bytes.
size_t RunLength(std::string_view text, CharClass wanted) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  size_t end = 0;
  for (size_t i = 0; i < text.size(); end = i) {
    UChar32 c;
    U8_NEXT_OR_FFFD(bytes, i, text.size(), c);
    if (Classify(c) != wanted) break;
  }
  return end;
}

// The pattern ignores case, and U+017F (long s), which has no lower case of
// its own, then equals 's': bytes of `text` that match `pattern`, or 0.
size_t MatchIgnoringCase(std::string_view text, std::string_view pattern) {
  constexpr std::string_view kLongS = "\u017F";
  size_t i = 0;
  for (char c : pattern) {
    const bool long_s = c == 's' && text.substr(i, kLongS.size()) == kLongS;
    if (!long_s && (i >= text.size() || text[i] != c)) return 0;
    i += long_s ? kLongS.size() : 1;
  }
  return i;
}

size_t FixedWordLength(std::string_view text) {
  for (std::string_view pattern :
       {kStartText, kEndText, std::string_view("'s"), std::string_view("'t"),
        std::string_view("'re"), std::string_view("'ve"),
        std::string_view("'m"), std::string_view("'ll"),
        std::string_view("'d")}) {
    if (size_t length = MatchIgnoringCase(text, pattern)) return length;
  }
  return 0;
}

struct Word {
  size_t length = 0;
  bool blank = false;
};

// The word at the beginning of `text`, which is not empty.
Word NextWord(std::string_view text) {
  if (text[0] == '<' || text[0] == '\'') {
    if (size_t length = FixedWordLength(text)) return {length, false};
  }
  UChar32 c;
  size_t first = 0;
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  U8_NEXT_OR_FFFD(bytes, first, text.size(), c);
  const CharClass kind = Classify(c);
  if (kind == CharClass::kNumber) return {first, false};
  return {RunLength(text, kind), kind == CharClass::kBlank};
}

}  // namespace

class Tokenizer::Impl {
 public:
  Impl() : bpe_(EmbeddedBpeMerges()), words_(kWordCacheBytes) {}

  // Stops once there are `limit` ids or more.
  std::vector<int32_t> Encode(std::string_view utf8, size_t limit) {
    const std::string clean = CleanText(utf8);
    std::vector<int32_t> ids;
    std::string_view rest = clean;
    while (!rest.empty() && ids.size() < limit) {
      const Word word = NextWord(rest);
      if (!word.blank) AppendWord(rest.substr(0, word.length), ids);
      rest.remove_prefix(word.length);
    }
    return ids;
  }

 private:
  void AppendWord(std::string_view word, std::vector<int32_t>& ids) {
    if (word == kStartText) return ids.push_back(kStart);
    if (word == kEndText) return ids.push_back(kEnd);
    if (word.size() > kMaxCachedWordBytes)
      return Append(bpe_.Encode(word), ids);
    const std::string key(word);
    auto known = words_.Find(key);
    if (known == nullptr) {
      known = std::make_shared<const std::vector<int32_t>>(bpe_.Encode(word));
      const auto bytes = static_cast<int64_t>(word.size() + 4 * known->size());
      words_.Insert(key, known, bytes + kWordOverheadBytes);
    }
    Append(*known, ids);
  }

  static void Append(const std::vector<int32_t>& more,
                     std::vector<int32_t>& ids) {
    ids.insert(ids.end(), more.begin(), more.end());
  }

  const Bpe bpe_;
  BoundedCache<std::string, std::vector<int32_t>> words_;
};

Tokenizer::Tokenizer() : impl_(std::make_unique<Impl>()) {}
Tokenizer::~Tokenizer() = default;

std::vector<int32_t> Tokenizer::Encode(std::string_view utf8) const {
  return impl_->Encode(utf8, std::numeric_limits<size_t>::max());
}

std::vector<int32_t> Tokenizer::Tokenize(std::string_view utf8,
                                         int context_length) const {
  const size_t room = static_cast<size_t>(context_length) - 2;
  std::vector<int32_t> ids = impl_->Encode(utf8, room);
  if (ids.size() > room) ids.resize(room);
  ids.insert(ids.begin(), kStart);
  ids.push_back(kEnd);
  return ids;
}

}  // namespace keel
