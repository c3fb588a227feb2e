// The table that `keel pack` reads: an image's path and its captions per line.
#ifndef KEEL_COORDINATOR_CLIENT_CAPTION_LIST_H_
#define KEEL_COORDINATOR_CLIENT_CAPTION_LIST_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace keel {

struct CaptionedImage {
  // Relative to the folder of images.
  std::string path;
  // At least one; none is empty.
  std::vector<std::string> captions;
  // Line in the table, from 1.
  int line = 0;
};

// Parses tab-separated lines; blank lines are skipped, line ends may be \r\n,
// empty columns behind the first caption are ignored. Pure. `file_name` is for
// messages. INVALID_ARGUMENT, with file and line: no caption, text that is not
// UTF-8, an absolute path, or an image that is neither .jpg, .jpeg, .png nor
// .webp.
absl::StatusOr<std::vector<CaptionedImage>> ParseCaptionList(
    std::string_view tsv, std::string_view file_name);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_CAPTION_LIST_H_
