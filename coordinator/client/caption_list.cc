#include "coordinator/client/caption_list.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"
#include "common/utf8.h"
#include "coordinator/client/image_extension.h"

namespace keel {
namespace {

absl::StatusOr<CaptionedImage> ParseLine(const std::string& line) {
  if (!IsValidUtf8(line)) return absl::InvalidArgumentError("not UTF-8");
  const std::vector<std::string> columns = absl::StrSplit(line, '\t');
  CaptionedImage image;
  image.path = columns[0];
  if (image.path.empty()) return absl::InvalidArgumentError("no image path");
  if (image.path[0] == '/') {
    return absl::InvalidArgumentError(absl::StrCat(
        image.path, " is absolute; paths are relative to --images"));
  }
  if (ImageExtension(image.path).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(image.path, " is neither .jpg, .jpeg, .png nor .webp"));
  }
  for (size_t i = 1; i < columns.size(); ++i) {
    const std::string caption(absl::StripAsciiWhitespace(columns[i]));
    if (!caption.empty()) image.captions.push_back(caption);
    if (i == 1 && caption.empty()) break;
  }
  if (image.captions.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(image.path, " has no caption"));
  }
  return image;
}

}  // namespace

absl::StatusOr<std::vector<CaptionedImage>> ParseCaptionList(
    std::string_view tsv, std::string_view file_name) {
  std::vector<CaptionedImage> images;
  int number = 0;
  while (!tsv.empty()) {
    ++number;
    const size_t end = std::min(tsv.find('\n'), tsv.size());
    std::string line(tsv.substr(0, end));
    tsv.remove_prefix(std::min(tsv.size(), end + 1));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    auto image = ParseLine(line);
    if (!image.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          std::string(file_name), ":", number, ": ", image.status().message()));
    }
    image->line = number;
    images.push_back(*std::move(image));
  }
  return images;
}

}  // namespace keel
