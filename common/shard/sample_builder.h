// Puts one sample together from the entries that share its key, and decides
// whether it is usable.
#ifndef KEEL_COMMON_SHARD_SAMPLE_BUILDER_H_
#define KEEL_COMMON_SHARD_SAMPLE_BUILDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/shard/entry_path.h"
#include "common/shard/shard_types.h"
#include "common/shard/tar_reader.h"

namespace keel {

// Not thread-safe. One per sample.
class SampleBuilder {
 public:
  using Result = std::variant<ShardSample, ShardRejection>;

  // `limits` outlives the builder.
  SampleBuilder(const ShardLimits& limits, std::string key);

  const std::string& key() const { return sample_.key; }
  // Notes an entry of this key (none of role kIgnored) before its data. True
  // if they are wanted: then AddData takes them, all at once.
  bool StartEntry(const TarEntry& entry, const EntryPath& path);
  void AddData(const TarEntry& entry, EntryRole role, std::string_view bytes);
  // Leaves the sample out. The first reason stays.
  void Reject(std::string_view reason, const std::string& message);
  // The sample, or why it is left out. Ends the builder.
  Result Finish();

 private:
  bool FitsLimits(const TarEntry& entry, EntryRole role);
  void AddImage(const TarEntry& entry, std::string_view bytes);
  void AddJson(const TarEntry& entry, std::string_view bytes);
  void AddCaption(const TarEntry& entry, int json_position,
                  std::string_view text);
  void RejectIfIncomplete();

  const ShardLimits& limits_;
  ShardSample sample_;
  std::optional<ShardRejection> rejection_;
  bool has_image_ = false;
  bool has_blank_caption_ = false;
  // Path of an entry of role kDottedImage.
  std::string dotted_image_;
};

// The name of a key or path in a message: quoted, printable, not too long.
std::string QuotedName(std::string_view name);

}  // namespace keel

#endif  // KEEL_COMMON_SHARD_SAMPLE_BUILDER_H_
