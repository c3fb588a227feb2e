// Tables that are built into the program.
#ifndef KEEL_WORKER_DATA_EMBEDDED_DATA_H_
#define KEEL_WORKER_DATA_EMBEDDED_DATA_H_

#include <string_view>
#include <vector>

namespace keel {

// The 48,894 merges of CLIP's byte-pair encoding, one "first second" per line,
// most frequent first, in UTF-8.
std::string_view EmbeddedBpeMerges();

// HTML's named character references, one "name<TAB>code points" per line: the
// name with its semicolon where it has one, the code points in hexadecimal,
// separated by blanks. Lines that start with '#' are comments.
std::string_view EmbeddedHtmlEntities();

// The lines of a table, without line ends; empty ones are left out.
std::vector<std::string_view> SplitLines(std::string_view table);

}  // namespace keel

#endif  // KEEL_WORKER_DATA_EMBEDDED_DATA_H_
