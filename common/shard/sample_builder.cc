#include "common/shard/sample_builder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/shard/caption.h"
#include "common/shard/image_header.h"
#include "common/utf8.h"

namespace keel {
namespace {

constexpr size_t kLongestNameShown = 256;
// A caption of the largest size may end in "\r\n".
constexpr int64_t kLineEndBytes = 2;

std::string ItemDigest(std::string_view bytes) {
  return Sha256Bytes(bytes).substr(0, kItemDigestBytes);
}

bool IsBlank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isspace(c) || c == '\0';
  });
}

// As "a.png" at offset 512, which is where its data start.
std::string Named(const TarEntry& entry) {
  return absl::StrCat(QuotedName(entry.path), " at offset ", entry.offset);
}

}  // namespace

std::string QuotedName(std::string_view name) {
  return absl::StrCat("\"", ToValidUtf8(name, kLongestNameShown), "\"");
}

SampleBuilder::SampleBuilder(const ShardLimits& limits, std::string key)
    : limits_(limits) {
  sample_.key = std::move(key);
}

void SampleBuilder::Reject(std::string_view reason,
                           const std::string& message) {
  if (rejection_.has_value()) return;
  rejection_ = ShardRejection{ToValidUtf8(sample_.key, kLongestNameShown),
                              std::string(reason), message};
}

bool SampleBuilder::StartEntry(const TarEntry& entry, const EntryPath& path) {
  if (path.role == EntryRole::kDottedImage) {
    dotted_image_ = entry.path;
    return false;
  }
  if (EscapesFolder(entry.path)) {
    Reject(shard_reason::kPathEscape,
           absl::StrCat("entry ", Named(entry),
                        " leads out of the shard's folder"));
  } else if (entry.type != TarEntryType::kFile) {
    Reject(shard_reason::kEntryType,
           absl::StrCat("entry ", Named(entry),
                        " is a link, a device or otherwise no plain file"));
  } else if (path.role == EntryRole::kImage &&
             std::exchange(has_image_, true)) {
    Reject(shard_reason::kImageDuplicate,
           absl::StrCat("sample ", QuotedName(key()), " has a second image, ",
                        Named(entry)));
  }
  return !rejection_.has_value() && FitsLimits(entry, path.role);
}

bool SampleBuilder::FitsLimits(const TarEntry& entry, EntryRole role) {
  const std::string has =
      absl::StrCat("entry ", Named(entry), " has ", entry.size, " bytes; ");
  if (role == EntryRole::kImage && entry.size > limits_.max_image_bytes) {
    Reject(shard_reason::kImageTooManyBytes,
           absl::StrCat(has, "an image has at most ", limits_.max_image_bytes));
  } else if (role == EntryRole::kText &&
             entry.size > limits_.max_caption_bytes + kLineEndBytes) {
    Reject(
        shard_reason::kCaptionTooLong,
        absl::StrCat(has, "a caption has at most ", limits_.max_caption_bytes));
  } else if (role == EntryRole::kJson && entry.size > limits_.max_json_bytes) {
    Reject(shard_reason::kCaptionJson,
           absl::StrCat(has, "a .json entry has at most ",
                        limits_.max_json_bytes));
  }
  return !rejection_.has_value();
}

void SampleBuilder::AddData(const TarEntry& entry, EntryRole role,
                            std::string_view bytes) {
  switch (role) {
    case EntryRole::kImage:
      return AddImage(entry, bytes);
    case EntryRole::kText:
      return AddCaption(entry, kCaptionWholeEntry, CaptionOfText(bytes));
    case EntryRole::kJson:
      return AddJson(entry, bytes);
    case EntryRole::kDottedImage:
    case EntryRole::kIgnored:
      return;
  }
}

