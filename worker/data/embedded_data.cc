#include "worker/data/embedded_data.h"

#include <algorithm>
#include <cstddef>

// The assembler copies the files: a C array of this size would take the
// compiler many seconds.
#define KEEL_EMBED(symbol, file)            \
  asm(".pushsection .rodata\n"              \
      ".balign 16\n"                        \
      ".global " #symbol                    \
      "_begin\n"                            \
      ".hidden " #symbol "_begin\n" #symbol \
      "_begin:\n"                           \
      ".incbin \"" file                     \
      "\"\n"                                \
      ".global " #symbol                    \
      "_end\n"                              \
      ".hidden " #symbol "_end\n" #symbol   \
      "_end:\n"                             \
      ".byte 0\n"                           \
      ".popsection\n")

KEEL_EMBED(keel_bpe_merges, KEEL_BPE_MERGES_FILE);
KEEL_EMBED(keel_html_entities, KEEL_HTML_ENTITIES_FILE);

extern "C" {
extern const char keel_bpe_merges_begin[];
extern const char keel_bpe_merges_end[];
extern const char keel_html_entities_begin[];
extern const char keel_html_entities_end[];
}

namespace keel {
namespace {

std::string_view Between(const char* begin, const char* end) {
  return std::string_view(begin, static_cast<size_t>(end - begin));
}

}  // namespace

std::string_view EmbeddedBpeMerges() {
  return Between(keel_bpe_merges_begin, keel_bpe_merges_end);
}

std::string_view EmbeddedHtmlEntities() {
  return Between(keel_html_entities_begin, keel_html_entities_end);
}

std::vector<std::string_view> SplitLines(std::string_view table) {
  std::vector<std::string_view> lines;
  while (!table.empty()) {
    const size_t end = std::min(table.find('\n'), table.size());
    if (end > 0) lines.push_back(table.substr(0, end));
    table.remove_prefix(std::min(end + 1, table.size()));
  }
  return lines;
}

}  // namespace keel
