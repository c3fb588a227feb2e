// What is known of a shard once it was read: its usable samples, with the
// places of their bytes, and what was left out by reason. Plain values.
#ifndef KEEL_COMMON_SHARD_SHARD_TYPES_H_
#define KEEL_COMMON_SHARD_SHARD_TYPES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keel {

// Bounds that protect whoever reads a shard. All are positive. Those that a
// stream's configuration has too (limits.*) have the same defaults.
struct ShardLimits {
  int64_t max_image_pixels = 100'000'000;
  // At most 2^31 - 1, as the next one.
  int64_t max_image_bytes = int64_t{64} << 20;
  int64_t max_caption_bytes = int64_t{64} << 10;
  // Accepted and rejected ones together.
  int64_t max_samples = 1'000'000;
  int64_t max_captions_per_sample = 100;
  // Largest .json entry; most of it may be metadata that nobody reads here.
  int64_t max_json_bytes = int64_t{1} << 20;
};

// Bytes of a digest that names an image or a caption: the first ones of its
// SHA-256.
inline constexpr int kItemDigestBytes = 16;

// Places of a caption in its entry; others are positions in "captions".
inline constexpr int kCaptionString = -1;
inline constexpr int kCaptionWholeEntry = -2;

// One caption; fields as in keel.storage.v1.CaptionIndex.
struct ShardCaption {
  std::string digest;
  int64_t offset = 0;
  int32_t size_bytes = 0;
  int json_position = kCaptionWholeEntry;

  bool operator==(const ShardCaption&) const = default;
};

// The numbers are those of keel.storage.v1.SampleIndex.Format.
enum class ImageFormat { kUnknown = 0, kJpeg = 1, kPng = 2, kWebp = 3 };

// One usable sample; fields as in keel.storage.v1.SampleIndex.
struct ShardSample {
  std::string key;
  int64_t image_offset = 0;
  int32_t image_size_bytes = 0;
  std::string image_digest;
  ImageFormat format = ImageFormat::kUnknown;
  int32_t width = 0;
  int32_t height = 0;
  // At least one; no two have the same digest.
  std::vector<ShardCaption> captions;

  bool operator==(const ShardSample&) const = default;
};

// Why a sample is left out. The names are stable: users count by them.
namespace shard_reason {
inline constexpr std::string_view kImageMissing = "IMAGE_MISSING";
inline constexpr std::string_view kImageEmpty = "IMAGE_EMPTY";
// Neither JPEG, PNG nor WebP, or a header that cannot be read.
inline constexpr std::string_view kImageFormat = "IMAGE_FORMAT";
// More pixels than allowed.
inline constexpr std::string_view kImageTooLarge = "IMAGE_TOO_LARGE";
inline constexpr std::string_view kImageTooManyBytes = "IMAGE_TOO_MANY_BYTES";
// Two images under one key.
inline constexpr std::string_view kImageDuplicate = "IMAGE_DUPLICATE";
inline constexpr std::string_view kCaptionMissing = "CAPTION_MISSING";
// Nothing but blanks.
inline constexpr std::string_view kCaptionEmpty = "CAPTION_EMPTY";
inline constexpr std::string_view kCaptionNotUtf8 = "CAPTION_NOT_UTF8";
inline constexpr std::string_view kCaptionTooLong = "CAPTION_TOO_LONG";
// The .json entry cannot be read, is too large, or has captions of another
// type than text.
inline constexpr std::string_view kCaptionJson = "CAPTION_JSON";
inline constexpr std::string_view kTooManyCaptions = "TOO_MANY_CAPTIONS";
// The key was there before, and other keys in between.
inline constexpr std::string_view kKeyDuplicate = "KEY_DUPLICATE";
inline constexpr std::string_view kKeyNotUtf8 = "KEY_NOT_UTF8";
inline constexpr std::string_view kKeyTooLong = "KEY_TOO_LONG";
// An absolute path, or one with "..".
inline constexpr std::string_view kPathEscape = "PATH_ESCAPE";
// A link, a device or another entry that is no plain file.
inline constexpr std::string_view kEntryType = "ENTRY_TYPE";
}  // namespace shard_reason

struct ShardRejection {
  // Valid UTF-8: other bytes are shown as '?'.
  std::string key;
  std::string reason;
  // One sentence for a person.
  std::string message;

  bool operator==(const ShardRejection&) const = default;
};

// A shard's samples in tar order, and what was left out.
struct ShardIndex {
  std::vector<ShardSample> samples;
  int64_t rejected_count = 0;
  std::map<std::string, int64_t> rejected_by_reason;
  // The first 100.
  std::vector<ShardRejection> rejected;
};

}  // namespace keel

#endif  // KEEL_COMMON_SHARD_SHARD_TYPES_H_