void SampleBuilder::AddImage(const TarEntry& entry, std::string_view bytes) {
  if (bytes.empty()) {
    return Reject(shard_reason::kImageEmpty,
                  absl::StrCat("image ", Named(entry), " has no bytes"));
  }
  const auto header = ParseImageHeader(bytes);
  if (!header.ok()) {
    return Reject(shard_reason::kImageFormat,
                  absl::StrCat("image ", Named(entry),
                               " is not usable: ", header.status().message()));
  }
  if (header->pixels() > limits_.max_image_pixels) {
    return Reject(shard_reason::kImageTooLarge,
                  absl::StrCat("image ", Named(entry), " has ", header->width,
                               " x ", header->height, " = ", header->pixels(),
                               " pixels; at most ", limits_.max_image_pixels,
                               " are allowed"));
  }
  sample_.image_offset = entry.offset;
  sample_.image_size_bytes = static_cast<int32_t>(bytes.size());
  sample_.image_digest = ItemDigest(bytes);
  sample_.format = header->format;
  sample_.width = header->width;
  sample_.height = header->height;
}

void SampleBuilder::AddJson(const TarEntry& entry, std::string_view bytes) {
  const absl::StatusOr<std::vector<JsonCaption>> captions =
      CaptionsOfJson(bytes);
  if (!captions.ok()) {
    return Reject(shard_reason::kCaptionJson,
                  absl::StrCat("entry ", Named(entry), " is not usable: ",
                               captions.status().message()));
  }
  for (const JsonCaption& caption : *captions) {
    AddCaption(entry, caption.position, caption.text);
  }
}

void SampleBuilder::AddCaption(const TarEntry& entry, int json_position,
                               std::string_view text) {
  if (IsBlank(text)) {
    has_blank_caption_ = true;
    return;
  }
  const std::string where = absl::StrCat("a caption in entry ", Named(entry));
  if (static_cast<int64_t>(text.size()) > limits_.max_caption_bytes) {
    return Reject(shard_reason::kCaptionTooLong,
                  absl::StrCat(where, " has ", text.size(), " bytes; at most ",
                               limits_.max_caption_bytes, " are allowed"));
  }
  if (!IsValidUtf8(text)) {
    return Reject(shard_reason::kCaptionNotUtf8,
                  absl::StrCat(where, " is not UTF-8"));
  }
  ShardCaption caption{ItemDigest(text), entry.offset,
                       static_cast<int32_t>(entry.size), json_position};
  for (const ShardCaption& other : sample_.captions) {
    if (other.digest == caption.digest) return;
  }
  if (static_cast<int64_t>(sample_.captions.size()) >=
      limits_.max_captions_per_sample) {
    return Reject(shard_reason::kTooManyCaptions,
                  absl::StrCat("sample ", QuotedName(key()), " has more than ",
                               limits_.max_captions_per_sample, " captions"));
  }
  sample_.captions.push_back(std::move(caption));
}

void SampleBuilder::RejectIfIncomplete() {
  const std::string has_no =
      absl::StrCat("sample ", QuotedName(key()), " has no ");
  if (!has_image_) {
    Reject(shard_reason::kImageMissing,
           absl::StrCat(has_no, "image (.jpg, .jpeg, .png or .webp)",
                        dotted_image_.empty()
                            ? ""
                            : absl::StrCat("; ", QuotedName(dotted_image_),
                                           " is none, because a key ends at "
                                           "the first dot of the name")));
  } else if (sample_.captions.empty() && has_blank_caption_) {
    Reject(shard_reason::kCaptionEmpty,
           absl::StrCat(has_no, "caption but blanks"));
  } else if (sample_.captions.empty()) {
    Reject(shard_reason::kCaptionMissing,
           absl::StrCat(has_no,
                        "caption (.txt, or \"caption\" or \"captions\" in "
                        "its .json)"));
  }
}

SampleBuilder::Result SampleBuilder::Finish() {
  RejectIfIncomplete();
  if (rejection_.has_value()) return *std::move(rejection_);
  return std::move(sample_);
}

}  // namespace keel
