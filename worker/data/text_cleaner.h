// Cleans a caption as OpenCLIP's tokenizer does before it cuts words:
// ftfy.fix_text, html.unescape twice, blanks collapsed, lower case.
//
// Of ftfy 6.3's default repairs these are made: HTML references, C1 control
// codes read as Windows-1252, Latin ligatures, full and half width, curly
// quotes, line breaks, terminal escapes, control characters, NFC. Not made:
// the repair of text that was decoded in a wrong encoding ("sÃ³" for "só"):
// such captions keep their bytes, and their tokens differ from OpenCLIP's.
#ifndef KEEL_WORKER_DATA_TEXT_CLEANER_H_
#define KEEL_WORKER_DATA_TEXT_CLEANER_H_

#include <string>
#include <string_view>

namespace keel {

// Thread-safe. Bytes that are not UTF-8 become U+FFFD. Takes O(n log n) for n
// bytes, whatever they are.
std::string CleanText(std::string_view utf8);

}  // namespace keel

#endif  // KEEL_WORKER_DATA_TEXT_CLEANER_H_
