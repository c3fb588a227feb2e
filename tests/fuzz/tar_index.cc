// Input: flags, the length of pieces, a tar. The index must not depend on how
// the tar was cut, and must say the truth about the bytes.
#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/shard/caption.h"
#include "common/shard/image_header.h"
#include "common/shard/shard_indexer.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/testing/tar_writer.h"

namespace keel::testing {
namespace {

enum Flag { kSeal = 1, kSmallLimits = 2 };

ShardLimits Limits(uint8_t flags) {
  if ((flags & kSmallLimits) == 0) return {};
  return {.max_image_pixels = 400,
          .max_image_bytes = 200,
          .max_caption_bytes = 16,
          .max_samples = 3,
          .max_captions_per_sample = 2,
          .max_json_bytes = 60};
}

absl::StatusOr<ShardIndex> Index(const ShardLimits& limits,
                                 std::string_view tar, size_t piece) {
  ShardIndexer indexer(limits);
  while (!tar.empty()) {
    const std::string_view head = tar.substr(0, std::min(piece, tar.size()));
    if (const absl::Status status = indexer.Consume(head); !status.ok()) {
      return status;
    }
    tar.remove_prefix(head.size());
  }
  return indexer.Finish();
}

std::string ItemDigest(std::string_view bytes) {
  return Sha256Bytes(bytes).substr(0, kItemDigestBytes);
}

void CheckSample(std::string_view tar, const ShardSample& sample,
                 const ShardLimits& limits) {
  const auto size = static_cast<int64_t>(tar.size());
  FuzzCheck(sample.image_offset >= 0 && sample.image_size_bytes > 0 &&
                sample.image_offset + sample.image_size_bytes <= size,
            "the image lies in the tar");
  const std::string_view image =
      tar.substr(sample.image_offset, sample.image_size_bytes);
  FuzzCheck(ItemDigest(image) == sample.image_digest, "the image's digest");
  const auto header = ParseImageHeader(image);
  FuzzCheck(header.ok() && header->width == sample.width &&
                header->height == sample.height &&
                header->pixels() <= limits.max_image_pixels,
            "the image's header");
  FuzzCheck(!sample.captions.empty(), "a sample has a caption");
  for (const ShardCaption& caption : sample.captions) {
    FuzzCheck(caption.offset >= 0 && caption.size_bytes > 0 &&
                  caption.offset + caption.size_bytes <= size,
              "the caption lies in the tar");
    const auto text = CaptionFromEntry(
        tar.substr(caption.offset, caption.size_bytes), caption.json_position);
    FuzzCheck(text.ok() && ItemDigest(*text) == caption.digest,
              "the caption's digest");
  }
}

void CheckEqual(const absl::StatusOr<ShardIndex>& a,
                const absl::StatusOr<ShardIndex>& b) {
  FuzzCheck(a.status() == b.status(),
            absl::StrCat("the same status for every cut: ",
                         a.status().ToString(), ", ", b.status().ToString()));
  if (!a.ok()) return;
  FuzzCheck(a->samples == b->samples, "the same samples for every cut");
  FuzzCheck(a->rejected == b->rejected &&
                a->rejected_by_reason == b->rejected_by_reason,
            "the same rejections for every cut");
}

}  // namespace
}  // namespace keel::testing

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace keel::testing;  // NOLINT(google-build-using-namespace)
  FuzzInput input(data, size);
  const uint8_t flags = input.Byte();
  const size_t piece = 1 + input.Byte();
  std::string tar(input.Rest());
  if ((flags & kSeal) != 0) TarWriter::SealHeaders(&tar);
  const keel::ShardLimits limits = Limits(flags);
  const auto whole = Index(limits, tar, tar.size());
  CheckEqual(whole, Index(limits, tar, piece));
  if (!whole.ok()) return 0;
  for (const auto& sample : whole->samples) CheckSample(tar, sample, limits);
  return 0;
}
